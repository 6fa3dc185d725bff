# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run a student: one image in, labels, confidence and metric depth out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from famda_ros.depth_units import rescale_to_focal
from famda_ros.errors import FamdaError
from famda_ros.model_card import ModelCard, open_model, quiet_options

OUTPUTS = ('labels', 'confidence', 'depth')
PROVIDERS = ('CUDAExecutionProvider', 'CPUExecutionProvider')
"""Tried in this order; what is used is in :attr:`Student.provider`."""

STAGES = ('preprocess', 'inference', 'postprocess')


@dataclass(frozen=True)
class Prediction:
    """What the student says about one image, at the image's size; None = not asked for.

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
    """A loaded student file.

    Attributes:
        card: its model card.
        provider: the execution provider in use.
        path: the file.
    """

    def __init__(self, path: str | Path, threads: int = 0):
        """Load and check a model, and run it once.

        Args:
            path: the .onnx file.
            threads: CPU threads of one inference; 0 = one per core.

        Raises:
            FamdaError: the file is no valid student, or does not run.
        """
        if threads < 0:
            raise FamdaError(f'threads must be 0 (one per core) or more, not {threads}')
        options = quiet_options()
        options.intra_op_num_threads = threads
        available = onnxruntime.get_available_providers()
        self.path = Path(path)
        self._session, self.card = open_model(path, [p for p in PROVIDERS if p in available], options)
        self.provider: str = self._session.get_providers()[0]
        self._warm_up()

    def predict(self, image: np.ndarray, focal: float | None = None, outputs: Collection[str] = OUTPUTS) -> Prediction:
        """Segment one image and measure its depth; see :func:`predict_with`."""
        return predict_with(self.run, self.card, image, focal, outputs)

    def run(self, small: np.ndarray, names: Sequence[str] = OUTPUTS) -> dict[str, np.ndarray]:
        """Run the bare network.

        Args:
            small: uint8 [h, w, 3] RGB at network size.
            names: which of :data:`OUTPUTS` are wanted.

        Returns:
            [h, w] arrays by name; depth in metres for the card's focal.
        """
        arrays = self._session.run(list(names), {'image': small[None]})
        return {name: array[0] for name, array in zip(names, arrays, strict=True)}

    def _warm_up(self) -> None:
        """Run once: the first inference is slow, and a model that cannot run is found at start."""
        size = (self.card.network_height, self.card.network_width)
        grey = np.full((*size, 3), 128, np.uint8)
        try:
            arrays = self.run(grey)
        except Exception as error:  # ONNX Runtime raises types of its own that it does not export
            raise FamdaError(f"the model '{self.path}' loads but does not run; export it again ({error})") from error
        shapes = {name: array.shape for name, array in arrays.items()}
        if any(shape != size for shape in shapes.values()):
            raise FamdaError(f"the model '{self.path}' answers with sizes {shapes} instead of {size}; export it again")
        if np.isnan(arrays['depth']).all() or (arrays['depth'] < 0).any():
            raise FamdaError(
                f"the model '{self.path}' answers a grey image with NaN or negative depth; export it again, "
                'with another precision if it is fp16 or int8'
            )


def predict_with(
    run: Callable[[np.ndarray, Sequence[str]], dict[str, np.ndarray]],
    card: ModelCard,
    image: np.ndarray,
    focal: float | None = None,
    outputs: Collection[str] = OUTPUTS,
) -> Prediction:
    """Take an image to network size, run a network, bring its answer back to image size.

    Args:
        run: the network, as :meth:`Student.run`.
        card: what the network is.
        image: uint8 [H, W, 3] RGB of any size.
        focal: fx of the camera in pixels at this image's width; None = the depth is
            left as the card's focal gives it.
        outputs: which of :data:`OUTPUTS` are wanted; the others are None and cost nothing.

    Returns:
        Arrays of the image's height and width.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'image must be uint8 [H, W, 3], not {image.dtype} {image.shape}')
    names = [name for name in OUTPUTS if name in outputs]
    height, width = image.shape[:2]
    start = time.perf_counter()
    small = resize_image(image, card.network_width, card.network_height)
    prepared = time.perf_counter()
    arrays = run(small, names) if names else {}
    inferred = time.perf_counter()
    labels, confidence, depth = (arrays.get(name) for name in OUTPUTS)
    if depth is not None:
        depth = beyond_range(depth, card.depth_range_m[1])
        if focal is not None:
            depth = rescale_to_focal(depth, card.focal, focal * card.network_width / width)
        depth = enlarge_depth(depth, width, height)
    if labels is not None:
        labels = resize_nearest(labels, width, height)
    if confidence is not None:
        confidence = resize_nearest(confidence, width, height)
    done = time.perf_counter()
    times = (prepared - start, inferred - prepared, done - inferred)
    return Prediction(labels, confidence, depth, {stage: 1e3 * t for stage, t in zip(STAGES, times, strict=True)})


def resize_image(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize uint8 [H, W, 3]: by area where it shrinks, linear where it grows."""
    if image.shape[:2] == (height, width):
        return np.ascontiguousarray(image)
    shrinks = image.shape[1] > width or image.shape[0] > height
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_nearest(array: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize [H, W] without mixing values; pixel centres stay where they are."""
    if array.shape == (height, width):
        return array
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def beyond_range(depth: np.ndarray, farthest: float) -> np.ndarray:
    """Return ``depth`` with +inf at and beyond ``farthest`` metres; NaN stays NaN."""
    with np.errstate(invalid='ignore'):
        return np.where(depth >= np.float32(farthest), np.float32(np.inf), depth).astype(np.float32, copy=False)


def enlarge_depth(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize float32 [H, W] metres linearly, without mixing +inf or NaN into measured values.

    Where a neighbour is not finite the nearest value is taken: a blend with the sky
    would be a surface that is not there.
    """
    if depth.shape == (height, width):
        return depth
    linear = cv2.INTER_LINEAR
    finite = np.isfinite(depth)
    if finite.all():
        return cv2.resize(depth, (width, height), interpolation=linear)
    blended = cv2.resize(np.where(finite, depth, np.float32(0)), (width, height), interpolation=linear)
    weight = cv2.resize(finite.astype(np.float32), (width, height), interpolation=linear)
    return np.where(weight > 0.9999, blended, resize_nearest(depth, width, height))
