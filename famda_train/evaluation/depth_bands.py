# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors by distance, and whether a student sees too near or too far: what one mean over all pixels hides."""
from __future__ import annotations

from typing import Any

import numpy as np

from famda_train.evaluation.depth import DELTA_BASE, scored_depth
from famda_train.evaluation.protocol import METRIC, Protocol

BANDS_M = (1.0, 10.0, 20.0, 40.0, 80.0)
"""Limits of the distance bands, metres of the ground truth."""
LARGEST_RATIO = 100.0
BINS = 4000
"""Bins of the logarithm of the ratio: 0.23 % each."""


class DepthBands:
    """AbsRel, delta1 and the median of prediction / ground truth, overall and by distance.

    Medians come from a histogram, so that memory does not grow with the frames; they are exact to 0.2 %.
    """

    def __init__(self, protocol: Protocol = METRIC):
        self.protocol = protocol
        self._counts = np.zeros((len(BANDS_M) + 1, BINS), np.int64)  # below the first band, the bands, beyond the last
        self._abs_rel = np.zeros(len(BANDS_M) + 1)
        self._within = np.zeros(len(BANDS_M) + 1)

    def update(self, prediction: np.ndarray, ground_truth: np.ndarray) -> None:
        """Add one frame, [H, W] metres each; pixels are scored as :func:`scored_depth` says."""
        predicted, actual = scored_depth(prediction, ground_truth, self.protocol)
        ratio, band = predicted / actual, np.digitize(actual, BANDS_M)
        place = (np.log(ratio) / np.log(LARGEST_RATIO) + 1) / 2 * BINS
        np.add.at(self._counts, (band, np.clip(place, 0, BINS - 1).astype(int)), 1)
        size = len(BANDS_M) + 1
        self._abs_rel += np.bincount(band, np.abs(ratio - 1), size)
        self._within += np.bincount(band, np.maximum(ratio, 1 / ratio) < DELTA_BASE, size)

    def compute(self) -> dict[str, Any]:
        """Return ``ratio``, the median over all pixels, and ``bands``: name such as '1-10 m' → its numbers.

        Each band has ``pixels``, ``abs_rel``, ``delta1`` in percent and ``ratio``; bands without a pixel are left out.
        """
        bands = {}
        for index in range(1, len(BANDS_M)):
            pixels = int(self._counts[index].sum())
            if pixels:
                bands[f'{BANDS_M[index - 1]:g}-{BANDS_M[index]:g} m'] = {
                    'pixels': pixels,
                    'abs_rel': float(self._abs_rel[index] / pixels),
                    'delta1': float(100 * self._within[index] / pixels),
                    'ratio': _median(self._counts[index]),
                }
        return {'ratio': _median(self._counts.sum(0)), 'bands': bands}


def _median(counts: np.ndarray) -> float:
    """Return the median ratio of a histogram."""
    middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    return float(LARGEST_RATIO ** (2 * (middle + 0.5) / BINS - 1))
