# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Top-down pyramid: cheap, and the fine map has seen every coarser scale (after FPN, arXiv 1612.03144)."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from famda_train.models.blocks import block3x3, size_of, upsample


def top_down(features: list[torch.Tensor], laterals: nn.ModuleList, smooth: nn.ModuleList) -> torch.Tensor:
    """Return [B, channels, h, w] of the finest map, to which every coarser one was upsampled and added.

    Args:
        features: float [B, widths[i], h / 2^i, w / 2^i], finest first.
        laterals: brings each feature map to the pyramid's channels.
        smooth: follows each sum; one less than ``laterals``.
    """
    x = laterals[-1](features[-1])
    for level in range(len(features) - 2, -1, -1):
        x = upsample(x, size_of(features[level]))
        x = smooth[level](x + laterals[level](features[level]))
    return x


class PyramidDecoder(nn.Module):
    """Per level a 1x1 projection, and a 3x3 block after each sum.

    Args:
        widths: channels of the feature maps, finest first.
        channels: channels of the pyramid and of the result.
        norm: normalisation of the blocks, see :func:`famda_train.models.blocks.norm_layer`.
        separable: whether the 3x3 blocks are separable, see :func:`famda_train.models.blocks.block3x3`.
    """

    def __init__(self, widths: Sequence[int], channels: int, norm: str = 'batch', separable: bool = False):
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.smooth = nn.ModuleList(block3x3(channels, channels, norm, separable) for _ in widths[:-1])

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Map feature maps, finest first, to [B, channels, h, w] of the finest."""
        return top_down(features, self.laterals, self.smooth)
