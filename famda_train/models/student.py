# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The light student: one encoder, one head for labels, one for depth."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from famda_train.models.pyramid import TYPICAL_LOG_DEPTH, DenseHead, PyramidEncoder, enlarge, normalise


class DensePrediction(NamedTuple):
    """What the student says about a batch.

    Attributes:
        logits: float [B, C, H, W].
        log_depth: float [B, H, W], log metres for the focal the student was trained for.
    """

    logits: torch.Tensor
    log_depth: torch.Tensor


class StudentNetwork(nn.Module):
    """Segmentation and metric depth from one pass.

    Args:
        num_classes: number of classes C.
        widths: encoder channels at strides 2, 4, 8, 16, ...
        pyramid: channels of the shared feature map.
        stride: of the shared feature map.
        depth_range_m: predictions are clamped to this range.
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int] = (16, 32, 64, 96, 128),
        pyramid: int = 48,
        stride: int = 4,
        depth_range_m: tuple[float, float] = (0.5, 120.0),
    ):
        super().__init__()
        self.log_range = tuple(math.log(bound) for bound in depth_range_m)
        self.encoder = PyramidEncoder(widths, pyramid, stride)
        self.segmentation = DenseHead(pyramid, num_classes)
        self.depth = DenseHead(pyramid, 1, start=TYPICAL_LOG_DEPTH)

    def forward(self, image: torch.Tensor) -> DensePrediction:
        """Predict at image size.

        Args:
            image: float [B, 3, H, W] in 0..1; H and W at least 32.
        """
        size = (image.shape[-2], image.shape[-1])
        features = self.encoder(normalise(image))
        log_depth = enlarge(self.depth(features), size)[:, 0].clamp(*self.log_range)
        return DensePrediction(enlarge(self.segmentation(features), size), log_depth)
