# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Means of losses: over weighted pixels, and over the processes of a distributed training."""
from __future__ import annotations

import torch
from torch import distributed


def mean_over_processes(value: torch.Tensor) -> torch.Tensor:
    """Return the mean of a value without gradient over all processes of a distributed training; alone, itself.

    Args:
        value: any shape, the same in every process.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return value
    value = value.detach().clone()
    distributed.all_reduce(value)
    return value / distributed.get_world_size()


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the scalar sum(weight * values) / sum(weight), and 0 where all weights are 0.

    Several processes divide by their mean sum, so that the mean of their losses, which is
    what distributed training follows, is the loss of the whole batch.

    Args:
        values: float, any shape; finite, also where the weight is 0.
        weight: float >= 0 of the same shape.
    """
    return (weight * values).sum() / mean_over_processes(weight.sum()).clamp_min(1e-6)
