# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The teacher as exponential moving average of the student (arXiv 1703.01780)."""
from __future__ import annotations

import copy

import torch
from torch import nn


def ema_decay(step: int, limit: float) -> float:
    """Return the decay at a step: 0 at step 0 (copy the student), rising to ``limit``."""
    return min(1.0 - 1.0 / (step + 1.0), limit)


def make_teacher(student: nn.Module) -> nn.Module:
    """Return a copy of the student without gradients."""
    return copy.deepcopy(student).requires_grad_(False)


def teacher_mode(network: nn.Module) -> nn.Module:
    """Make a network predict as a teacher does, in place: no dropout, statistics of the current batch.

    BatchNorm normalises by the statistics of the target batch, because averaged statistics
    of source and mixed images ruin the pseudo-labels; everything else (Dropout, DropPath)
    is in evaluation mode.  For a network with GroupNorm or LayerNorm this is plain evaluation.

    Returns:
        the network.
    """
    network.eval()
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train()
    return network


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Move the teacher's parameters towards the student's: t = decay * t + (1 - decay) * s.

    Buffers stay: a teacher in :func:`teacher_mode` normalises by the current batch.

    Args:
        teacher: made by :func:`make_teacher`; changed in place.
        student: the network that is trained.
        decay: 0 = copy the student, 1 = stay.
    """
    ours: list[torch.Tensor] = list(teacher.parameters())
    theirs: list[torch.Tensor] = list(student.parameters())
    torch._foreach_mul_(ours, decay)
    torch._foreach_add_(ours, theirs, alpha=1.0 - decay)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move parameters and statistics of an average towards a network's: a = decay * a + (1 - decay) * n.

    Args:
        average: made by :func:`make_teacher`; changed in place.
        network: the network that is trained.
        decay: 0 = copy the network, 1 = stay.
    """
    update_teacher(average, network, decay)
    for ours, theirs in zip(average.buffers(), network.buffers(), strict=True):
        if ours.is_floating_point():
            ours.lerp_(theirs, 1.0 - decay)
        else:
            ours.copy_(theirs)
