# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From one image to everything that the perception node publishes about it, without ROS.

:func:`infer` runs the student on an image; :func:`compose` makes of its prediction what the wanted topics carry.
They are apart because the second is done in another thread, while the student sees the next image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.image_messages import encode_image
from famda_ros.pipeline.exposure import normalize_exposure
from famda_ros.student.colorize import color_mask, overlay
from famda_ros.student.label_space import IGNORE, LabelSpace
from famda_ros.student.model_card import OUTPUTS, ModelCard
from famda_ros.student.resize import resize_depth, resize_image, resize_nearest
from famda_ros.student.runtime import Prediction, Student
from famda_ros.topics import (
    COLOR,
    CONFIDENCE,
    DEPTH,
    DEPTH_INFO,
    IMAGE_TOPICS,
    MASK,
    MASK_INFO,
    OVERLAY,
    OVERLAY_COMPRESSED,
    POINTS,
)

_NEEDS = {
    MASK: {'labels'},
    CONFIDENCE: {'confidence'},
    COLOR: {'labels'},
    OVERLAY: {'labels'},
    OVERLAY_COMPRESSED: {'labels'},
    DEPTH: {'depth'},
    POINTS: {'labels', 'depth'},
}
"""Outputs of the student that a topic is made of; calibration needs none."""

_EXIST_WITH = {**_NEEDS, MASK_INFO: set[str](), DEPTH_INFO: {'depth'}}
"""Outputs of the student without which a topic does not exist."""

JPEG_QUALITY = 80
"""Of the compressed overlay; image_transport's default."""


@dataclass(frozen=True)
class InferenceSettings:
    """Which student sees the frames, and how; one object, so that no frame is treated by half of each profile.

    Attributes:
        student: the model.
        profile: name of the profile; '' = none.
        output_scale: size of the outputs relative to the image.
        min_confidence: labels with a lower probability become 255; 0 = keep all.
        max_rate_hz: most frames per second and camera; 0 = no limit.
        max_age_ms: images older than this are left out; 0 = none are.
        target_brightness: mean luma 0..255 that images are brought to for the student; 0 = as they are.
        max_gamma: strongest gamma curve for that.
        depth_scale: factor of the depth, from a calibration at the place.
    """

    student: Student
    profile: str = ''
    output_scale: float = 1.0
    min_confidence: float = 0.0
    max_rate_hz: float = 0.0
    max_age_ms: float = 0.0
    target_brightness: float = 0.0
    max_gamma: float = 2.5
    depth_scale: float = 1.0


@dataclass(frozen=True)
class OutputStyle:
    """How outputs are made of a prediction.  It does not hold the student, which may be replaced before they are made.

    Attributes:
        label_space: of the student.
        output_scale, min_confidence: see :class:`InferenceSettings`.
    """

    label_space: LabelSpace
    output_scale: float = 1.0
    min_confidence: float = 0.0

    @classmethod
    def of(cls, settings: InferenceSettings) -> OutputStyle:
        """Return the style of the settings' student."""
        return cls(settings.student.card.label_space, settings.output_scale, settings.min_confidence)


@dataclass(frozen=True)
class FrameOutputs:
    """What is published about one frame, all by the same student.

    Attributes:
        size: (width, height) of the outputs.
        images: arrays of the wanted topics of :data:`famda_ros.topics.IMAGE_TOPICS`.
        jpeg: the overlay as JPEG; None where it is not wanted.
        image: uint8 [H, W, 3] RGB at output size; None where no topic needs it.
        labels, depth: at output size; None where no topic needs them.
        confidence: mean confidence 0..1 of this frame; None where it was not wanted.
        times_ms: milliseconds of each stage.
    """

    size: tuple[int, int]
    images: dict[str, np.ndarray]
    jpeg: bytes | None
    image: np.ndarray | None
    labels: np.ndarray | None
    depth: np.ndarray | None
    confidence: float | None
    times_ms: dict[str, float]


def infer(
    settings: InferenceSettings,
    image: np.ndarray,
    focal: tuple[float, float] | None,
    wanted: Collection[str],
    measure: bool = False,
    on_prepared: Callable[[], None] = lambda: None,
) -> Prediction:
    """Run the student on one image.

    Args:
        settings: the student, and how it sees the image.
        image: uint8 [H, W, 3] RGB as the camera gave it.
        focal: (fx, fy) of the camera in pixels of this image; None = not calibrated.
        wanted: topics with subscribers.
        measure: predict the confidence even if no topic needs it, and labels beside depth; as far as the student gives
            them.
        on_prepared: called when nothing is left to do but to run the network; not if no topic needs it.

    Raises:
        MalformedImage: the network cannot see an image of this shape.
    """
    needs: set[str] = set().union(*(_NEEDS.get(topic, set()) for topic in wanted))
    if measure or (settings.min_confidence > 0 and 'labels' in needs):
        needs.add('confidence')
    if measure and 'depth' in needs:
        needs.add('labels')
    needs &= {*settings.student.card.outputs}
    start = time.perf_counter()
    # Only the student sees the brightened image: pictures for people stay as the camera gave them.
    seen = normalize_exposure(image, settings.target_brightness, settings.max_gamma)
    normalized = time.perf_counter()
    fx, fy = focal or (None, None)
    prediction = settings.student.predict(seen, fx, needs, on_prepared, fy, settings.depth_scale)
    prediction.times_ms['preprocess'] += 1e3 * (normalized - start)
    return prediction


