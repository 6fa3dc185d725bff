# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images of sensors, as REP-118 defines them."""

from __future__ import annotations

from typing import Any

import numpy as np

from famda_ros.messages.image_messages import MalformedImage, image_to_array


def image_to_depth(msg: Any) -> np.ndarray:
    """Return a depth image (REP-118) as float32 [H, W] metres; NaN = not measured, +inf = beyond range.

    Args:
        msg: sensor_msgs/Image of 32FC1 (metres) or 16UC1 (millimetres, 0 = not measured), mono16 as well.

    Raises:
        MalformedImage: as :func:`image_to_array`, or another encoding.
    """
    if msg.encoding == '32FC1':
        depth = image_to_array(msg)
        return np.where(depth > 0, depth, np.float32(np.nan))
    if msg.encoding in ('16UC1', 'mono16'):
        millimetres = image_to_array(msg)
        return np.where(millimetres > 0, millimetres * np.float32(1e-3), np.float32(np.nan))
    raise MalformedImage(f'image encoding {msg.encoding!r} is no depth; choose a topic with 32FC1 or 16UC1')
