# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The output of a teacher for one frame, as the PNG bytes and numbers that a label store keeps.

Masks are uint16 ids.  Depth is uint16 with value * scale + offset per image, raw 0 =
unknown.  Reliability is uint8, 255 = 1.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

LEVELS = 65535
FINEST = 1e-9
"""Smallest step between levels; finer differences are none."""


@dataclass(frozen=True)
class LabelPicture:
    """One entry of a label store.

    Attributes:
        picture: PNG bytes, uint16 [H, W].
        parameters: what ``index.jsonl`` keeps beside the stem.
        reliability: PNG bytes, uint8 [H, W]; None = the teacher gives none.
    """

    picture: bytes
    parameters: dict[str, Any]
    reliability: bytes | None = None


def encode_segments(segments: np.ndarray) -> LabelPicture:
    """Encode mask ids, integers [H, W].

    Raises:
        ValueError: more ids than 16 bits can hold.
    """
    if segments.max(initial=0) > LEVELS:
        raise ValueError(f'{segments.max()} masks do not fit into 16 bits')
    return LabelPicture(_png(segments.astype(np.uint16)), {'masks': int(segments.max(initial=0))})


def encode_depth(values: np.ndarray, reliability: np.ndarray | None = None) -> LabelPicture:
    """Encode metres or disparity.

    Args:
        values: float [H, W]; NaN = unknown.
        reliability: float [H, W], 0 to 1; NaN counts as 0.  None = not given.
    """
    raw, scale, offset = quantise(values)
    parameters: dict[str, Any] = {'scale': scale, 'offset': offset}
    if reliability is None:
        return LabelPicture(_png(raw), parameters)
    levels = np.round(255 * np.clip(np.nan_to_num(reliability), 0, 1)).astype(np.uint8)
    return LabelPicture(_png(raw), {**parameters, 'reliability': True}, _png(levels))


def quantise(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Spread the finite values of an array over uint16 1..65535; 0 = unknown.

    Args:
        values: float [H, W]; NaN and inf are stored as unknown.

    Returns:
        (raw uint16 [H, W], scale, offset) with values = raw * scale + offset,
        exact to (max - min) / 131068.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint16), 1.0, 0.0
    low, high = float(values[finite].min()), float(values[finite].max())
    scale = max((high - low) / (LEVELS - 1), FINEST)
    offset = low - scale
    raw = np.round((np.where(finite, values, low).astype(np.float64) - offset) / scale)
    return np.where(finite, raw, 0).astype(np.uint16), scale, offset


def dequantise(raw: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Inverse of :func:`quantise`; float32 [H, W], NaN where raw is 0."""
    values = raw.astype(np.float32) * np.float32(scale) + np.float32(offset)
    values[raw == 0] = np.nan
    return values


def _png(array: np.ndarray) -> bytes:
    done, data = cv2.imencode('.png', array)
    if not done:
        raise ValueError(f'an array of shape {array.shape} cannot be a PNG')
    return data.tobytes()
