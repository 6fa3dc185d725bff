# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From a teacher's prediction to what the student is taught on the target."""
from __future__ import annotations

from typing import NamedTuple

import torch

from famda_train.adaptation.align import align_disparity
from famda_train.adaptation.refine import refine_labels
from famda_train.models.student import DensePrediction

FAR_M = 70.0
"""EMA depth beyond this is not used to align a relative teacher."""


class PseudoLabels(NamedTuple):
    """Labels of a target batch.

    Attributes:
        labels: int64 [B, H, W] train ids.
        weight: float [B], how much each image's labels are believed, 0..1.
    """

    labels: torch.Tensor
    weight: torch.Tensor


def pseudo_labels(
    logits: torch.Tensor, segments: torch.Tensor | None, threshold: float, min_share: float
) -> PseudoLabels:
    """Take the most probable class, refined inside masks where there are some.

    Votes are weighted by confidence.  An image's labels weigh as much as the share of
    its pixels that the teacher is sure of (DACS, arXiv 2007.08702).

    Args:
        logits: float [B, C, H, W] of the teacher.
        segments: int [B, H, W] mask ids, or None.
        threshold: confidence from which on a pixel counts as sure, 0..1.
        min_share: see :func:`refine_labels`.
    """
    confidence, labels = logits.float().softmax(1).max(1)
    weight = (confidence > threshold).float().mean((1, 2))
    if segments is not None:
        labels = refine_labels(labels, segments, logits.shape[1], confidence, min_share)
    return PseudoLabels(labels, weight)


def target_depth(
    teacher_depth: torch.Tensor, kind: str | None, prediction: DensePrediction, is_sky: torch.Tensor
) -> torch.Tensor:
    """Return the metres that the student is taught on the target.

    Args:
        teacher_depth: float [B, H, W], metres or disparity of the depth teacher.
        kind: ``depth`` or ``disparity``; disparity is aligned to the EMA teacher's metres.
        prediction: of the EMA teacher.
        is_sky: bool [B, H, W], pseudo-label sky; has no depth and takes no part.

    Returns:
        float [B, H, W] metres; NaN = not supervised.
    """
    if kind == 'disparity':
        metres = prediction.log_depth.float().exp()
        teacher_depth = align_disparity(teacher_depth, metres, ~is_sky & (metres < FAR_M))
    return torch.where(is_sky, torch.nan, teacher_depth)
