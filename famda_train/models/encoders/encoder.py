# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What every encoder of a student is."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Encoder(nn.Module):
    """Normalised image → feature maps, finest first.

    Args:
        channels: channels of each feature map.
        strides: pixels of the image per pixel of each feature map, rising powers of two.
        mean, std: per RGB channel, for images of 0..1; the input that the weights were trained with.

    Attributes:
        channels, strides: the arguments.
        mean, std: float [1, 3, 1, 1], or [1, 1, 1, 1] where the channels do not differ, which runs faster; not in the
            state dict, they follow from the encoder's name.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, channels: Sequence[int], strides: Sequence[int], mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.channels, self.strides = tuple(channels), tuple(strides)
        self.register_buffer('mean', _by_channel(mean), persistent=False)
        self.register_buffer('std', _by_channel(std), persistent=False)

    def normalise(
        self, image: torch.Tensor, black: torch.Tensor | float = 0.0, white: torch.Tensor | float = 1.0
    ) -> torch.Tensor:
        """Return float [B, 3, H, W] for :meth:`forward` from an image of ``black``..``white``."""
        span = white - black
        return (image - (black + span * self.mean)) * (1 / (span * self.std))  # two operations at full size

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Map normalised float [B, 3, H, W] to [B, channels[i], H / strides[i], W / strides[i]], rounded."""
        raise NotImplementedError


def _by_channel(values: Sequence[float]) -> torch.Tensor:
    return torch.tensor(values if len(set(values)) > 1 else values[:1]).view(1, -1, 1, 1)
