# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Can the confidence be believed?  Of the pixels with a confidence of 80 %, four in five should be right."""
from __future__ import annotations

from typing import Any

import numpy as np

LEVELS = 256
"""Values of a published confidence: uint8, 255 = certain."""
BINS = 15
"""Equal parts of 0..1 in which confidence and accuracy are compared, as in Guo et al., arXiv 1706.04599."""


def confidence_counts(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Count the pixels at each level of confidence; counts of frames add up.

    Args:
        confidence: uint8 [N], 255 = certain.
        right: bool [N], whether the published label is the true one.

    Returns:
        int64 [2, 256]: pixels, and those of them that are right.
    """
    counts = np.bincount(confidence, minlength=LEVELS), np.bincount(confidence[right], minlength=LEVELS)
    return np.stack(counts).astype(np.int64)


def reliability(counts: np.ndarray) -> dict[str, Any]:
    """Compare confidence with accuracy.

    Args:
        counts: as :func:`confidence_counts` gives them, summed over frames; at least one pixel.

    Returns:
        ``ece``, the expected calibration error: the mean over pixels of the distance of confidence and accuracy within
        their bin, in points; ``confidence`` and ``accuracy``, means in percent; ``bins``: of each that has pixels their
        ``share``, ``confidence`` and ``accuracy`` in percent.
    """
    pixels, right = counts.astype(float)
    levels = np.arange(LEVELS) / (LEVELS - 1)
    place = np.minimum((levels * BINS).astype(int), BINS - 1)
    n, hits, sums = (np.bincount(place, values, BINS) for values in (pixels, right, pixels * levels))
    total = n.sum()
    bins = [
        {'share': 100 * n[b] / total, 'confidence': 100 * sums[b] / n[b], 'accuracy': 100 * hits[b] / n[b]}
        for b in range(BINS)
        if n[b]
    ]
    return {
        'ece': float(100 * np.abs(sums - hits).sum() / total),
        'confidence': float(100 * sums.sum() / total),
        'accuracy': float(100 * hits.sum() / total),
        'bins': [{key: float(value) for key, value in one.items()} for one in bins],
    }
