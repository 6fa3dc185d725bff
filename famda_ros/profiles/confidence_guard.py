# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Refuses a student that is less confident than the active one on the newest images of the cameras."""

from __future__ import annotations

import threading
from collections import deque
from statistics import fmean
from typing import NamedTuple

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.pipeline.outputs import InferenceSettings, infer

MOST_IMAGES = 4
"""Images that are kept to compare on; the worker measures two a second and camera."""
MAX_AGE_S = 10.0
"""An image older than this says nothing about what the robot sees now."""


class SeenImage(NamedTuple):
    """An image, and the confidence of the active student in its mask.

    Attributes:
        time: seconds of the clock of whoever adds it.
        image: uint8 [H, W, 3] RGB as the camera gave it.
        confidence: mean confidence 0..1; NaN = the student gives none.
    """

    time: float
    image: np.ndarray
    confidence: float


class RecentImages:
    """The newest images of the active student; safe to use from several threads."""

    def __init__(self) -> None:
        """Begin without images."""
        self._lock = threading.Lock()
        self._images: deque[SeenImage] = deque(maxlen=MOST_IMAGES)

    def add(self, seen: SeenImage) -> None:
        """Keep one more, and let go of the oldest."""
        with self._lock:
            self._images.append(seen)

    def clear(self) -> None:
        """Forget all: another student is active."""
        with self._lock:
            self._images.clear()

    def newer_than(self, time: float) -> list[SeenImage]:
        """Return those seen after a time."""
        with self._lock:
            return [seen for seen in self._images if seen.time > time]


def check_confidence(settings: InferenceSettings, images: list[SeenImage], limit: float) -> str:
    """Compare a student with the one before, on the same images.

    Args:
        settings: the new student, and how it sees images.
        images: with the confidence of the student before.
        limit: how much lower the mean confidence may be, 0..1.

    Returns:
        What was compared, in one sentence.

    Raises:
        FamdaError: it is lower by more than ``limit``.
    """
    if not images:
        return 'not compared with the student before: no image was measured lately'
    if not settings.student.card.gives('confidence'):
        return 'not compared with the student before: they give no confidence'
    before = fmean(seen.confidence for seen in images)
    after = fmean(_confidence(settings, seen.image) for seen in images)
    compared = f'mean confidence on the newest {len(images)} images: {before:.2f} before, {after:.2f} now'
    if before - after > limit:
        raise FamdaError(
            f"the mean confidence on the newest {len(images)} images would fall from {before:.2f} to {after:.2f}, by "
            f"more than auto.max_confidence_drop {limit:g}; to switch all the same, add the parameter 'force' with true"
        )
    return compared


def _confidence(settings: InferenceSettings, image: np.ndarray) -> float:
    confidence = infer(settings, image, None, (), measure=True).confidence
    assert confidence is not None
    return cv2.mean(confidence)[0] / 255