def compose(prediction: Prediction, image: np.ndarray, wanted: Collection[str], style: OutputStyle) -> FrameOutputs:
    """Make of a prediction what the wanted topics carry.

    Args:
        prediction: at the image's size; at least what the wanted topics need, see :func:`infer`.
        image: uint8 [H, W, 3] RGB as the camera gave it.
        wanted: topics with subscribers.
        style: how.
    """
    start = time.perf_counter()
    size = scaled_size(image.shape[1], image.shape[0], style.output_scale)
    mean = None if prediction.confidence is None else cv2.mean(prediction.confidence)[0] / 255
    labels, confidence, depth = _at_size(prediction, size)
    if labels is not None and confidence is not None and style.min_confidence > 0:
        labels = np.where(confidence < style.min_confidence * 255, np.uint8(IGNORE), labels)
    picture: Any = resize_image(image, *size) if {OVERLAY, OVERLAY_COMPRESSED, POINTS} & {*wanted} else None
    images = _images(wanted, picture, labels, confidence, depth, style.label_space)
    jpeg = None
    if OVERLAY_COMPRESSED in wanted:
        shown = images[OVERLAY] if OVERLAY in images else overlay(picture, labels, style.label_space)
        jpeg = encode_image(shown, '.jpg', JPEG_QUALITY)
    times = dict(prediction.times_ms)
    times['postprocess'] += 1e3 * (time.perf_counter() - start)
    return FrameOutputs(size, images, jpeg, picture, labels, depth, mean, times)


def topics_of(card: ModelCard) -> frozenset[str]:
    """Return the topics that a student can fill: one that gives no depth has no ``depth/...``, and so on."""
    return frozenset(topic for topic, needs in _EXIST_WITH.items() if needs <= {*card.outputs})


def missing_topics(card: ModelCard, topics: Collection[str] = tuple(_EXIST_WITH)) -> str:
    """Return in one sentence which of these topics there are not, as the student cannot fill them; '' = there are all.
    """
    lacks = ' and '.join(f'no {output}' for output in OUTPUTS if not card.gives(output))
    missing = [topic for topic in topics if topic not in topics_of(card)]
    return f"the model '{card.name}' gives {lacks}, so there is no {', '.join(missing)}" if lacks else ''


def check_settings(settings: InferenceSettings) -> None:
    """Refuse settings that the student cannot fulfil.

    Raises:
        FamdaError: a least confidence for a student that gives none.
    """
    card = settings.student.card
    if settings.min_confidence > 0 and not card.gives('confidence'):
        raise FamdaError(
            f"the model '{card.name}' gives no confidence, so min_confidence must be 0, not {settings.min_confidence:g}"
        )


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return (width, height) of the outputs for an image, at least one pixel."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def _at_size(prediction: Prediction, size: tuple[int, int]) -> tuple[Any, Any, Any]:
    """Return labels, confidence and depth at the output size; no value is mixed where the size shrinks."""
    labels, confidence, depth = prediction.labels, prediction.confidence, prediction.depth
    labels = None if labels is None else resize_nearest(labels, *size)
    confidence = None if confidence is None else resize_nearest(confidence, *size)
    if depth is not None:
        grows = size[0] > depth.shape[1]
        depth = resize_depth(depth, *size) if grows else resize_nearest(depth, *size)
    return labels, confidence, depth


def _images(
    wanted: Collection[str], picture: Any, labels: Any, confidence: Any, depth: Any, space: LabelSpace
) -> dict[str, np.ndarray]:
    """Return the arrays of the wanted image topics; what none of them needs is None."""
    make: dict[str, Callable[[], np.ndarray]] = {
        MASK: lambda: labels,
        CONFIDENCE: lambda: confidence,
        COLOR: lambda: color_mask(labels, space),
        OVERLAY: lambda: overlay(picture, labels, space),
        DEPTH: lambda: depth,
    }
    return {topic: make[topic]() for topic in IMAGE_TOPICS if topic in wanted}
