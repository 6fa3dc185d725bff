# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run a student: one image in, labels, confidence and metric depth out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime

from famda_ros.errors import FamdaError
from famda_ros.resources import resolve
from famda_ros.student.bound_session import BoundSession
from famda_ros.student.camera_geometry import network_focal, network_size
from famda_ros.student.depth_units import rescale_to_focal
from famda_ros.student.kept_graph import open_kept
from famda_ros.student.model_card import OUTPUTS as OUTPUT_TYPES
from famda_ros.student.model_card import ModelCard, check_model, first_line, open_on_cpu, read_model
from famda_ros.student.parity import PROBES_KEY, Agreement, compare, decode_probes
from famda_ros.student.providers import (
    AUTO,
    BUILDS_ENGINES,
    PROVIDERS,
    candidates,
    engine_folder,
    provider_options,
    session_options,
)  # fmt: skip
from famda_ros.student.resize import beyond_range, resize_depth, resize_image, resize_nearest

OUTPUTS = tuple(OUTPUT_TYPES)
STAGES = ('preprocess', 'inference', 'postprocess')
STILL_BUILDING_S = 10.0
DIMENSIONS = ('height', 'width')
"""Names of the dynamic dimensions of a student's input."""
MOST_SHAPES = 8
"""Network sizes that are kept ready; a robot's cameras have a few."""


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image, at the image's size; None = not requested, or none that the student gives.

    Attributes:
        labels: uint8 [H, W] train ids; 255 = unlabelled.
        confidence: uint8 [H, W], 255 = certain.
        depth: float32 [H, W] metres; NaN = unknown, +inf = beyond range.
        times_ms: milliseconds of each of :data:`STAGES`.
    """

    labels: np.ndarray | None
    confidence: np.ndarray | None
    depth: np.ndarray | None
    times_ms: dict[str, float] = field(default_factory=dict)


class Student:
    """A loaded student file, checked on what it runs on.

    Not for several threads at a time: the memory of input and outputs is used again and again.

    A file with dynamic height and width runs at the size that fits the image (:func:`network_size`), several cameras
    of different shapes included.  Each size has a session with these dimensions fixed, which costs 20 ms to open and
    runs as fast as a file of one shape; that of an accelerator is compared with the CPU's before it is used.

    Attributes:
        card: its model card.
        provider: what it runs on, a name of :data:`famda_ros.student.providers.PROVIDERS`.
        agreement: with the CPU on the file's probe frames; None on the CPU itself.
        passed_over: better providers that are not used → why.
        path: the file.
    """

    def __init__(
        self,
        path: str | Path,
        threads: int = 0,
        provider: str = AUTO,
        fallback: bool = False,
        cache: str | Path | None = None,
        progress: Callable[[str], None] | None = None,
        image_size: tuple[int, int] | None = None,
        graphs: Path | None = None,
    ):
        """Load a model, run it once, and compare an accelerator with the CPU.

        Args:
            path: the .onnx file; ``package://famda_ros/...`` is one of this package.
            threads: CPU threads per inference; 0 = one per core.
            provider: 'tensorrt', 'cuda', 'openvino', 'cpu', or 'auto': the first of them that works and agrees
                with the CPU within the limits of the model's card.
            fallback: take the CPU where the requested provider does not work or agree.
            cache: folder of built engines; None = the user's, see :func:`famda_ros.student.providers.default_cache`.
            progress: called with a sentence every few seconds while an engine is built.
            image_size: (width, height) of the camera to be ready for; None = a camera of the training size's shape.
            graphs: existing folder of this model and this machine, in which optimised graphs are looked for and kept,
                one per network size, see :mod:`famda_ros.student.load_student`; None = they are made each time.

        Raises:
            FamdaError: the file is no valid student or does not run; the provider is not there, does not run
                the model, or differs from the CPU.
        """
        if threads < 0:
            raise FamdaError(f'threads must be 0 (one per core) or more, not {threads}')
        self.path = resolve(path)
        self._data = read_model(self.path)
        self.card, metadata = check_model(self.path, self._data)
        self._probe_text = metadata.get(PROBES_KEY, '[]')
        self._graphs = graphs
        self.provider = 'cpu'
        self.agreement: Agreement | None = None
        self.passed_over: dict[str, str] = {}
        self._threads, self._cache, self._fallback = threads, cache, fallback or provider == AUTO
        self._progress = progress or (lambda sentence: None)
        self._sessions: dict[tuple[int, int], BoundSession] = {}
        width, height = image_size or (self.card.network_width, self.card.network_height)
        size = network_size(self.card, width, height)[::-1]
        self._sessions[size] = on_cpu = self._on_cpu(size)
        self._warm_up(on_cpu)
        for name in self._candidates(provider, fallback):
            if name == 'cpu':
                break
            try:
                self._sessions[size], self.agreement = self._accelerated(name, on_cpu)
                self.provider = name
                break
            except FamdaError as error:
                if not self._fallback:
                    raise
                self.passed_over[name] = str(error)
        if not self.card.stride:
            self._data = b''  # the session has its own copy, and no other will be opened

    def predict(
        self,
        image: np.ndarray,
        focal: float | None = None,
        outputs: Collection[str] = OUTPUTS,
        on_prepared: Callable[[], None] = lambda: None,
        fy: float | None = None,
        scale: float = 1.0,
    ) -> Prediction:
        """Segment one image and measure its depth.

        Args:
            image, focal, outputs, fy, scale: see :func:`predict_with`.
            on_prepared: called when nothing is left to do but to run the network; not if no output is wanted.

        Raises:
            MalformedImage: the network cannot see an image of this shape, see :func:`network_size`.
        """

        def run(small: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
            on_prepared()
            return self._session(small.shape[:2])(small, names)

        return predict_with(run, self.card, image, focal, outputs, lambda size: self._session(size).image, fy, scale)

    def run(self, small: np.ndarray, names: Sequence[str] = OUTPUTS) -> dict[str, np.ndarray]:
        """Run the bare network.

        Args:
            small: uint8 [h, w, 3] RGB at a network size.
            names: which of :data:`OUTPUTS` are wanted.

        Returns:
            [h, w] arrays by name, of those that the card names; depth in metres for the card's focal.
        """
        names = [name for name in names if self.card.gives(name)]
        return {name: array.copy() for name, array in self._session(small.shape[:2])(small, names).items()}

    def _candidates(self, provider: str, fallback: bool) -> list[str]:
        try:
            return candidates(provider)
        except FamdaError as error:
            if not fallback or provider not in PROVIDERS:
                raise
            self.passed_over[provider] = str(error)
            return []

    def _session(self, size: tuple[int, ...]) -> BoundSession:
        """Return the session for a network size (height, width), opened at its first image."""
        height, width = size
        if (height, width) not in self._sessions:
            on_cpu = session = self._on_cpu((height, width))
            if self.provider != 'cpu':
                try:
                    session, _ = self._accelerated(self.provider, on_cpu)
                except FamdaError as error:
                    if not self._fallback:
                        raise
                    self.passed_over[f'{self.provider} at {width}x{height}'] = str(error)
            while len(self._sessions) >= MOST_SHAPES:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[height, width] = session
        return self._sessions[height, width]

    def _on_cpu(self, size: tuple[int, int]) -> BoundSession:
        """Return a session of the CPU for a network size (height, width)."""
        session = None
        if self._graphs is not None:
            kept = self._graphs / f'{size[1]}x{size[0]}.onnx'
            session = open_kept(self._data, partial(self._options, size), self._threads, kept)
        return BoundSession(session or open_on_cpu(self.path, self._data, self._options(size)), size)

    def _options(self, size: tuple[int, ...]) -> onnxruntime.SessionOptions:
        """Return session options with the dimensions of a network size (height, width) fixed."""
        options = session_options(self._threads)
        if self.card.stride:
            fix_size(options, size)
        return options

    def _warm_up(self, session: BoundSession) -> None:
        """Run once: the first inference is slow, and a model that cannot run is found at start."""
        grey = np.full(session.image.shape, 128, np.uint8)
        try:
            arrays = session(grey, self.card.outputs)
        except Exception as error:  # ONNX Runtime raises types of its own that it does not export
            raise FamdaError(
                f"the model '{self.path}' loads but does not run; export it again ({first_line(error)})"
            ) from error
        depth = arrays.get('depth')
        if depth is not None and (not np.isfinite(depth).all() or (depth < 0).any()):
            raise FamdaError(
                f"the model '{self.path}' predicts for a grey image depth that is infinite, NaN or negative; "
                'export it again, with another precision if it is fp16 or int8'
            )

    def _accelerated(self, name: str, on_cpu: BoundSession) -> tuple[BoundSession, Agreement]:
        """Return a session of a provider for the size of ``on_cpu``, and its agreement with it.

        Raises:
            FamdaError: the provider does not run the model, or differs from the CPU.
        """
        size = on_cpu.image.shape[:2]
        frames = self._probes(size)
        with Reminder(f"building the engine of '{self.path.name}' for {name}", self._progress):
            session = BoundSession(self._open(name, size), size)
            self._warm_up(session)
            agreement = compare(partial(_copied, on_cpu), partial(_copied, session), frames)
        if fault := agreement.fault(self.card.limits):
            raise FamdaError(
                f"the provider '{name}' differs from the CPU on the probe frames of '{self.path}': "
                f"{fault}; take the provider 'cpu', or a model of another precision"
            )
        return session, agreement

    def _open(self, name: str, size: tuple[int, ...]) -> onnxruntime.InferenceSession:
        """Return a session of a provider for one network size, built for this device or taken from the cache."""
        precision, folder = self.card.precision, None
        if name in BUILDS_ENGINES:
            folder = engine_folder(self._data, name, precision, self._cache, self.engine_size(size))
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FamdaError(
                    f"cannot keep engines in '{folder}' ({error.strerror}); set FAMDA_CACHE to a folder that can be "
                    'written'
                ) from error
        wanted = [(PROVIDERS[name], provider_options(name, precision, self._threads, folder)), PROVIDERS['cpu']]
        try:
            session = onnxruntime.InferenceSession(self._data, self._options(size), providers=wanted)
        except Exception as error:  # ONNX Runtime raises types of its own that it does not export
            raise FamdaError(
                f"the provider '{name}' cannot load '{self.path}' ({first_line(error)}); take the provider 'cpu'"
            ) from error
        if session.get_providers()[0] != PROVIDERS[name]:
            raise FamdaError(
                f"the provider '{name}' does not start here: its device or libraries are missing; "
                "take the provider 'cpu'"
            )
        return session

    def engine_size(self, size: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the (height, width) that an engine is built for; None where the file has one shape anyway."""
        return (size[0], size[1]) if self.card.stride else None

    def _probes(self, size: tuple[int, ...]) -> list[np.ndarray]:
        """Return the probe frames of the file at a network size (height, width).

        Raises:
            FamdaError: there are none, or they are not of the size of a file of one shape.
        """
        frames = decode_probes(self._probe_text)
        if self.card.stride:
            frames = [resize_image(frame, size[1], size[0]) for frame in frames]
        if not frames or any(frame.shape != (*size, 3) for frame in frames):
            raise FamdaError(
                f"the model '{self.path}' holds no probe frames to compare providers with; export it again, or take "
                "the provider 'cpu'"
            )
        return frames


