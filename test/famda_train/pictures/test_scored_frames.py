# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of scored frames."""
import numpy as np

from famda_ros.student.label_space import FLAT7
from famda_train.evaluation.evaluate import ScoredFrame
from famda_train.evaluation.protocol import METRIC
from famda_train.evaluation.scoring_space import scoring_spaces
from famda_train.pictures.scored_frames import (
    NOT_SCORED_RGB,
    RIGHT_RGB,
    WRONG_RGB,
    comparison,
    depth_errors,
    frame_pictures,
    label_errors,
)

GROUND = scoring_spaces(FLAT7, FLAT7)[0]


def a_frame(**changes):
    values = {
        'image': np.full((4, 8, 3), 90, np.uint8),
        'labels': np.zeros((4, 8), np.uint8),
        'depth': np.full((4, 8), 10, np.float32),
        'true_labels': np.ones((4, 8), np.uint8),
        'true_depth': np.full((4, 8), 20, np.float32),
    }
    return ScoredFrame(**{**values, **changes})


def test_wrong_right_and_unlabelled_pixels():
    picture = label_errors(np.uint8([[1, 2, 3, 255]]), np.uint8([[1, 1, 255, 0]]))
    assert [tuple(pixel) for pixel in picture[0].tolist()] == [RIGHT_RGB, WRONG_RGB, NOT_SCORED_RGB, WRONG_RGB]


def test_larger_depth_errors_are_brighter_and_unscored_pixels_black():
    ground_truth = np.float32([[10, 10, 10, 10, np.nan, np.inf, 100]])
    depth = np.float32([[10, 12, 14, np.inf, 10, 10, 10]])
    brightness = depth_errors(depth, ground_truth, METRIC).astype(int).sum(-1)[0]
    assert brightness[0] < brightness[1] < brightness[2] < brightness[3]
    assert brightness[4:].tolist() == [0, 0, 0]


def test_only_what_has_ground_truth_is_drawn():
    assert len(frame_pictures(a_frame(), GROUND, METRIC)) == 7
    assert list(frame_pictures(a_frame(true_labels=None, true_depth=None), None, METRIC)) == ['camera', 'depth']


def test_one_row_per_frame_and_the_wrong_labels_are_seen():
    one, two = (comparison([a_frame()] * count, GROUND, METRIC, 'mIoU 0 %', cell_width=64) for count in (1, 2))
    assert one.dtype == np.uint8 and one.shape[2] == 3
    assert two.shape[0] - one.shape[0] == 32 + 6
    red = (two == WRONG_RGB).all(-1).sum()
    assert red == 2 * 64 * 32
