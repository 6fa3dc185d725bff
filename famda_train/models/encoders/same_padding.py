# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's padding "same" in whole numbers, so that one exported graph serves images of every size.

timm computes it by a division that is rounded up, which torch.export follows for minutes and leaves in the graph.
"""
from __future__ import annotations

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn
from torch.nn import functional


class HalvingConv2d(Conv2dSame):
    """Convolution of stride 2, an odd kernel and padding "same": [B, C, h, w] → [B, D, ceil(h / 2), ceil(w / 2)]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pad so that the last window ends with the image; an odd side needs one more pixel before the first."""
        (high, wide), (height, width) = self.kernel_size, x.shape[-2:]
        pads = ((wide - 3) // 2 + width % 2, (wide - 1) // 2, (high - 3) // 2 + height % 2, (high - 1) // 2)
        return functional.conv2d(functional.pad(x, pads), self.weight, self.bias, self.stride, 0, 1, self.groups)


def pad_in_whole_numbers(body: nn.Module) -> nn.Module:
    """Make the halving convolutions of a timm model :class:`HalvingConv2d`, in place; their weights stay."""
    for module in body.modules():
        if type(module) is not Conv2dSame or module.stride != (2, 2) or module.dilation != (1, 1):
            continue
        if all(side % 2 and side >= 3 for side in module.kernel_size):
            module.__class__ = HalvingConv2d  # same parameters, same names in checkpoints
    return body
