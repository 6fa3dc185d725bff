# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors by distance and by class, and whether a student sees too near: what one mean over all pixels hides."""
from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from famda_train.evaluation.depth import DELTA_BASE, scored_depth, valid_depth
from famda_train.evaluation.protocol import METRIC, Protocol

BANDS_M = (1.0, 10.0, 20.0, 40.0, 80.0)
"""Limits of the distance bands, metres of the ground truth."""
LARGEST_RATIO = 100.0
BINS = 4000
"""Bins of the logarithm of the ratio: 0.23 % each."""


class DepthGroups:
    """AbsRel, delta1 and the median of prediction / ground truth of groups of pixels.

    Medians come from a histogram, so that memory does not grow with the frames; they are exact to 0.2 %.

    Args:
        names: of the groups.
        protocol: how depth is scored.
    """

    def __init__(self, names: Sequence[str], protocol: Protocol = METRIC):
        self.names, self.protocol = list(names), protocol
        groups = len(self.names) + 1  # the last one is of pixels in no group
        self.counts = np.zeros((groups, BINS), np.int64)
        self._abs_rel, self._within = np.zeros(groups), np.zeros(groups)

    def update(self, prediction: np.ndarray, ground_truth: np.ndarray, group: np.ndarray) -> None:
        """Add one frame.

        Args:
            prediction, ground_truth: [H, W] metres; pixels are scored as :func:`scored_depth` says.
            group: integer [H, W], place of each pixel's group in the names; any other number = none.
        """
        predicted, actual = scored_depth(prediction, ground_truth, self.protocol)
        place, others = group[valid_depth(ground_truth.astype(np.float64), self.protocol)].astype(int), len(self.names)
        place = np.where((place >= 0) & (place < others), place, others)
        ratio = predicted / actual
        level = (np.log(ratio) / np.log(LARGEST_RATIO) + 1) / 2 * BINS
        np.add.at(self.counts, (place, np.clip(level, 0, BINS - 1).astype(int)), 1)
        self._abs_rel += np.bincount(place, np.abs(ratio - 1), others + 1)
        self._within += np.bincount(place, np.maximum(ratio, 1 / ratio) < DELTA_BASE, others + 1)

    def compute(self) -> dict[str, dict[str, Any]]:
        """Return name → ``pixels``, ``abs_rel``, ``delta1`` in percent, ``ratio``; without empty groups."""
        scores = {}
        for index, name in enumerate(self.names):
            pixels = int(self.counts[index].sum())
            if pixels:
                scores[name] = {
                    'pixels': pixels,
                    'abs_rel': float(self._abs_rel[index] / pixels),
                    'delta1': float(100 * self._within[index] / pixels),
                    'ratio': _median(self.counts[index]),
                }
        return scores


class DepthBands:
    """:class:`DepthGroups` by distance."""

    def __init__(self, protocol: Protocol = METRIC):
        names = [f'{low:g}-{high:g} m' for low, high in itertools.pairwise(BANDS_M)]
        self._groups = DepthGroups(names, protocol)

    def update(self, prediction: np.ndarray, ground_truth: np.ndarray) -> None:
        """Add one frame, [H, W] metres each."""
        band = np.digitize(ground_truth + self._groups.protocol.offset_m, BANDS_M) - 1
        self._groups.update(prediction, ground_truth, band)

    def compute(self) -> dict[str, Any]:
        """Return ``ratio``, the median over all pixels, and ``bands``: name such as '1-10 m' → its numbers."""
        return {'ratio': _median(self._groups.counts.sum(0)), 'bands': self._groups.compute()}


def _median(counts: np.ndarray) -> float:
    """Return the median ratio of a histogram."""
    middle = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    return float(LARGEST_RATIO ** (2 * (middle + 0.5) / BINS - 1))
