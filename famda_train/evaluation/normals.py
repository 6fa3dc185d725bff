# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Angular errors of surface normals, pooled over all pixels.

The five numbers of the literature (Fouhey et al., ICCV 2013; Vandenhende et al., arXiv
2004.13379): mean and median of the angle, and the share of angles below three thresholds.
"""
from __future__ import annotations

import numpy as np

THRESHOLDS_DEGREES = (11.25, 22.5, 30.0)
_BIN_DEGREES = 0.01


def angles_degrees(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return float64 [N]: the angle between predicted and true normals on the scored pixels, 0..180 degrees.

    Args:
        prediction: float [..., 3, H, W], any length; a vector without a direction (zero, NaN, inf)
            counts as a right angle.
        truth: same shape; pixels with NaN or without a direction are not scored.
    """
    if prediction.shape != truth.shape or truth.ndim < 3 or truth.shape[-3] != 3:
        raise ValueError(f'normals of shape {prediction.shape} cannot be scored against truth of shape {truth.shape}')
    predicted, actual = (np.moveaxis(a, -3, -1).reshape(-1, 3).astype(np.float64) for a in (prediction, truth))
    lengths = np.linalg.norm(actual, axis=1)
    scored = np.isfinite(lengths) & (lengths > 0)
    predicted, actual = predicted[scored], actual[scored]
    predicted = np.where(np.isfinite(predicted).all(1, keepdims=True), predicted, 0.0)
    # Exact at all angles, where arccos of a dot product loses half of its digits near 0 and 180 degrees.
    sine = np.linalg.norm(np.cross(predicted, actual), axis=1)
    cosine = (predicted * actual).sum(1)
    angles = np.degrees(np.arctan2(sine, cosine))
    return np.where((sine == 0) & (cosine == 0), 90.0, angles)


class NormalsMetric:
    """Pool angles over frames in a histogram: memory does not grow, the median is exact to 0.01 degrees."""

    def __init__(self):
        self._sum = 0.0
        self._below = np.zeros(len(THRESHOLDS_DEGREES), np.int64)
        self._histogram = np.zeros(round(180 / _BIN_DEGREES), np.int64)

    @property
    def pixels(self) -> int:
        """Number of scored pixels so far."""
        return int(self._histogram.sum())

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add one frame or more; see :func:`angles_degrees`."""
        angles = angles_degrees(prediction, truth)
        self._sum += float(angles.sum())
        self._below += [np.count_nonzero(angles < threshold) for threshold in THRESHOLDS_DEGREES]
        bins = np.minimum((angles / _BIN_DEGREES).astype(np.int64), len(self._histogram) - 1)
        self._histogram += np.bincount(bins, minlength=len(self._histogram))

    def compute(self) -> dict[str, float]:
        """Return ``mean_angle``, ``median_angle`` (degrees), ``within_11``, ``within_22``, ``within_30`` (percent).

        The shares are those of angles below 11.25, 22.5 and 30 degrees.  All are NaN when nothing was scored.
        """
        names = [f'within_{int(threshold)}' for threshold in THRESHOLDS_DEGREES]
        if not self.pixels:
            return dict.fromkeys(('mean_angle', 'median_angle', *names), float('nan'))
        middle = np.searchsorted(np.cumsum(self._histogram), (self.pixels + 1) // 2)
        return {
            'mean_angle': self._sum / self.pixels,
            'median_angle': float((middle + 0.5) * _BIN_DEGREES),
            **{name: 100.0 * int(n) / self.pixels for name, n in zip(names, self._below, strict=True)},
        }


def normals_metrics(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the angular errors of one array; see :meth:`NormalsMetric.compute`."""
    metric = NormalsMetric()
    metric.update(prediction, truth)
    return metric.compute()
