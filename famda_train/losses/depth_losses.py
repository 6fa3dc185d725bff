# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of depth, with per-pixel weights; all take the same arguments.

The prediction is the logarithm of metres, float [B, H, W].  The target depth is float
[B, H, W] metres; NaN, +inf and values <= 0 are not supervised.  The weight is float
[B, H, W] >= 0.  Each loss is a finite scalar with a finite gradient, also where no pixel
is supervised (then 0).
"""
from __future__ import annotations

import math
from collections.abc import Callable

import torch

from famda_train.losses.reductions import weighted_mean
from famda_train.pseudo_labels.robust_statistics import without_scale_and_shift

DepthLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

LOG_LIMIT = 15.0
"""Predictions are kept within exp(+-15) metres before they are inverted, against overflow."""

TINY = 1e-6


def log_l1(log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean of |log d - log d*|, a scalar; arguments: see the top of this file."""
    log_target, weight = _supervised(depth, weight)
    return weighted_mean((log_depth.float() - log_target).abs(), weight)


def silog(
    log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor, variance_focus: float = 0.5
) -> torch.Tensor:
    """Scale-invariant logarithmic error sqrt(mean(g^2) - focus * mean(g)^2), g = log d - log d* (arXiv 1406.2283).

    Args:
        log_depth, depth, weight: see the top of this file.
        variance_focus: 0 = root mean square, 1 = blind to a common factor.
    """
    log_target, weight = _supervised(depth, weight)
    error = log_depth.float() - log_target
    square = weighted_mean(error**2, weight) - variance_focus * weighted_mean(error, weight) ** 2
    # The root has no finite gradient at 0.
    return square.clamp_min(TINY**2).sqrt() - TINY


def inverse_depth(log_depth: torch.Tensor) -> torch.Tensor:
    """Return 65536 / (centimetres + 1), the depth of CTRL and DenseMTL: 648.9 at 1 m, 65.5 at 10 m, 8.2 at 80 m.

    Args:
        log_depth: float, any shape, log metres; any finite value is safe.
    """
    # 1 / (exp(x) + a) = sigmoid(log a - x) / a, which does not overflow.
    return 65536.0 * torch.sigmoid(math.log(0.01) - log_depth)


def berhu(log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Reverse Huber loss of the normalised inverse depth, as in DenseMTL (arXiv 2206.08927).

    With error e and c = 0.2 max |e| over the batch it is |e| up to c and (e^2 + c^2) / 2c beyond.
    Its size is that of :func:`inverse_depth`, hence weights of 0.001 beside a cross-entropy.
    """
    log_target, weight = _supervised(depth, weight)
    error = (inverse_depth(log_depth.float()) - inverse_depth(log_target)).abs()
    corner = (0.2 * torch.where(weight > 0, error, 0.0).max()).detach().clamp_min(TINY)
    return weighted_mean(torch.where(error <= corner, error, (error**2 + corner**2) / (2 * corner)), weight)


def scale_shift_invariant(log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean error of disparity after both sides lost scale and shift of the image (MiDaS, arXiv 1907.01341).

    A scalar; arguments: see the top of this file.
    """
    error, weight = _relative_error(log_depth, depth, weight)
    return weighted_mean(error.abs(), weight)


def gradient_matching(
    log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor, scales: int = 4
) -> torch.Tensor:
    """Mean of |dx e| + |dy e|, e the error of :func:`scale_shift_invariant`, summed over scales (MiDaS).

    Args:
        log_depth, depth, weight: see the top of this file.
        scales: every scale takes every second pixel of the one before.
    """
    error, weight = _relative_error(log_depth, depth, weight)
    total = error.new_zeros(())
    for scale in range(scales):
        step = 2**scale
        total = total + _slope(error[:, ::step, ::step], weight[:, ::step, ::step])
    return total


def midas(log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Scale-and-shift-invariant loss plus half the gradient matching, the sum used by MiDaS; a scalar."""
    return scale_shift_invariant(log_depth, depth, weight) + 0.5 * gradient_matching(log_depth, depth, weight)


def beyond_range(log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor, far_m: float) -> torch.Tensor:
    """Ask for at least ``far_m`` metres where the depth is beyond range (sky), and for nothing else.

    Args:
        log_depth, depth, weight: see the top of this file; here only pixels with depth +inf count.
        far_m: end of the depth range in metres.
    """
    missing = (math.log(far_m) - log_depth.float()).clamp_min(0.0)
    return weighted_mean(missing, weight * torch.isposinf(depth))


DEPTH_LOSSES: dict[str, DepthLoss] = {
    'log_l1': log_l1,
    'silog': silog,
    'berhu': berhu,
    'scale_shift_invariant': scale_shift_invariant,
    'gradient_matching': gradient_matching,
    'midas': midas,
}
"""Losses of supervised depth by name."""


def _supervised(depth: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (log metres, 0 where not supervised; weight, 0 where not supervised)."""
    valid = torch.isfinite(depth) & (depth > 0)
    return torch.where(valid, depth.float(), 1.0).log(), weight.float() * valid


def _relative_error(
    log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (difference of the two sides' relative disparity [B, H, W], weight as in ``_supervised``)."""
    log_target, weight = _supervised(depth, weight)
    return _relative_disparity(log_depth.float(), weight) - _relative_disparity(log_target, weight), weight


def _relative_disparity(log_depth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return disparity without scale and shift, those of the image's pixels with a weight."""
    return without_scale_and_shift((-log_depth.clamp(-LOG_LIMIT, LOG_LIMIT)).exp(), weight > 0)


def _slope(error: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return mean |dx e| + mean |dy e| over pairs of neighbours that both have a weight."""
    total = error.new_zeros(())
    for axis in (1, 2):
        pairs = error.shape[axis] - 1
        before, after = (weight.narrow(axis, start, pairs) for start in (0, 1))
        total = total + weighted_mean(error.diff(dim=axis).abs(), torch.sqrt(before * after))
    return total
