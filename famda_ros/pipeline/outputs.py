# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From one image to everything that the perception node says about it, without ROS."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from famda_ros.pipeline.exposure import normalize_exposure
from famda_ros.student.colorize import color_mask, overlay
from famda_ros.student.label_space import IGNORE, LabelSpace
from famda_ros.student.resize import enlarge_depth, resize_image, resize_nearest
from famda_ros.student.runtime import Prediction, Student

IMAGE_TOPICS = {
    'segmentation/mask': 'mono8',
    'segmentation/confidence': 'mono8',
    'segmentation/color': 'rgb8',
    'segmentation/overlay': 'rgb8',
    'depth/image': '32FC1',
}
"""Image topics and their encodings."""

POINTS_TOPIC = 'depth/points'
INFO_TOPICS = ('segmentation/camera_info', 'depth/camera_info')

_NEEDS = {
    'segmentation/mask': {'labels'},
    'segmentation/confidence': {'confidence'},
    'segmentation/color': {'labels'},
    'segmentation/overlay': {'labels'},
    'depth/image': {'depth'},
    POINTS_TOPIC: {'labels', 'depth'},
}
"""What the student must answer for a topic; calibration needs nothing."""


@dataclass(frozen=True)
class AnswerSettings:
    """Who answers frames, and how; one object, so that no frame is answered by half of each profile.

    Attributes:
        student: the model.
        profile: name of the profile; '' = none.
        output_scale: size of the outputs relative to the image.
        min_confidence: labels with a probability below it become 255; 0 = keep all.
        max_rate_hz: answers per second and camera at most; 0 = no limit.
        max_age_ms: images older than this are not answered; 0 = all are.
        target_brightness: mean luma 0..255 that images are brought to for the student; 0 = as they are.
        max_gamma: strongest curve for that.
    """

    student: Student
    profile: str = ''
    output_scale: float = 1.0
    min_confidence: float = 0.0
    max_rate_hz: float = 0.0
    max_age_ms: float = 0.0
    target_brightness: float = 0.0
    max_gamma: float = 2.5


@dataclass(frozen=True)
class FrameAnswer:
    """What is said about one frame, all by the same student.

    Attributes:
        size: (width, height) of the outputs.
        images: arrays of the wanted topics of :data:`IMAGE_TOPICS`.
        image: uint8 [H, W, 3] RGB at output size; None where no topic needs it.
        labels, depth: at output size; None where no topic needs them.
        confidence: mean confidence 0..1 of this frame; None where it was not asked for.
        times_ms: milliseconds of each stage.
    """

    size: tuple[int, int]
    images: dict[str, np.ndarray]
    image: np.ndarray | None
    labels: np.ndarray | None
    depth: np.ndarray | None
    confidence: float | None
    times_ms: dict[str, float]


@dataclass(frozen=True)
class Asked:
    """What the student says about one image, and what its answer is to be made of.

    It does not hold the student, which may be replaced before the answer is made.

    Attributes:
        label_space: of the student that was asked.
        output_scale, min_confidence: see :class:`AnswerSettings`.
        image: uint8 [H, W, 3] RGB as the camera gave it.
        wanted: topics with subscribers.
        prediction: at the image's size.
    """

    label_space: LabelSpace
    output_scale: float
    min_confidence: float
    image: np.ndarray
    wanted: Collection[str]
    prediction: Prediction


def ask(
    settings: AnswerSettings,
    image: np.ndarray,
    focal: float | None,
    wanted: Collection[str],
    measure: bool = False,
    on_prepared: Callable[[], None] = lambda: None,
) -> Asked:
    """Ask the student about one image.

    Args:
        settings: who is asked, and how.
        image, wanted: see :class:`Asked`.
        focal: fx of the camera in pixels at the image's width; None = not calibrated.
        measure: the answer shall tell the mean confidence, even if no topic needs the confidence.
        on_prepared: called when nothing is left to do but to run the network; not if no topic needs it.
    """
    needs: set[str] = set().union(*(_NEEDS.get(topic, set()) for topic in wanted))
    if measure or (settings.min_confidence > 0 and 'labels' in needs):
        needs.add('confidence')
    start = time.perf_counter()
    # Only the student sees the brightened image: pictures for people stay as the camera gave them.
    seen = normalize_exposure(image, settings.target_brightness, settings.max_gamma)
    normalized = time.perf_counter()
    student = settings.student
    prediction = student.predict(seen, focal, needs, on_prepared)
    prediction.times_ms['preprocess'] += 1e3 * (normalized - start)
    space = student.card.label_space
    return Asked(space, settings.output_scale, settings.min_confidence, image, wanted, prediction)


def answer(asked: Asked) -> FrameAnswer:
    """Make of what the student says what the wanted topics carry."""
    start = time.perf_counter()
    image, wanted, prediction = asked.image, asked.wanted, asked.prediction
    size = scaled_size(image.shape[1], image.shape[0], asked.output_scale)
    mean = None if prediction.confidence is None else cv2.mean(prediction.confidence)[0] / 255
    labels, confidence, depth = _at_size(prediction, size)
    if labels is not None and confidence is not None and asked.min_confidence > 0:
        labels = np.where(confidence < asked.min_confidence * 255, np.uint8(IGNORE), labels)
    picture = None
    if 'segmentation/overlay' in wanted or POINTS_TOPIC in wanted:
        picture = resize_image(image, *size)
    images = _images(wanted, picture, labels, confidence, depth, asked.label_space)
    times = dict(prediction.times_ms)
    times['postprocess'] += 1e3 * (time.perf_counter() - start)
    return FrameAnswer(size, images, picture, labels, depth, mean, times)


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
        depth = enlarge_depth(depth, *size) if grows else resize_nearest(depth, *size)
    return labels, confidence, depth


def _images(
    wanted: Collection[str], picture: Any, labels: Any, confidence: Any, depth: Any, space: LabelSpace
) -> dict[str, np.ndarray]:
    """Return the arrays of the wanted image topics; what none of them needs is None."""
    make: dict[str, Callable[[], np.ndarray]] = {
        'segmentation/mask': lambda: labels,
        'segmentation/confidence': lambda: confidence,
        'segmentation/color': lambda: color_mask(labels, space),
        'segmentation/overlay': lambda: overlay(picture, labels, space),
        'depth/image': lambda: depth,
    }
    return {topic: make[topic]() for topic in IMAGE_TOPICS if topic in wanted}
