# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Superpixels as masks: no weights, no downloads."""
from __future__ import annotations

from typing import Any

import numpy as np

from famda_train.teachers.setting_types import Count, NotNegative, Positive
from famda_train.teachers.weights import NO_WEIGHTS, Weights


class Felzenszwalb:
    """Graph-based superpixels (Felzenszwalb and Huttenlocher, 2004); needs no weights.

    Args:
        scale: larger gives larger segments.
        sigma: Gaussian smoothing before segmentation, pixels.
        min_size: smallest segment, pixels.
        gamma: exponent on brightness before segmentation; below 1 it shows edges in the dark.
    """

    def __init__(
        self, scale: Positive = 30.0, sigma: NotNegative = 0.8, min_size: Count = 20, gamma: Positive = 0.5
    ):
        self._settings = {'scale': scale, 'sigma': sigma, 'min_size': min_size}
        self._brighter = (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
        self.identity: dict[str, Any] = {
            'name': 'felzenszwalb',
            'kind': 'segments',
            'settings': {**self._settings, 'gamma': gamma},
            'licence': NO_WEIGHTS.licence,
        }

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return uint16 [H, W]; every pixel is in a segment, ids 1 and up."""
        from skimage.segmentation import felzenszwalb

        return (felzenszwalb(self._brighter[image], channel_axis=-1, **self._settings) + 1).astype(np.uint16)

    @staticmethod
    def weights() -> list[Weights]:
        """Return that it needs none."""
        return [NO_WEIGHTS]
