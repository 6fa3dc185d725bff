# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Notice classes that self-training forgets, by comparing predictions with the source."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from famda_train.pseudo_labels.class_prior import DECAY, moving_average

FORGOTTEN_BELOW = 0.1
"""A class counts as forgotten under this fraction of its share on the source."""

MIN_SOURCE_SHARE = 1e-3
"""Classes that are rarer than this on the source are not judged."""


class ShareAverage(nn.Module):
    """Moving average of class shares from the first batch on: its beginning at zero is divided out again.

    Args:
        num_classes: C.

    Attributes:
        weighted: float [C], the moving average that began at zero.
        seen: float scalar, the total weight of what was seen: 1 - decay ** batches.
    """

    weighted: torch.Tensor
    seen: torch.Tensor

    def __init__(self, num_classes: int):
        super().__init__()
        self.register_buffer('weighted', torch.zeros(num_classes))
        self.register_buffer('seen', torch.zeros(()))

    def update(self, shares: torch.Tensor) -> None:
        """Add the shares of a batch, float [C] that sum to 1."""
        self.weighted = moving_average(self.weighted, shares, DECAY)
        self.seen = moving_average(self.seen, torch.ones_like(self.seen), DECAY)

    def shares(self) -> torch.Tensor:
        """Return float [C]; all 0 before the first batch."""
        return self.weighted / self.seen.clamp_min(1e-12)


def forgotten_classes(target_share: torch.Tensor, source_share: torch.Tensor, classes: Sequence[str]) -> list[str]:
    """Return the names of classes that are predicted far more rarely than they occur on the source.

    Args:
        target_share: float [C], share of each class among the predictions on the target, 0..1.
        source_share: float [C], share of each class on the source, 0..1.
        classes: names of the C classes.
    """
    gone = (source_share >= MIN_SOURCE_SHARE) & (target_share < FORGOTTEN_BELOW * source_share)
    return [name for name, forgotten in zip(classes, gone.tolist(), strict=True) if forgotten]
