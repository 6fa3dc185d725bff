# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Median and mean distance from it: scale and shift of a map that a few wrong pixels do not move."""
from __future__ import annotations

import torch

FLAT = 0.01
"""A map whose mean distance from its median is below this share of the median counts as flat."""

TINY = 1e-6


def robust_statistics(values: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (median, mean absolute distance from it) of each image, float32 [B]; NaN without a valid pixel.

    Both have finite gradients.

    Args:
        values: float [B, H, W], for example inverse or log depth.
        valid: bool [B, H, W], pixels that count; values that are not finite never do.
    """
    values = values.float().flatten(1)
    counts = valid.flatten(1) & torch.isfinite(values)
    median = torch.where(counts, values, torch.nan).nanmedian(1).values
    distance = torch.where(counts, values - median[:, None], 0.0).abs()
    pixels = counts.sum(1)
    spread = distance.sum(1) / pixels.clamp_min(1)
    return median, torch.where(pixels > 0, spread, torch.nan)


def without_scale_and_shift(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return (values - median) / mean distance from the median, float32 [B, H, W], one median per image.

    A flat map has no distance to divide by; it is divided by :data:`FLAT` of its median, so that its gradient
    is not huge.

    Args:
        values, valid: see :func:`robust_statistics`.
    """
    median, spread = robust_statistics(values, valid)
    median = median.nan_to_num(0.0)[:, None, None]
    spread = torch.maximum(spread.nan_to_num(0.0)[:, None, None], FLAT * median.detach().abs()).clamp_min(TINY)
    return (values.float() - median) / spread
