# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Majority vote: give every mask the class that is predicted inside it most often."""
from __future__ import annotations

import torch

from famda_ros.student.label_space import IGNORE

VOTE_STEPS = 2**20
"""Votes are summed as integers of this many steps per vote: exact, in whatever order a GPU adds them."""


def vote_in_masks(
    labels: torch.Tensor,
    segments: torch.Tensor,
    num_classes: int,
    votes: torch.Tensor | None = None,
    min_share: float = 0.0,
    *,
    min_area: int = 0,
    balance: float = 0.0,
    protect: torch.Tensor | None = None,
    confidence: torch.Tensor | None = None,
    protect_from: float = 0.0,
) -> torch.Tensor:
    """Refine pseudo-labels by a vote inside class-agnostic masks.

    Without options this is the plain rule of FAMDA (arXiv 2509.23626); ties go to the
    lowest class id.  The plain rule loses thin things, of which a mask rarely consists
    alone; ``protect`` and ``balance`` are two remedies.

    Args:
        labels: int [B, H, W] train ids; 255 neither votes nor changes.
        segments: int [B, H, W] mask ids; 0 = no mask, the label stays.
        num_classes: number of classes C.
        votes: float [B, H, W] >= 0, weight of each pixel's vote; None = one each.
        min_share: a mask keeps its pixels' own labels unless the winner has more
            than this share (0..1) of its votes.
        min_area: masks with fewer voting pixels than this change nothing.
        balance: votes for class c are divided by (votes for c in the whole image) **
            balance, so that rare classes win more easily; 0 = off, 1 = fully.
        protect: bool [C, C] (see :mod:`famda_train.pseudo_labels.thin_class_rules`); where ``protect[own, winner]`` is
            set, a pixel that is confident enough keeps its own label.
        confidence: float [B, H, W] 0..1 for ``protect_from``; None = every pixel is confident.
        protect_from: confidence from which on a pixel is protected.

    Returns:
        int64 [B, H, W] refined train ids.
    """
    labels, segments = labels.long(), segments.long()
    voting = (labels != IGNORE) & (segments > 0)
    # One flat id per (image, mask), so that a single sum serves the whole batch.
    masks_per_image = int(segments.max()) + 1
    image = torch.arange(len(labels), device=labels.device).view(-1, 1, 1)
    mask = image * masks_per_image + segments
    bins = len(labels) * masks_per_image * num_classes
    # Pixels that do not vote go to a bin of their own: faster than picking out those that do.
    tally = _count(torch.where(voting, mask * num_classes + labels, bins), votes, bins)
    tally = tally.view(len(labels), masks_per_image, num_classes)
    if balance:
        tally = tally / tally.sum(1, keepdim=True).clamp_min(1.0) ** balance
    tally = tally.flatten(0, 1)
    won, winner = tally.max(dim=1)
    decided = (won > 0) & (won > min_share * tally.sum(dim=1))
    if min_area > 1:
        decided &= torch.bincount(mask[voting], minlength=len(tally)) >= min_area
    changes = voting & decided[mask]
    voted = winner[mask]
    if protect is not None:
        kept = protect.to(labels.device)[labels.clamp_max(num_classes - 1), voted]
        changes &= ~(kept if confidence is None else kept & (confidence >= protect_from))
    return torch.where(changes, voted, labels)


def _count(key: torch.Tensor, votes: torch.Tensor | None, bins: int) -> torch.Tensor:
    """Return float64 [bins]: votes for each key in steps, exact integers; keys of ``bins`` are left out."""
    steps = torch.ones_like(key) if votes is None else (votes.double() * VOTE_STEPS).round()
    return torch.bincount(key.flatten(), steps.double().flatten(), minlength=bins + 1)[:bins]
