# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The decoder of DAFormer (arXiv 2111.14887): all levels together, then context at several dilations."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from famda_train.models.blocks import ConvNormAct, block3x3
from famda_train.models.decoders.segformer import Embeddings

DILATIONS = (1, 6, 12, 18)


def context_branch(inputs: int, outputs: int, dilation: int, norm: str) -> nn.Module:
    """Return a 1x1 block for dilation 1, else a depthwise dilated 3x3 block and a 1x1 block."""
    if dilation == 1:
        return ConvNormAct(inputs, outputs, norm=norm, kernel=1)
    return nn.Sequential(
        ConvNormAct(inputs, inputs, norm=norm, dilation=dilation, groups=inputs),
        ConvNormAct(inputs, outputs, norm=norm, kernel=1),
    )


class DAFormerDecoder(nn.Module):
    """1x1 embeddings, concatenation at the finest level, depthwise-separable ASPP, 3x3 bottleneck.

    Args:
        widths: channels of the feature maps, finest first.
        channels: channels of the embeddings, of the branches and of the result; 256 in the paper.
        norm: normalisation of the blocks, see :func:`famda_train.models.blocks.norm_layer`.
        separable: whether the bottleneck is separable, see :func:`famda_train.models.blocks.block3x3`.
    """

    def __init__(self, widths: Sequence[int], channels: int, norm: str = 'batch', separable: bool = False):
        super().__init__()
        self.embeddings = Embeddings(widths, channels)
        inputs = len(widths) * channels
        self.branches = nn.ModuleList(context_branch(inputs, channels, dilation, norm) for dilation in DILATIONS)
        self.bottleneck = block3x3(len(DILATIONS) * channels, channels, norm, separable)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Map feature maps, finest first, to [B, channels, h, w] of the finest."""
        x = self.embeddings(features)
        return self.bottleneck(torch.cat([branch(x) for branch in self.branches], 1))
