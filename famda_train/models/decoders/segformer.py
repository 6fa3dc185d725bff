# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The MLP decoder of SegFormer (arXiv 2105.15203): per-pixel projections only."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from famda_train.models.blocks import ConvNormAct, size_of, upsample


class Embeddings(nn.ModuleList):
    """Bring every level to the same channels and to the finest size, and concatenate.

    Args:
        widths: channels of the feature maps, finest first.
        channels: channels of each embedding.
    """

    def __init__(self, widths: Sequence[int], channels: int):
        super().__init__(nn.Conv2d(width, channels, 1) for width in widths)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Map feature maps, finest first, to [B, levels * channels, h, w] of the finest."""
        size = size_of(features[0])
        return torch.cat([upsample(project(x), size) for project, x in zip(self, features, strict=True)], 1)


class SegFormerDecoder(nn.Sequential):
    """Embeddings and a 1x1 block.

    Args:
        widths: channels of the feature maps, finest first.
        channels: channels of the embeddings and of the result.
        norm: normalisation of the block, see :func:`famda_train.models.blocks.norm_layer`.
    """

    def __init__(self, widths: Sequence[int], channels: int, norm: str = 'batch'):
        super().__init__(
            Embeddings(widths, channels), ConvNormAct(len(widths) * channels, channels, norm=norm, kernel=1)
        )
