# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Feature distance: keep the encoder's ImageNet features of things (DAFormer, arXiv 2111.14887)."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from famda_ros.student.label_space import LabelSpace
from famda_train.losses.reductions import weighted_mean


def thing_ids(label_space: LabelSpace) -> list[int]:
    """Return the train ids of the classes that are things, which ImageNet knows; it has no roads or skies."""
    return [train_id for train_id, name in enumerate(label_space.classes) if name in label_space.things]


def feature_distance(
    student: torch.Tensor,
    imagenet: torch.Tensor,
    labels: torch.Tensor,
    things: Sequence[int],
    min_share: float = 0.75,
) -> torch.Tensor:
    """Mean Euclidean distance of two feature maps over the cells that show one thing class; 0 without any.

    Args:
        student, imagenet: float [B, F, h, w], features of the student and of the frozen encoder it began as.
        labels: int [B, H, W] train ids at image size.
        things: train ids of thing classes.
        min_share: share of a cell's pixels that must be of one class, 0.5..1.
    """
    height, width = student.shape[-2:]
    shares = [functional.adaptive_avg_pool2d((labels == thing).float(), (height, width)) for thing in things]
    shown = torch.stack(shares).amax(0) >= min_share if shares else labels.new_zeros((len(labels), height, width))
    distance = torch.linalg.vector_norm(student.float() - imagenet.float(), dim=1)
    return weighted_mean(distance, shown.float())
