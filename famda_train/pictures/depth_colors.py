# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The colour scale of depth pictures, by the logarithm of depth."""
from __future__ import annotations

import math

import numpy as np

from famda_ros.student.colorize import color_depth

NEAR_M, FAR_M = 2.0, 80.0
"""Ends of the colour scale; depth between them is coloured by its logarithm."""
TICKS_M = (2, 5, 10, 20, 40, 80)


def depth_position(metres: float) -> float:
    """Return where a depth lies on the colour scale: 0 = near end, 1 = far end."""
    return math.log(min(max(metres, NEAR_M), FAR_M) / NEAR_M) / math.log(FAR_M / NEAR_M)


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB of metres [H, W]: near is warm, far is cool; sky and NaN are nearly black."""
    with np.errstate(divide='ignore', invalid='ignore'):
        return color_depth(np.log(depth), farthest=math.log(FAR_M), nearest=math.log(NEAR_M))


def depth_scale(width: int, height: int) -> np.ndarray:
    """Return a colour bar, uint8 [height, width, 3] RGB, near end on the left."""
    metres = NEAR_M * (FAR_M / NEAR_M) ** np.linspace(0, 1, width)
    return depth_picture(np.broadcast_to(metres, (height, width)))
