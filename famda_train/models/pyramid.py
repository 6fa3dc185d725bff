# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Small encoder and top-down pyramid in one module, as the stand-in depth teacher has them."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from famda_train.models.decoders.pyramid import PyramidDecoder, top_down
from famda_train.models.encoders.small import SmallEncoder, bottom_up

TYPICAL_LOG_DEPTH = math.log(10.0)
"""Where depth heads start: a typical street distance instead of 1 m."""


class PyramidEncoder(nn.Module):
    """Normalised image → one feature map at a fine stride that has seen every coarser scale.

    The parts lie side by side, not in two modules: so the shipped weights name them.

    Args:
        widths: channels at strides 2, 4, 8, 16, ...
        pyramid: channels of the top-down path and of the result.
        stride: pixels of the image per pixel of the result; one of the strides of ``widths``.
    """

    def __init__(self, widths: Sequence[int], pyramid: int, stride: int = 4):
        super().__init__()
        self.finest = stride.bit_length() - 2
        self.stages = SmallEncoder(widths).stages
        decoder = PyramidDecoder(widths[self.finest :], pyramid)
        self.laterals, self.smooth = decoder.laterals, decoder.smooth

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map float [B, 3, H, W] to [B, pyramid, H/stride, W/stride]."""
        return top_down(bottom_up(image, self.stages)[self.finest :], self.laterals, self.smooth)
