# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The colour scale of depth."""
import numpy as np

from famda_ros.student.colorize import BEYOND_RANGE_RGB
from famda_train.pictures.depth_colors import depth_picture, depth_position


def test_depth_colours_are_warm_near_and_cool_far():
    near, far, sky, unknown, zero = depth_picture(np.array([[3.0, 60.0, np.inf, np.nan, 0.0]], np.float32))[0]
    assert near[0] > near[2]
    assert far[2] > far[0]
    assert tuple(sky) == BEYOND_RANGE_RGB
    assert not unknown.any()
    assert not zero.any()
    assert (depth_position(2.0), depth_position(80.0), depth_position(500.0)) == (0.0, 1.0, 1.0)
