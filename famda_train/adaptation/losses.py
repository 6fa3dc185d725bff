# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Losses with per-pixel weights; ignored pixels never dilute the mean."""
from __future__ import annotations

import torch
from torch.nn import functional

from famda_ros.label_space import IGNORE


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return sum(weight * values) / sum(weight), and 0 where all weights are 0."""
    return (weight * values).sum() / weight.sum().clamp_min(1e-6)


def cross_entropy(
    logits: torch.Tensor,
    labels: torch.Tensor,
    pixel_weight: torch.Tensor,
    class_weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy as a mean over labelled pixels, scaled by the pixels' weights.

    Args:
        logits: float [B, C, H, W].
        labels: int [B, H, W]; 255 is ignored.
        pixel_weight: float [B, H, W], how much a pixel's label is believed (0..1).
            A batch believed by half has half the loss.
        class_weight: float [C].
    """
    labels = labels.long()
    values = functional.cross_entropy(logits.float(), labels, class_weight, ignore_index=IGNORE, reduction='none')
    balance = (labels != IGNORE).float()
    if class_weight is not None:
        balance = balance * class_weight[labels.clamp_max(len(class_weight) - 1)]
    return (values * pixel_weight).sum() / balance.sum().clamp_min(1e-6)


def log_depth_l1(log_depth: torch.Tensor, depth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean |log d - log d*| over pixels with a finite, positive d* and a weight above 0.

    Args:
        log_depth: float [B, H, W], prediction in log metres.
        depth: float [B, H, W] metres; NaN and inf are left out.
        weight: float [B, H, W].
    """
    valid = torch.isfinite(depth) & (depth > 0)
    target = torch.where(valid, depth, 1.0).log()
    return weighted_mean((log_depth.float() - target).abs(), weight * valid)