def _copied(session: BoundSession, frame: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a session computes, in memory that its next run leaves alone."""
    return {name: array.copy() for name, array in session(frame, session.names).items()}


class Reminder:
    """Says every few seconds that something still runs; a context manager."""

    def __init__(self, sentence: str, say: Callable[[str], None]):
        """Say ``sentence`` and for how long, beginning after :data:`STILL_BUILDING_S`."""
        self._sentence, self._say = sentence, say
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._remind, name='reminder', daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _remind(self) -> None:
        start = time.monotonic()
        while not self._done.wait(STILL_BUILDING_S):
            self._say(f'{self._sentence}: {time.monotonic() - start:.0f} s so far')


def fix_size(options: onnxruntime.SessionOptions, size: tuple[int, ...]) -> None:
    """Fix the dimensions of a student of any size to a network size (height, width), in options of a session."""
    for dimension, pixels in zip(DIMENSIONS, size, strict=True):
        options.add_free_dimension_override_by_name(dimension, pixels)


def predict_with(
    run: Callable[[np.ndarray, Sequence[str]], dict[str, np.ndarray]],
    card: ModelCard,
    image: np.ndarray,
    focal: float | None = None,
    outputs: Collection[str] = OUTPUTS,
    memory: Callable[[tuple[int, int]], np.ndarray] | None = None,
    fy: float | None = None,
    scale: float = 1.0,
) -> Prediction:
    """Bring an image to network size, run a network, and bring its outputs back to image size.

    Args:
        run: the network, as :meth:`Student.run`; its arrays may be overwritten by the next call.
        card: what the network is.
        image: uint8 [H, W, 3] RGB of any size.
        focal: fx of the camera in pixels of this image; None = the depth is left as the card's focal gives it, as it is
            where the card has none.
        outputs: which of :data:`OUTPUTS` are wanted; the others, and those that the student does not give, are None
            and are not brought to the image's size.
        memory: gives uint8 [h, w, 3] for the resized image at network size (h, w); None = new memory.
        fy: of the camera in pixels of this image; None = square pixels.
        scale: factor of the depth, from a calibration at the place; what is beyond range stays so.

    Returns:
        Arrays of the image's height and width, with memory of their own.

    Raises:
        MalformedImage: the network cannot see an image of this shape, see :func:`network_size`.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'image must be uint8 [H, W, 3], not {image.dtype} {image.shape}')
    height, width = image.shape[:2]
    names = [name for name in card.outputs if name in outputs]
    times = [time.perf_counter()]
    wide, high = network_size(card, width, height, focal / fy if focal and fy else 1.0)
    small = resize_image(image, wide, high, None if memory is None else memory((high, wide)))
    times.append(time.perf_counter())
    arrays = run(small, names) if names else {}
    times.append(time.perf_counter())
    labels, confidence, depth = (arrays.get(name) for name in OUTPUTS)
    if labels is not None:
        labels = _own(resize_nearest(labels, width, height), labels)
    if confidence is not None:
        confidence = _own(resize_nearest(confidence, width, height), confidence)
    if depth is not None:
        assert card.depth_range_m is not None  # as every card with depth
        depth = beyond_range(depth, card.depth_range_m[1])
        trained = card.focal or 1.0  # with no focal of its own, metres hold for every camera
        seen = trained if focal is None or card.focal is None else network_focal(card, width, height, focal, fy)
        if scale * seen != trained:
            depth = rescale_to_focal(depth, trained, seen, scale)
        depth = resize_depth(depth, width, height)
    times.append(time.perf_counter())
    stages = dict(zip(STAGES, (1e3 * np.diff(times)).tolist(), strict=True))
    return Prediction(labels, confidence, depth, stages)


def _own(array: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return ``array``, copied if it is the network's."""
    return array.copy() if array is source else array
