# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors in true metres.

Sums are kept, not means: frames with few valid pixels weigh little, and the
order or the grouping of frames changes nothing.
"""
from __future__ import annotations

import numpy as np

from famda_train.evaluation.protocol import METRIC, Protocol

DELTA_BASE = 1.25
"""delta-k counts the pixels whose ratio to the truth is below ``1.25 ** k``."""


def valid_depth(truth: np.ndarray, protocol: Protocol = METRIC) -> np.ndarray:
    """Return a boolean mask: truth that is known and inside the protocol's range."""
    with np.errstate(invalid='ignore'):
        return (truth >= protocol.depth_min_m) & (truth <= protocol.depth_max_m)


def clamp_depth(prediction: np.ndarray, protocol: Protocol = METRIC) -> np.ndarray:
    """Return float64 predictions inside the protocol's range.

    A prediction of +inf (sky) or NaN (unknown) counts as the far end: on pixels
    where the truth is known, leaving an answer out is scored, not skipped.
    """
    prediction = np.where(np.isnan(prediction), np.inf, prediction).astype(np.float64)
    return np.clip(prediction, protocol.depth_min_m, protocol.depth_max_m)


def depth_error_sums(prediction: np.ndarray, truth: np.ndarray, protocol: Protocol = METRIC) -> np.ndarray:
    """Return float64 [8]: pixel count and the sums of the seven errors.

    Args:
        prediction: metres, same shape as ``truth``.
        truth: metres; NaN = unknown, +inf = beyond range, both unscored.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f'depth of shape {prediction.shape} cannot be scored against truth of shape {truth.shape}')
    valid = valid_depth(truth, protocol)
    actual = truth[valid].astype(np.float64)
    predicted = clamp_depth(prediction[valid], protocol)
    difference = predicted - actual
    ratio = np.maximum(predicted / actual, actual / predicted)
    deltas = [np.count_nonzero(ratio < DELTA_BASE**k) for k in (1, 2, 3)]
    errors = (np.abs(difference) / actual, difference**2 / actual, difference**2, np.log(predicted / actual) ** 2)
    return np.array([actual.size, *(error.sum() for error in errors), *deltas], np.float64)


class DepthMeter:
    """Pool pixels over frames."""

    def __init__(self, protocol: Protocol = METRIC):
        self.protocol = protocol
        self._sums = np.zeros(8)

    @property
    def pixels(self) -> int:
        """Number of scored pixels so far."""
        return int(self._sums[0])

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add one frame, both arrays in metres."""
        self._sums += depth_error_sums(prediction, truth, self.protocol)

    def compute(self) -> dict[str, float]:
        """Return ``abs_rel``, ``sq_rel`` (m), ``rmse`` (m), ``rmse_log``, ``delta1..3`` (percent).

        All are NaN when no pixel was valid.
        """
        with np.errstate(invalid='ignore', divide='ignore'):
            abs_rel, sq_rel, square, square_log, *deltas = (self._sums[1:] / self._sums[0]).tolist()
        return {
            'abs_rel': abs_rel,
            'sq_rel': sq_rel,
            'rmse': float(np.sqrt(square)),
            'rmse_log': float(np.sqrt(square_log)),
            **{f'delta{k}': 100.0 * share for k, share in enumerate(deltas, start=1)},
        }


def depth_metrics(prediction: np.ndarray, truth: np.ndarray, protocol: Protocol = METRIC) -> dict[str, float]:
    """Return the errors of one array; see :meth:`DepthMeter.compute`."""
    meter = DepthMeter(protocol)
    meter.update(prediction, truth)
    return meter.compute()
