# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Overlapping masks → one picture of segment ids, in which small masks lie over large ones."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from famda_ros.errors import FamdaError

MOST_SEGMENTS = 65535
"""What uint16 ids can tell apart; 0 is no mask."""


def suppress_overlaps(masks: Sequence[np.ndarray], scores: Sequence[float], threshold: float) -> list[int]:
    """Return which masks stay when near-duplicates are dropped: non-maximum suppression on the masks themselves.

    Boxes cannot tell a fence from the street behind it, masks can.

    Args:
        masks: bool [H, W] each.
        scores: score of each mask; of two that overlap, the one with the higher score stays, of equal ones the first.
        threshold: a mask goes when its IoU with one that stays is above this; 1 keeps all.

    Returns:
        Indices, best score first.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind='stable').tolist()
    if threshold >= 1:
        return order
    areas = [int(np.count_nonzero(mask)) for mask in masks]
    kept: list[int] = []
    for index in order:
        if not any(_iou_above(masks[index], masks[other], areas[index], areas[other], threshold) for other in kept):
            kept.append(index)
    return kept


def _iou_above(mask: np.ndarray, other: np.ndarray, area: int, other_area: int, threshold: float) -> bool:
    # IoU is at most the ratio of areas, which spares most pairs the look at their pixels.
    if min(area, other_area) <= threshold * max(area, other_area):
        return False
    common = int(np.count_nonzero(mask & other))
    return common > threshold * (area + other_area - common)


def paint(masks: Sequence[np.ndarray], size: tuple[int, int], min_area: int = 0) -> np.ndarray:
    """Paint masks by area, the largest first, so that small ones end up on top (SAM4UDASS, 2023).

    Args:
        masks: bool [H, W] each; of equally large ones, the later is on top.
        size: (H, W).
        min_area: masks with fewer pixels are left out.

    Returns:
        uint16 [H, W]; 0 = no mask.  Ids are 1..n without gaps; masks that others hide have none.

    Raises:
        FamdaError: more segments than 16 bits can tell apart.
    """
    areas = [int(np.count_nonzero(mask)) for mask in masks]
    painted = np.zeros(size, np.int32)
    for place, index in enumerate(sorted(range(len(masks)), key=lambda i: -areas[i]), start=1):
        if areas[index] >= max(min_area, 1):
            painted[masks[index]] = place
    visible = np.unique(painted)
    visible = visible[visible > 0]
    if len(visible) > MOST_SEGMENTS:
        raise FamdaError(f'{len(visible)} masks in one image do not fit into 16 bits; raise the setting min_area')
    ids = np.zeros(len(masks) + 1, np.uint16)
    ids[visible] = np.arange(1, len(visible) + 1)
    return ids[painted]
