# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The light student: one encoder, one decoder, one head per task."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn

from famda_ros.errors import FamdaError
from famda_train.models.blocks import DenseHead
from famda_train.models.decoders import build_decoder
from famda_train.models.encoders import SMALL, build_encoder
from famda_train.models.levels import black_and_white


class HeadSpec(NamedTuple):
    """What a task needs of the network; a pair in YAML and in checkpoints.

    Attributes:
        outputs: channels.
        start: value that an untrained head predicts on average; one for all channels, or one each.
    """

    outputs: int
    start: float | Sequence[float] = 0.0


class StudentNetwork(nn.Module):
    """All dense tasks from one pass.  Every argument is a plain value, so that a checkpoint can name it.

    Modules: ``encoder``, ``decoder``, ``heads`` (by task).

    Args:
        tasks: per task (outputs, start), in the order of the heads.
        encoder: name, see :func:`famda_train.models.encoders.build_encoder`.
        decoder: 'pyramid', 'daformer' or 'segformer'.
        channels: channels of the decoder and of the heads.
        stride: pixels of the image per pixel of the result: 4 with every encoder, 2 or 8 and more with most.
        norm: normalisation of the student's own blocks: 'batch', 'group' or 'layer', see
            :func:`famda_train.models.blocks.norm_layer`.
        weights: weights that the encoder begins with: None = random, 'imagenet', or a file.
        widths: channels of the encoder 'pyramid-small' at strides 2, 4, 8, ...; None = its own choice.
        separable: 3x3 blocks of decoder and heads as depthwise and 1x1 convolutions: far fewer multiply-adds.
        levels: images are stretched from their darkest to their brightest block first, see
            :func:`famda_train.models.levels.black_and_white`.

    Raises:
        FamdaError: an argument that does not exist, or does not go with the encoder.
    """

    def __init__(
        self,
        tasks: Mapping[str, HeadSpec | Sequence],
        encoder: str = SMALL,
        decoder: str = 'pyramid',
        channels: int = 48,
        stride: int = 4,
        norm: str = 'batch',
        weights: str | None = None,
        widths: Sequence[int] | None = None,
        separable: bool = False,
        levels: bool = False,
    ):
        super().__init__()
        self.levels = levels
        self.encoder = build_encoder(encoder, weights, norm, widths)
        strides = self.encoder.strides
        if stride not in strides:
            raise FamdaError(f"the encoder '{encoder}' has strides {', '.join(map(str, strides))}, not {stride}")
        self.stride, self.finest = stride, strides.index(stride)
        self.decoder = build_decoder(decoder, self.encoder.channels[self.finest :], channels, norm, separable)
        self.heads = nn.ModuleDict(
            {
                name: DenseHead(channels, *HeadSpec(*spec), norm=norm, separable=separable)
                for name, spec in tasks.items()
            }
        )

    def normalise(self, image: torch.Tensor, white: float = 1.0) -> torch.Tensor:
        """Return the encoder's input for an image, float [B, 3, H, W] in 0..``white``."""
        return self.encoder.normalise(image, *(black_and_white(image, white) if self.levels else (0.0, white)))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the raw output of every head.

        Args:
            image: float [B, 3, H, W] in 0..1, of any size from 32 pixels on.

        Returns:
            Per task, float [B, outputs, H / stride, W / stride], rounded (up by most encoders).
        """
        return self.forward_normalised(self.normalise(image))

    def forward_normalised(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the same as :meth:`forward` for an image that is normalised."""
        features = self.decoder(self.encoder(image)[self.finest :])
        return {name: head(features) for name, head in self.heads.items()}


@torch.no_grad()
def scale_log_depth(network: StudentNetwork, shift: float) -> None:
    """Add a number to the logarithm of all metres that a student predicts, in place; without depth, do nothing."""
    if 'depth' in network.heads:
        projection = network.heads['depth'].get_submodule('1')
        assert isinstance(projection.bias, torch.Tensor)
        projection.bias.add_(shift)
