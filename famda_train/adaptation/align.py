# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Give a relative depth teacher metres: robust scale and shift against a reference depth."""
from __future__ import annotations

import torch


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


def align_disparity(
    disparity: torch.Tensor,
    reference_depth: torch.Tensor,
    valid: torch.Tensor,
    depth_range_m: tuple[float, float] = (1.0, 80.0),
    passes: int = 3,
) -> torch.Tensor:
    """Turn affine-invariant disparity into metres that agree with a reference depth.

    Every pass fits scale and shift in disparity space and then trusts each pixel
    less the larger its residual is (Cauchy weights at the median residual), so that
    a minority of wrong reference pixels does not bend the fit.

    Args:
        disparity: float [B, H, W], near = large, unknown scale and shift per image.
        reference_depth: float [B, H, W] metres.
        valid: bool [B, H, W], pixels that may be used for the fit (no sky).
        depth_range_m: aligned depth is clamped to this range.

    Returns:
        float32 [B, H, W] metres; NaN for an image in which the fit is impossible
        (too few valid pixels, or a scale that is not positive).
    """
    near, far = depth_range_m
    shape = disparity.shape
    x = disparity.float().flatten(1)
    y = (1.0 / reference_depth.float().clamp(near, far)).flatten(1)
    mask = (valid & torch.isfinite(disparity) & torch.isfinite(reference_depth)).flatten(1)
    x, y = torch.where(mask, x, 0.0), torch.where(mask, y, 0.0)
    weight = mask.float()
    for _ in range(passes):
        scale, shift = fit_scale_shift(x, y, weight)
        residual = (scale[:, None] * x + shift[:, None] - y).abs()
        spread = torch.where(mask, residual, torch.nan).nanmedian(dim=1).values.nan_to_num(1.0).clamp_min(1e-6)
        weight = mask / (1.0 + (residual / spread[:, None]) ** 2)
    scale, shift = fit_scale_shift(x, y, weight)
    usable = (scale > 0) & (mask.sum(1) >= 16)
    aligned = scale[:, None] * disparity.float().flatten(1) + shift[:, None]
    depth = 1.0 / aligned.clamp(1.0 / far, 1.0 / near)
    return torch.where(usable[:, None], depth, torch.nan).view(shape)
