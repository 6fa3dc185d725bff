# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Losses with per-pixel weights; ignored pixels never dilute the mean."""
from __future__ import annotations

import torch
from torch import distributed
from torch.nn import functional

from famda_ros.student.label_space import IGNORE


def mean_over_processes(value: torch.Tensor) -> torch.Tensor:
    """Return the mean of a value without gradient over all processes of a distributed training; alone, itself."""
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return value
    value = value.detach().clone()
    distributed.all_reduce(value)
    return value / distributed.get_world_size()


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return sum(weight * values) / sum(weight), and 0 where all weights are 0.

    Several processes divide by their mean sum, so that the mean of their losses, which is
    what distributed training follows, is the loss of the whole batch.
    """
    return (weight * values).sum() / mean_over_processes(weight.sum()).clamp_min(1e-6)


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
    return (values * pixel_weight).sum() / mean_over_processes(balance.sum()).clamp_min(1e-6)
