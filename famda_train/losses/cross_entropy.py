# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy with a weight per pixel; ignored pixels never dilute the mean."""
from __future__ import annotations

import torch
from torch.nn import functional

from famda_ros.student.label_space import IGNORE
from famda_train.losses.reductions import mean_over_processes


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
        pixel_weight: float [B, H, W] in 0..1, how much each pixel's label counts.
            A batch of weight 0.5 everywhere has half the loss.
        class_weight: float [C], how much the pixels of each class count; None = all alike.

    Returns:
        a scalar; 0 where no pixel is labelled.
    """
    labels = labels.long()
    values = functional.cross_entropy(logits.float(), labels, class_weight, ignore_index=IGNORE, reduction='none')
    balance = (labels != IGNORE).float()
    if class_weight is not None:
        balance = balance * class_weight[labels.clamp_max(len(class_weight) - 1)]
    return (values * pixel_weight).sum() / mean_over_processes(balance.sum()).clamp_min(1e-6)
