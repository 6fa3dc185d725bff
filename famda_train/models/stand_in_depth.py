# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in for a depth foundation model: a wider network that knows rendered streets only."""
from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from famda_train.models.blocks import DenseHead, upsample
from famda_train.models.pyramid import TYPICAL_LOG_DEPTH, PyramidEncoder


class DepthPrediction(NamedTuple):
    """Two readings of the same image.

    Attributes:
        log_depth: float [B, H, W], log metres for the focal of the training images.
        disparity: float [B, H, W], affine-invariant, near = large.
    """

    log_depth: torch.Tensor
    disparity: torch.Tensor


class StandInDepthNetwork(nn.Module):
    """Encoder of about 1.1 M parameters with a metric and a relative head."""

    WIDTHS, PYRAMID, STRIDE, RANGE_M = (16, 48, 96, 160, 192), 64, 4, (0.5, 120.0)

    def __init__(self):
        super().__init__()
        self.encoder = PyramidEncoder(self.WIDTHS, self.PYRAMID, self.STRIDE)
        self.depth = DenseHead(self.PYRAMID, 1, start=TYPICAL_LOG_DEPTH)
        self.disparity = DenseHead(self.PYRAMID, 1)

    def forward(self, image: torch.Tensor) -> DepthPrediction:
        """Predict at image size from float [B, 3, H, W] in 0..1."""
        size = (image.shape[-2], image.shape[-1])
        features = self.encoder((image - 0.4) / 0.25)
        near, far = map(math.log, self.RANGE_M)
        log_depth = upsample(self.depth(features), size)[:, 0].clamp(near, far)
        return DepthPrediction(log_depth, upsample(self.disparity(features), size)[:, 0])
