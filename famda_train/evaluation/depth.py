# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors in metres, by the rules of a protocol.

Sums are kept, not means.  Under a protocol that pools pixels, frames with few valid
pixels weigh little, and the order or the grouping of frames changes nothing.
"""
from __future__ import annotations

import numpy as np

from famda_train.evaluation.protocol import DEPTH_METRICS, METRIC, Protocol

DELTA_BASE = 1.25
"""delta-k counts the pixels whose ratio to the ground truth is below ``1.25 ** k``."""


def valid_depth(truth: np.ndarray, protocol: Protocol = METRIC) -> np.ndarray:
    """Return bool of the shape of ``truth`` (metres): known and, with the protocol's offset, inside its range."""
    with np.errstate(invalid='ignore'):
        shifted = truth + protocol.offset_m if protocol.offset_m else truth
        return (shifted >= protocol.depth_min_m) & (shifted <= protocol.depth_max_m)


def clamp_depth(prediction: np.ndarray, protocol: Protocol = METRIC) -> np.ndarray:
    """Return predictions (metres, any shape) as float64 inside the protocol's range.

    A prediction of +inf (sky) or NaN (unknown) counts as the far end: where the ground truth is known, a missing
    prediction is scored, not skipped.
    """
    prediction = np.where(np.isnan(prediction), np.inf, prediction).astype(np.float64)
    return np.clip(prediction, protocol.depth_min_m, protocol.depth_max_m)


def scored_depth(prediction: np.ndarray, truth: np.ndarray, protocol: Protocol = METRIC) -> tuple[np.ndarray, ...]:
    """Return (predicted, actual), float64 [N]: the scored pixels of one frame, as they are compared.

    Args:
        prediction: metres, same shape as ``truth``; +inf and NaN count as the far end.
        truth: metres; NaN = unknown, +inf = beyond range, both unscored.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f'depth of shape {prediction.shape} cannot be scored against truth of shape {truth.shape}')
    truth, valid = truth.astype(np.float64), valid_depth(truth.astype(np.float64), protocol)
    actual = truth[valid] + protocol.offset_m
    predicted = prediction[valid].astype(np.float64)
    predicted = np.where(np.isfinite(predicted), predicted, protocol.depth_max_m) + protocol.offset_m
    if protocol.median_scaling and actual.size:
        with np.errstate(divide='ignore', invalid='ignore'):
            predicted = predicted * (lower_median(actual) / lower_median(predicted))
    return clamp_depth(predicted, protocol), actual


def lower_median(values: np.ndarray) -> np.floating:
    """Return the median of [N], N >= 1; of the two middle values of an even number the lower one, as PyTorch."""
    middle = (values.size - 1) // 2
    return np.partition(values, middle)[middle]


def depth_error_sums(prediction: np.ndarray, truth: np.ndarray, protocol: Protocol = METRIC) -> np.ndarray:
    """Return float64 [8]: pixel count and the sums of the seven errors of one frame; see :func:`scored_depth`."""
    predicted, actual = scored_depth(prediction, truth, protocol)
    difference = predicted - actual
    ratio = np.maximum(predicted / actual, actual / predicted)
    deltas = [np.count_nonzero(ratio < DELTA_BASE**k) for k in (1, 2, 3)]
    errors = (np.abs(difference) / actual, difference**2 / actual, difference**2, np.log(predicted / actual) ** 2)
    return np.array([actual.size, *(error.sum() for error in errors), *deltas], np.float64)


def depth_scores(sums: np.ndarray, protocol: Protocol = METRIC) -> dict[str, float]:
    """Average errors over frames as the protocol says.

    Args:
        sums: float64 [F, 8], one :func:`depth_error_sums` per frame.
        protocol: pools the pixels of all frames, or takes the mean of the frames.

    Returns:
        The protocol's metrics by name: ``sq_rel`` and ``rmse`` in metres, ``delta1..3`` in percent.  Frames without a
        valid pixel count nowhere.  All are NaN when no pixel was valid.
    """
    sums = sums[sums[:, 0] > 0]
    if len(sums) and not protocol.mean_of_frames:
        sums = sums.sum(0, keepdims=True)
    errors = np.mean(sums[:, 1:] / sums[:, :1], axis=0) if len(sums) else np.full(7, np.nan)
    abs_rel, sq_rel, square, square_log, *deltas = errors.tolist()
    values = (abs_rel, sq_rel, square**0.5, square_log**0.5, *(100.0 * share for share in deltas))
    named = dict(zip(DEPTH_METRICS, values, strict=True))
    return {name: named[name] for name in protocol.depth_metrics}


class DepthMetric:
    """Average errors over frames as the protocol says."""

    def __init__(self, protocol: Protocol = METRIC):
        self.protocol = protocol
        self._sums: list[np.ndarray] = []  # of every frame, or one entry for all of them

    @property
    def pixels(self) -> int:
        """Number of scored pixels so far."""
        return int(sum(sums[0] for sums in self._sums))

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add one frame, both arrays float [H, W] metres; several frames at once only where pixels are pooled."""
        sums = depth_error_sums(prediction, truth, self.protocol)
        if self._sums and not self.protocol.mean_of_frames:
            self._sums[0] += sums
        else:
            self._sums.append(sums)

    def compute(self) -> dict[str, float]:
        """Return :func:`depth_scores` of the frames so far."""
        return depth_scores(np.array(self._sums).reshape(-1, 8), self.protocol)


def depth_metrics(prediction: np.ndarray, truth: np.ndarray, protocol: Protocol = METRIC) -> dict[str, float]:
    """Return the errors of one frame; see :meth:`DepthMetric.compute`."""
    metric = DepthMetric(protocol)
    metric.update(prediction, truth)
    return metric.compute()
