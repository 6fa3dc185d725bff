# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth units: every conversion between stored numbers and metres is in this file.

In memory depth is float32 metres along the optical axis; NaN = unknown,
+inf = beyond range (sky), as REP-117 and REP-118 ask for.
"""
from __future__ import annotations

import numpy as np

CENTIMETRES_UNKNOWN = 0
CENTIMETRES_BEYOND_RANGE = 65535
"""Raw value of sky in uint16 centimetre files (Virtual KITTI 2 saturates there too)."""


def metres_to_centimetres(depth: np.ndarray) -> np.ndarray:
    """Encode metres as uint16 centimetres for a PNG.

    Args:
        depth: float [H, W] metres; NaN or <= 0 = unknown, +inf = beyond range.

    Returns:
        uint16 [H, W]; 0 = unknown, 65535 = beyond range (655.35 m and farther).
    """
    depth = np.asarray(depth)
    with np.errstate(invalid='ignore', over='ignore'):
        known = depth > 0
        scaled = np.clip(np.round(np.where(known, depth, 0) * 100.0), 1, CENTIMETRES_BEYOND_RANGE)
    return np.where(known, scaled, CENTIMETRES_UNKNOWN).astype(np.uint16)


def centimetres_to_metres(raw: np.ndarray) -> np.ndarray:
    """Decode uint16 centimetres; inverse of :func:`metres_to_centimetres` to 5 mm.

    Returns:
        float32 [H, W] metres; NaN where raw is 0, +inf where raw is 65535.
    """
    depth = raw.astype(np.float32) / 100.0
    depth[raw == CENTIMETRES_UNKNOWN] = np.nan
    depth[raw == CENTIMETRES_BEYOND_RANGE] = np.inf
    return depth


def rescale_to_focal(depth: np.ndarray, trained_focal: float, camera_focal: float) -> np.ndarray:
    """Turn a depth predicted for one focal length into metres of another camera.

    A monocular network sees image size only: the same picture taken with twice the
    focal length (both in pixels at network resolution) shows things twice as far.

    Args:
        depth: metres for ``trained_focal``.
        trained_focal: focal the network was trained for, pixels at network resolution.
        camera_focal: focal of this camera, pixels at network resolution.
    """
    return depth * np.float32(camera_focal / trained_focal)
