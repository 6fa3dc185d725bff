# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The blocks that our own encoder, decoders and heads are made of."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from famda_ros.errors import choose

GROUP_CHANNELS = 16
"""Channels of one group of group normalisation, where the number of channels allows (arXiv 1803.08494)."""

NORMS: dict[str, Callable[[int], nn.Module]] = {
    'batch': nn.BatchNorm2d,
    'group': lambda channels: nn.GroupNorm(channels // math.gcd(channels, GROUP_CHANNELS), channels),
    'layer': lambda channels: nn.GroupNorm(1, channels),
}


def norm_layer(name: str, channels: int) -> nn.Module:
    """Return a normalisation of [B, channels, h, w].

    Args:
        name: 'batch' (statistics of the batch; free at run time), 'group' (of groups of up to 16 channels of
            each image) or 'layer' (of each whole image).  The latter two do not mix the images of a batch.
        channels: channels of the feature map.

    Raises:
        FamdaError: no such normalisation.
    """
    return choose(NORMS, name, 'normalisation')(channels)


class ConvNormAct(nn.Sequential):
    """Convolution, normalisation, ReLU.

    Args:
        inputs, outputs: channels before and after the block.
        stride: step of the convolution in pixels.
        norm: normalisation, see :func:`norm_layer`.
        kernel: side of the convolution, odd; 3 = 3x3.
        dilation: distance of the pixels that one convolution looks at.
        groups: groups of channels that do not mix; ``inputs`` = a depthwise convolution.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int = 1,
        norm: str = 'batch',
        kernel: int = 3,
        dilation: int = 1,
        groups: int = 1,
    ):
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False),
            norm_layer(norm, outputs),
            nn.ReLU(inplace=True),
        )


class SeparableNormAct(nn.Sequential):
    """Depthwise 3x3 convolution, then a 1x1 block: for few multiply-adds what :class:`ConvNormAct` is for many.

    Both are normalised, as in the pyramid of EfficientDet (arXiv 1911.09070).

    Args:
        inputs, outputs: channels before and after the block.
        norm: normalisation, see :func:`norm_layer`.
    """

    def __init__(self, inputs: int, outputs: int, norm: str = 'batch'):
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False),
            norm_layer(norm, inputs),
            ConvNormAct(inputs, outputs, norm=norm, kernel=1),
        )


def block3x3(inputs: int, outputs: int, norm: str = 'batch', separable: bool = False) -> nn.Module:
    """Return the 3x3 block of decoders and heads."""
    return (SeparableNormAct if separable else ConvNormAct)(inputs, outputs, norm=norm)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int, norm: str = 'batch'):
        super().__init__()
        self.first = ConvNormAct(channels, channels, norm=norm)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), norm_layer(norm, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(x + f(x)), same shape."""
        return functional.relu(x + self.second(self.first(x)))


class DenseHead(nn.Sequential):
    """One 3x3 block and a 1x1 projection: features → [B, outputs, h, w].

    Args:
        channels: channels of the features.
        outputs: channels of the projection.
        start: value that an untrained head predicts on average; one for all outputs, or one each.
        norm: normalisation of the 3x3 block, see :func:`norm_layer`.
        separable: whether the 3x3 block is separable, see :func:`block3x3`.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        start: float | Sequence[float] = 0.0,
        norm: str = 'batch',
        separable: bool = False,
    ):
        projection = nn.Conv2d(channels, outputs, 1)
        if projection.bias is not None:
            with torch.no_grad():
                projection.bias.copy_(torch.as_tensor(start))
        super().__init__(block3x3(channels, channels, norm, separable), projection)


def upsample(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize [B, C, h, w] bilinearly to ``size``, pixel centres aligned."""
    return functional.interpolate(x, size=size, mode='bilinear', align_corners=False)


def size_of(x: torch.Tensor) -> tuple[int, int]:
    """Return (h, w) of [B, C, h, w]."""
    return x.shape[-2], x.shape[-1]
