# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A student whose depth is checked while its masks are scored, for photographs without ground-truth depth."""
from __future__ import annotations

from typing import Any

import numpy as np

from famda_ros.student.label_space import LabelSpace
from famda_ros.student.road_plane import road_ids
from famda_ros.student.runtime import Prediction
from famda_train.datasets.dataset import Dataset
from famda_train.evaluation.depth_checks import DepthChecks
from famda_train.evaluation.evaluate import Predict
from famda_train.teachers.depth_teachers import DepthTeacher

CONSECUTIVE = 3
"""Frames of CamVid whose numbers differ by no more follow each other (30 frames a second)."""


class CheckedStudent:
    """A student that predicts the frames of a data set in order, and whose depth is checked meanwhile.

    Args:
        predict: of the student.
        frames: those that it predicts.
        space: label space of the student.
        teacher: depth teacher to compare with.
    """

    def __init__(self, predict: Predict, frames: Dataset, space: LabelSpace, teacher: DepthTeacher):
        self._predict, self._teacher = predict, teacher
        self._road = road_ids(space)[0]
        self._checks = DepthChecks()
        numbers = [int(frame.stem[-5:]) for frame in frames.frames]
        self._consecutive = iter([False, *(0 < gap <= CONSECUTIVE for gap in np.diff(numbers).tolist())])

    def __call__(self, image: np.ndarray, focal: float | None) -> Prediction:
        """Return what the student predicts."""
        prediction = self._predict(image, focal)
        assert focal is not None and prediction.labels is not None and prediction.depth is not None
        reference = self._teacher(image, focal)
        road = prediction.labels == self._road
        self._checks.update(image, prediction.depth, road, reference, focal, next(self._consecutive))
        return prediction

    def compute(self) -> dict[str, Any]:
        """Return the checks of all frames."""
        return self._checks.compute()
