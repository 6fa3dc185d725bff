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


def synthia_to_metres(raw: np.ndarray) -> np.ndarray:
    """Decode SYNTHIA's depth: uint16 centimetres.

    Args:
        raw: uint16 [H, W] as stored; 65535 = sky and beyond range.

    Returns:
        float32 [H, W] metres; NaN = unknown, +inf = beyond range.
    """
    return centimetres_to_metres(raw)


def vkitti2_to_metres(raw: np.ndarray) -> np.ndarray:
    """Decode Virtual KITTI 2's depth: uint16 centimetres, the sky saturated at 655.35 m.

    Args:
        raw: uint16 [H, W] as stored.

    Returns:
        float32 [H, W] metres; +inf = sky and whatever else is 655.35 m away or farther.
    """
    return centimetres_to_metres(raw)


def cityscapes_disparity_to_metres(raw: np.ndarray, baseline: float, focal: float) -> np.ndarray:
    """Decode Cityscapes' stereo disparity: d = (raw - 1) / 256 pixels, depth = baseline * focal / d.

    Args:
        raw: uint16 [H, W] as stored; 0 = no measurement, 1 = a disparity of 0, which is no depth either.
        baseline: distance of the two cameras, metres.
        focal: fx in pixels of the stored disparity's full resolution (2048 x 1024).

    Returns:
        float32 [H, W] metres; NaN where there is no measurement.
    """
    valid = raw > 1
    disparity = (np.where(valid, raw, 2).astype(np.float32) - 1) / 256
    return np.where(valid, np.float32(baseline * focal) / disparity, np.float32(np.nan))


def rescale_to_focal(
    depth: np.ndarray, trained_focal: float, camera_focal: float, scale: float = 1.0
) -> np.ndarray:
    """Turn a depth predicted for one focal length into metres of another camera.

    A monocular network sees image size only: the same picture taken with twice the
    focal length (both in pixels at network resolution) shows things twice as far.

    Args:
        depth: float32, any shape, metres for ``trained_focal``; NaN and +inf stay.
        trained_focal: focal the network was trained for, pixels at network resolution.
        camera_focal: focal of this camera, pixels at network resolution.
        scale: a further factor, which a calibration at the place has found.
    """
    return depth * np.float32(scale * camera_focal / trained_focal)
