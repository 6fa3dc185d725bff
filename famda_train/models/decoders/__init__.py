# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Decoders: the feature maps of an encoder → one feature map for all heads."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from famda_ros.errors import FamdaError, choose
from famda_train.models.decoders.daformer import DAFormerDecoder
from famda_train.models.decoders.pyramid import PyramidDecoder
from famda_train.models.decoders.segformer import SegFormerDecoder

DECODERS: dict[str, Callable[..., nn.Module]] = {
    'pyramid': PyramidDecoder,
    'daformer': DAFormerDecoder,
    'segformer': SegFormerDecoder,
}


def build_decoder(
    name: str, widths: Sequence[int], channels: int, norm: str = 'batch', separable: bool = False
) -> nn.Module:
    """Return a freshly initialised decoder; its forward maps feature maps to [B, channels, h, w] of the finest.

    Args:
        name: entry of :data:`DECODERS`.
        widths: channels of the feature maps, finest first.
        channels: channels of the result.
        norm: normalisation of its blocks, see :func:`famda_train.models.blocks.norm_layer`.
        separable: whether its 3x3 blocks are separable, see :func:`famda_train.models.blocks.block3x3`.

    Raises:
        FamdaError: no such decoder or normalisation, or ``separable`` for one without 3x3 blocks.
    """
    build = choose(DECODERS, name, 'decoder')
    if build is SegFormerDecoder:
        if separable:
            raise FamdaError("the decoder 'segformer' has no 3x3 blocks; set separable: false, or take another decoder")
        return SegFormerDecoder(widths, channels, norm)
    return build(widths, channels, norm, separable)
