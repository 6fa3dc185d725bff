# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ClassMix: paste the pixels of some source classes over a target image (arXiv 2007.07936)."""
from __future__ import annotations

import torch
from torch.nn import functional

from famda_ros.student.label_space import IGNORE
from famda_train.augmentation.sample_rng import SampleRng


def choose_classes(labels: torch.Tensor, rng: SampleRng, place: int) -> torch.Tensor:
    """Draw a random half, rounded up, of the classes present in one label map.

    Args:
        labels: int [H, W] train ids; 255 is never drawn.
        rng: random numbers of the batch.
        place: index of the sample in the batch.

    Returns:
        int64 [K] train ids.
    """
    present = torch.unique(labels)
    present = present[present != IGNORE].long()
    order = rng.permutation(place, len(present)).to(present.device)
    return present[order[: (len(present) + 1) // 2]]


def class_mask(labels: torch.Tensor, rng: SampleRng) -> torch.Tensor:
    """Return bool [B, H, W]: pixels of a random half of each sample's own classes."""
    return torch.stack([torch.isin(one, choose_classes(one, rng, place)) for place, one in enumerate(labels)])


def paste(mask: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return ``source`` where the mask is set, ``target`` elsewhere.

    Args:
        mask: bool [B, H, W].
        source, target: [B, H, W] or [B, C, H, W].
    """
    return torch.where(mask if source.ndim == 3 else mask[:, None], source, target)


def paste_edge(mask: torch.Tensor, width: int = 2) -> torch.Tensor:
    """Return bool [B, H, W]: pixels within ``width`` pixels (rows or columns) of the other side of the mask.

    Depth jumps there from one picture to the other, so that it teaches nothing.
    """
    if width <= 0:
        return torch.zeros_like(mask)

    def grown(area: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(area.float()[:, None], 2 * width + 1, 1, width)[:, 0] > 0

    return grown(mask) & grown(~mask)
