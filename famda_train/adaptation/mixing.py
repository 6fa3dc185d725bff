# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ClassMix: paste the pixels of some source classes over a target image (arXiv 2007.07936)."""
from __future__ import annotations

import torch

from famda_ros.label_space import IGNORE


def choose_classes(labels: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Draw a random half, rounded up, of the classes present in one label map.

    Args:
        labels: int [H, W] train ids; 255 is never drawn.

    Returns:
        int64 [K] train ids.
    """
    present = torch.unique(labels)
    present = present[present != IGNORE].long()
    order = torch.randperm(len(present), generator=generator)
    return present[order[: (len(present) + 1) // 2]]


def class_mask(labels: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Return bool [B, H, W]: pixels of a random half of each sample's own classes."""
    return torch.stack([torch.isin(one, choose_classes(one, generator)) for one in labels])


def paste(mask: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return ``source`` where the mask is set, ``target`` elsewhere.

    Args:
        mask: bool [B, H, W].
        source, target: [B, H, W] or [B, C, H, W].
    """
    return torch.where(mask if source.ndim == 3 else mask[:, None], source, target)
