# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Majority vote: give every mask the class that is predicted inside it most often."""
from __future__ import annotations

import torch

from famda_ros.label_space import IGNORE


def refine_labels(
    labels: torch.Tensor,
    segments: torch.Tensor,
    num_classes: int,
    votes: torch.Tensor | None = None,
    min_share: float = 0.0,
) -> torch.Tensor:
    """Refine pseudo-labels by a vote inside class-agnostic masks.

    With ``votes=None`` and ``min_share=0`` this is the plain rule of FAMDA
    (arXiv 2509.23626); ties go to the lowest class id.

    Args:
        labels: int [B, H, W] train ids; 255 neither votes nor changes.
        segments: int [B, H, W] mask ids; 0 = no mask, the label stays.
        num_classes: number of classes C.
        votes: float [B, H, W] >= 0, weight of each pixel's vote; None = one each.
        min_share: a mask keeps its pixels' own labels unless the winner has more
            than this share (0..1) of its votes.

    Returns:
        int64 [B, H, W] refined train ids.
    """
    labels, segments = labels.long(), segments.long()
    voting = (labels != IGNORE) & (segments > 0)
    # One flat id per (image, mask), so that a single bincount serves the whole batch.
    masks_per_image = int(segments.max()) + 1
    image = torch.arange(len(labels), device=labels.device).view(-1, 1, 1)
    mask = image * masks_per_image + segments
    key = (mask * num_classes + labels)[voting]
    weights = torch.ones_like(key, dtype=torch.float32) if votes is None else votes[voting].float()
    tally = torch.bincount(key, weights, minlength=len(labels) * masks_per_image * num_classes).view(-1, num_classes)
    won, winner = tally.max(dim=1)
    decided = (won > 0) & (won > min_share * tally.sum(dim=1))
    return torch.where(voting & decided[mask], winner[mask], labels)
