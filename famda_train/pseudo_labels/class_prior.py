# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Keep self-training from forgetting a class: distribution alignment (ReMixMatch, arXiv 1911.09785).

A teacher that takes the night sky for a wall teaches the student to do so, and so on: the
class dies out.  Comparing how often the teacher predicts a class with how often it occurs
on the source shows this, and re-weighting the teacher's probabilities stops it.
"""
from __future__ import annotations

import torch

from famda_ros.student.label_space import IGNORE

DECAY = 0.99
"""Of the moving averages of class shares, per batch."""

LIMIT = 10.0
"""A class is re-weighted by this factor at most."""


def label_shares(labels: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Return float [C]: share of each class among the labelled pixels; all 0 where there are none.

    Args:
        labels: int, any shape; 255 is left out.
        num_classes: C.
    """
    counts = torch.bincount(labels[labels != IGNORE].long().flatten(), minlength=num_classes).float()
    return counts / counts.sum().clamp_min(1.0)


def moving_average(average: torch.Tensor, value: torch.Tensor, decay: float = DECAY) -> torch.Tensor:
    """Return decay * average + (1 - decay) * value."""
    return torch.lerp(value, average, decay)


def align_to_prior(
    logits: torch.Tensor, source_share: torch.Tensor, target_share: torch.Tensor, strength: float
) -> torch.Tensor:
    """Make classes likelier that are predicted on the target more rarely than they occur on the source.

    Probabilities are multiplied by (source_share / target_share) ** strength and sum to one again.

    Args:
        logits: float [B, C, H, W].
        source_share: float [C], how often a class occurs on the source.
        target_share: float [C], mean probability of the class on the target so far.
        strength: 0 = off, 1 = full; full strength assumes the same shares in both domains.

    Returns:
        float [B, C, H, W] logits.
    """
    ratio = (source_share.clamp_min(1e-6) / target_share.clamp_min(1e-6)).clamp(1 / LIMIT, LIMIT)
    return logits + strength * ratio.log().view(1, -1, 1, 1)
