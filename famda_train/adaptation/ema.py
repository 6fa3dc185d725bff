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


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    """Move the teacher's parameters towards the student's: t = decay * t + (1 - decay) * s.

    Buffers are left alone on purpose: the teacher runs in train mode on target
    images, so its normalisation statistics are those of the target batch.  Averaged
    source statistics would ruin the pseudo-labels.
    """
    ours: list[torch.Tensor] = list(teacher.parameters())
    theirs: list[torch.Tensor] = list(student.parameters())
    torch._foreach_mul_(ours, decay)
    torch._foreach_add_(ours, theirs, alpha=1.0 - decay)
