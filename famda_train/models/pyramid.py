# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A small convolutional encoder with a top-down pyramid, shared by student and stand-in teacher."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

TYPICAL_LOG_DEPTH = math.log(10.0)
"""Where depth heads start: a typical street distance instead of 1 m."""


class ConvNormAct(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = ConvNormAct(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return relu(x + f(x)), same shape."""
        return functional.relu(x + self.second(self.first(x)))


class PyramidEncoder(nn.Module):
    """Image → one feature map at a fine stride that has seen every coarser scale.

    Args:
        widths: channels at strides 2, 4, 8, 16, ...
        pyramid: channels of the top-down path and of the result.
        stride: of the result; one of the strides of ``widths``.
    """

    def __init__(self, widths: Sequence[int], pyramid: int, stride: int = 4):
        super().__init__()
        inputs = [3, *widths[:-1]]
        self.finest = stride.bit_length() - 2
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNormAct(i, o, stride=2), ResidualBlock(o)) for i, o in zip(inputs, widths, strict=True)
        )
        merged = widths[self.finest :]
        self.laterals = nn.ModuleList(nn.Conv2d(width, pyramid, 1) for width in merged)
        self.smooth = nn.ModuleList(ConvNormAct(pyramid, pyramid) for _ in merged[:-1])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map float [B, 3, H, W] to [B, pyramid, H/stride, W/stride]."""
        features = []
        for stage in self.stages:
            image = stage(image)
            features.append(image)
        features = features[self.finest :]
        x = self.laterals[-1](features[-1])
        for level in range(len(features) - 2, -1, -1):
            x = functional.interpolate(x, size=features[level].shape[-2:], mode='bilinear', align_corners=False)
            x = self.smooth[level](x + self.laterals[level](features[level]))
        return x


class DenseHead(nn.Sequential):
    """One 3x3 block and a 1x1 projection: features → [B, outputs, h, w].

    Args:
        channels: of the features.
        outputs: of the projection.
        start: value that an untrained head predicts on average.
    """

    def __init__(self, channels: int, outputs: int, start: float = 0.0):
        projection = nn.Conv2d(channels, outputs, 1)
        if projection.bias is not None:
            nn.init.constant_(projection.bias, start)
        super().__init__(ConvNormAct(channels, channels), projection)


def enlarge(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize [B, C, h, w] bilinearly to ``size``, pixel centres aligned."""
    return functional.interpolate(x, size=size, mode='bilinear', align_corners=False)


def normalise(image: torch.Tensor) -> torch.Tensor:
    """Centre an image of 0..1; the same numbers for all channels."""
    return (image - 0.4) / 0.25
