# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Give a relative depth teacher metres: robust scale and shift against a reference depth."""
from __future__ import annotations

import torch

from famda_train.pseudo_labels.robust_statistics import robust_statistics

PASSES = 3
"""How often the robust fit lowers the weight of pixels that do not fit."""


def fit_scale_shift(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted least squares y = scale * x + shift, one fit per row.

    Args:
        x, y, weight: float32 [B, N]; weight >= 0.

    Returns:
        (scale, shift), each [B]; scale 0 and shift = mean(y) where x does not vary.
    """
    total = weight.sum(1).clamp_min(1e-12)
    mean_x, mean_y = (weight * x).sum(1) / total, (weight * y).sum(1) / total
    dx, dy = x - mean_x[:, None], y - mean_y[:, None]
    variance = (weight * dx * dx).sum(1)
    covariance = (weight * dx * dy).sum(1)
    scale = torch.where(variance > 1e-12, covariance / variance.clamp_min(1e-12), torch.zeros_like(variance))
    return scale, mean_y - scale * mean_x


def fit_robustly(
    x: torch.Tensor, y: torch.Tensor, valid: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit y = scale * x + shift, one fit per image, in spite of a minority of wrong pixels.

    Every pass fits by least squares and then lowers the weight of each pixel the more, the larger
    its residual is (Cauchy weights at the median residual).

    Args:
        x, y: float [B, H, W]; anything where not valid.
        valid: bool [B, H, W], pixels that count.

    Returns:
        (scale, shift), each [B].
    """
    mask = valid.flatten(1)
    x, y = torch.where(mask, x.float().flatten(1), 0.0), torch.where(mask, y.float().flatten(1), 0.0)
    weight = mask.float()
    for _ in range(PASSES):
        scale, shift = fit_scale_shift(x, y, weight)
        residual = (scale[:, None] * x + shift[:, None] - y).abs()
        spread = torch.where(mask, residual, torch.nan).nanmedian(dim=1).values.nan_to_num(1.0).clamp_min(1e-6)
        weight = mask / (1.0 + (residual / spread[:, None]) ** 2)
    return fit_scale_shift(x, y, weight)


def align_disparity(
    disparity: torch.Tensor,
    reference_depth: torch.Tensor,
    valid: torch.Tensor,
    depth_range_m: tuple[float, float],
) -> torch.Tensor:
    """Turn affine-invariant disparity into metres that agree with a reference depth.

    Scale and shift are fitted in disparity space by :func:`fit_robustly`, so that a
    minority of wrong reference pixels does not bend the fit.

    Args:
        disparity: float [B, H, W], near = large, unknown scale and shift per image.
        reference_depth: float [B, H, W] metres.
        valid: bool [B, H, W], pixels that may be used for the fit (no sky).
        depth_range_m: nearest and farthest metres; aligned depth is clamped to them.

    Returns:
        float32 [B, H, W] metres; NaN for an image in which the fit is impossible
        (too few valid pixels, or a scale that is not positive).
    """
    near, far = depth_range_m
    mask = valid & torch.isfinite(disparity) & torch.isfinite(reference_depth)
    scale, shift = fit_robustly(disparity, 1.0 / reference_depth.float().clamp(near, far), mask)
    usable = (scale > 0) & (mask.flatten(1).sum(1) >= 16)
    aligned = scale[:, None, None] * disparity.float() + shift[:, None, None]
    depth = 1.0 / aligned.clamp(1.0 / far, 1.0 / near)
    return torch.where(usable[:, None, None], depth, torch.nan)


def match_statistics(
    values: torch.Tensor, valid: torch.Tensor, median: torch.Tensor | float, spread: torch.Tensor | float
) -> torch.Tensor:
    """Scale and shift each image so that its :func:`robust_statistics` become those given.

    Args:
        values: float [B, H, W].
        valid: bool [B, H, W], pixels from which the image's own statistics are taken.
        median, spread: wanted, one number or [B].

    Returns:
        float32 [B, H, W]; NaN for an image whose values do not vary.
    """
    own_median, own_spread = robust_statistics(values, valid)
    scale = torch.where(own_spread > 1e-12, spread / own_spread, torch.nan)
    shift = median - scale * own_median
    return scale[:, None, None] * values.float() + shift[:, None, None]


def align_to_statistics(
    disparity: torch.Tensor,
    valid: torch.Tensor,
    median: torch.Tensor | float,
    spread: torch.Tensor | float,
    depth_range_m: tuple[float, float],
) -> torch.Tensor:
    """Turn affine-invariant disparity into metres by the statistics of the source's inverse depth.

    Needs no metric prediction of the image, but takes the target to be as near and as far as the source.

    Args:
        disparity: float [B, H, W], near = large, unknown scale and shift per image.
        valid: bool [B, H, W], pixels that count (no sky).
        median, spread: those of 1 / metres on the source, as :func:`robust_statistics` measures them.
        depth_range_m: nearest and farthest metres; aligned depth is clamped to them.

    Returns:
        float32 [B, H, W] metres; NaN where the disparity is, and for an image in which it does not vary.
    """
    near, far = depth_range_m
    return 1.0 / match_statistics(disparity, valid, median, spread).clamp(1.0 / far, 1.0 / near)
