# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Our own encoder, small enough to learn a rendered world from nothing within minutes."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from famda_train.models.blocks import ConvNormAct, ResidualBlock
from famda_train.models.encoders.encoder import Encoder

WIDTHS = (16, 32, 64, 96, 128)


def bottom_up(image: torch.Tensor, stages: Iterable[nn.Module]) -> list[torch.Tensor]:
    """Return the feature maps [B, C, h, w] of all stages for [B, 3, H, W]; each stage takes the map before."""
    features = []
    for stage in stages:
        image = stage(image)
        features.append(image)
    return features


class SmallEncoder(Encoder):
    """Per stage a strided 3x3 block and a residual block; the same normalisation for all channels.

    Args:
        widths: channels at strides 2, 4, 8, 16, ...
        norm: normalisation of the blocks, see :func:`famda_train.models.blocks.norm_layer`.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, norm: str = 'batch'):
        strides = [2 << level for level in range(len(widths))]
        super().__init__(widths, strides, mean=(0.4, 0.4, 0.4), std=(0.25, 0.25, 0.25))
        inputs = [3, *widths[:-1]]
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNormAct(i, o, stride=2, norm=norm), ResidualBlock(o, norm))
            for i, o in zip(inputs, widths, strict=True)
        )

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """See :meth:`Encoder.forward`."""
        return bottom_up(image, self.stages)
