# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What there is to see of a frame: the image, and what a student, ground truth or teachers say about it."""
from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.image_messages import MalformedImage
from famda_ros.pipeline.drift import DriftMonitor
from famda_ros.pipeline.exposure import LUMA
from famda_ros.pipeline.frame_statistics import GREY_WIDTH, sampled, sharpness
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.runtime import Student

STUDENT = 'student'
PARTS = ('labels', 'confidence', 'depth', 'segments', 'picture')
"""Arrays of a :class:`Layer`, in the order in which they are shown."""


@dataclass(frozen=True)
class Layer:
    """What one of them says about a frame; None = nothing.

    Attributes:
        labels: uint8 [H, W] train ids; 255 = unlabelled.
        confidence: uint8 [H, W], 255 = certain.
        depth: float32 [H, W] metres; NaN = unknown, +inf = beyond range.
        segments: uint16 [H, W] mask ids; 0 = no mask.
        picture: uint8 [H, W, 3] RGB of what has no unit.
    """

    labels: np.ndarray | None = None
    confidence: np.ndarray | None = None
    depth: np.ndarray | None = None
    segments: np.ndarray | None = None
    picture: np.ndarray | None = None


@dataclass(frozen=True)
class ViewFrame:
    """A frame to see.

    Attributes:
        name: what its files are called.
        stamp_ns: nanoseconds; None = frames have no time.
        image: uint8 [H, W, 3] RGB; None = there is none.
        encoded: the JPEG file of the image where there is one.
        intrinsics: of the camera at the image's size; None = unknown.
        layers: name → what that one says.
        scalars: name with '/' between its parts → number.
        messages: (name, sentence) of what is to be read.
    """

    name: str
    stamp_ns: int | None = None
    image: np.ndarray | None = None
    encoded: bytes | None = None
    intrinsics: Intrinsics | None = None
    layers: Mapping[str, Layer] = field(default_factory=dict)
    scalars: Mapping[str, float] = field(default_factory=dict)
    messages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ViewSource:
    """Frames to see, read one by one.

    Attributes:
        name: of the recording.
        total: number of frames.
        parts: layer → names of its arrays that there may be, of :data:`PARTS`.
        spaces: layer → label space of its labels.
        frames: the frames; holds no more than a few of them in memory.
        has_images: whether frames have images.
    """

    name: str
    total: int
    parts: Mapping[str, tuple[str, ...]]
    spaces: Mapping[str, LabelSpace]
    frames: Iterator[ViewFrame]
    has_images: bool = True


@dataclass
class Faults:
    """What was found wrong with frames while they were read.

    Attributes:
        malformed: why frames, or parts of them, are left out.
        losses: what a recording lacks.
        calibration: what is wrong with calibrations → how often.
    """

    malformed: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    calibration: dict[str, int] = field(default_factory=dict)

    def on_malformed(self, error: Exception | str) -> None:
        """Note why a frame is left out."""
        self.malformed.append(str(error))

    def on_calibration(self, sentence: str) -> None:
        """Count a fault of the calibration."""
        self.calibration[sentence] = self.calibration.get(sentence, 0) + 1


def image_scalars(image: np.ndarray) -> dict[str, float]:
    """Return mean luma, 0..255, and log10 of the sharpness of uint8 [H, W, 3], as the drift monitor has them."""
    brightness = float((sampled(image) @ np.array(LUMA, np.float32)).mean())
    sharp = math.log10(sharpness(image, GREY_WIDTH) + 0.1)
    return {'image/brightness': brightness, 'image/log10_sharpness': sharp}


def layer_scalars(name: str, layer: Layer, space: LabelSpace | None) -> dict[str, float]:
    """Return numbers of a layer: mean confidence, median metres, and the share of every class, 0..1."""
    scalars = {}
    if layer.confidence is not None:
        scalars[f'{name}/confidence'] = float(layer.confidence.mean()) / 255
    if layer.depth is not None:
        known = sampled(layer.depth)
        known = known[np.isfinite(known)]
        if known.size:
            scalars[f'{name}/median_metres'] = float(np.median(known))
    if layer.labels is not None and space is not None:
        counts = np.bincount(layer.labels.ravel(), minlength=256)[: len(space)]
        if total := int(counts.sum()):
            shares = counts / total
            scalars |= {f'{name}/share/{c}': float(s) for c, s in zip(space.classes, shares, strict=True)}
    return scalars


def with_student(source: ViewSource, student: Student, faults: Faults) -> ViewSource:
    """Return a source whose frames have, beside the other layers, the predictions of a student.

    Diagnostics are added: the milliseconds of an inference and what the drift monitor thinks.

    Args:
        source: its frames have images; those without stay as they are.
        student: what predicts.
        faults: gets images that the student cannot see.
    """
    parts = tuple(part for part in PARTS if part in student.card.outputs)
    return replace(
        source,
        parts={STUDENT: parts, **source.parts},
        spaces={STUDENT: student.card.label_space, **source.spaces},
        frames=_predicted(source.frames, student, faults),
    )


def _predicted(frames: Iterator[ViewFrame], student: Student, faults: Faults) -> Iterator[ViewFrame]:
    monitor, reported = DriftMonitor(student.card), ''
    for number, frame in enumerate(frames):
        camera = frame.intrinsics
        try:
            if frame.image is None:
                yield frame
                continue
            focals = (None, None) if camera is None else (camera.fx, camera.fy)
            prediction = student.predict(frame.image, focals[0], fy=focals[1])
        except MalformedImage as error:
            faults.on_malformed(f'{frame.name}: {error}')
            yield frame
            continue
        now = float(number) if frame.stamp_ns is None else 1e-9 * frame.stamp_ns
        domain = monitor.update(frame.image, prediction, now, camera)
        scalars = {f'{STUDENT}/milliseconds': sum(prediction.times_ms.values())}
        if domain.score is not None:
            scalars[f'{STUDENT}/drift'] = domain.score
        messages = ((STUDENT, domain.reason),) if domain.reason != reported else ()
        reported = domain.reason
        layer = Layer(prediction.labels, prediction.confidence, prediction.depth)
        yield replace(
            frame,
            layers={STUDENT: layer, **frame.layers},
            scalars={**frame.scalars, **scalars},
            messages=(*frame.messages, *messages),
        )
