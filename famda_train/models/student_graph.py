# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From a camera image to what the robot uses: the graph that checkpoints are scored with and files are made of.

The network answers at the stride of its decoder.  What follows costs little there and much at
full size, so as little as possible is done at full size:

* labels: logits are enlarged to half the size, decided there, and doubled by :func:`scale2x`;
* confidence: the largest probability at the stride, enlarged;
* depth: inverse depth at the stride, enlarged.  Inverse depth of a plane is linear in the image,
  so this is exact on roads and walls, and a mean of two values never lies outside of them.

docs/performance.md has the accuracy and the cost of the alternatives.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from famda_ros.student.runtime import OUTPUTS
from famda_train.models.blocks import upsample
from famda_train.models.student import StudentNetwork


def scale2x(labels: torch.Tensor) -> torch.Tensor:
    """Double [B, h, w] ids and keep edges sharp: the rules of Scale2x (https://www.scale2x.it/algorithm).

    Every pixel becomes four.  One of them takes the id of the two neighbours at its corner where these agree and
    are no part of a straight edge; all others keep their own.  No id appears that is not beside.
    """
    above, below = torch.cat([labels[:, :1], labels[:, :-1]], 1), torch.cat([labels[:, 1:], labels[:, -1:]], 1)
    left = torch.cat([labels[:, :, :1], labels[:, :, :-1]], 2)
    right = torch.cat([labels[:, :, 1:], labels[:, :, -1:]], 2)
    above_left, above_right, below_left, below_right = above == left, above == right, below == left, below == right
    top = torch.stack([
        torch.where(above_left & ~above_right & ~below_left, above, labels),
        torch.where(above_right & ~above_left & ~below_right, above, labels),
    ], -1)  # fmt: skip
    bottom = torch.stack([
        torch.where(below_left & ~below_right & ~above_left, below, labels),
        torch.where(below_right & ~below_left & ~above_right, below, labels),
    ], -1)  # fmt: skip
    count, height, width = labels.shape
    return torch.stack([top, bottom], 2).reshape(count, 2 * height, 2 * width)


def decide(logits: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels and confidence (uint8 [B, H, W], 255 = certain) for logits [B, C, h, w] of any stride."""
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    finer = upsample(logits, half) if logits.shape[2:] != half else logits
    labels = scale2x(finer.argmax(1).to(torch.uint8))[:, : size[0], : size[1]]
    # 1 / sum(exp(x - max)) is the softmax of the maximum; ONNX Runtime's Softmax over channels is far slower.
    certainty = 1 / (logits - logits.amax(1, keepdim=True)).exp().sum(1, keepdim=True)
    return labels, (upsample(certainty, size)[:, 0] * 255).round().to(torch.uint8)


def metres(log_depth: torch.Tensor, size: tuple[int, int], output_range_m: tuple[float, float]) -> torch.Tensor:
    """Return metres, float32 [B, H, W] within the range, for log metres [B, 1, h, w] of any stride."""
    near, far = map(math.log, output_range_m)
    return 1 / upsample((-log_depth.clamp(near, far)).exp(), size)[:, 0]


class StudentGraph(nn.Module):
    """A network with everything before and after it.

    Args:
        network: gives ``segmentation`` (logits) and ``depth`` (log metres).
        output_range_m: depth is clamped to this range, metres.
    """

    def __init__(self, network: StudentNetwork, output_range_m: tuple[float, float]):
        super().__init__()
        self.network = network.eval()
        self.output_range_m = output_range_m
        # (x / 255 - mean) / std in two operations, with plain numbers where the channels do not differ
        self.shift, self.factor = plain(255 * network.encoder.mean), plain(1 / (255 * network.encoder.std))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Map uint8 [1, H, W, 3] RGB to labels, confidence (uint8) and depth (float32 metres), each [1, H, W]."""
        size = (image.shape[1], image.shape[2])
        raw = self.network.answer((image.permute(0, 3, 1, 2).float() - self.shift) * self.factor)
        labels, confidence = decide(raw['segmentation'], size)
        return labels, confidence, metres(raw['depth'], size, self.output_range_m)


def plain(values: torch.Tensor) -> torch.Tensor | float:
    """Return one number if all values are equal, else the values."""
    first = float(values.flatten()[0])
    return first if bool((values == values.flatten()[0]).all()) else values


def run_torch(graph: nn.Module, small: np.ndarray, names: Sequence[str] = OUTPUTS) -> dict[str, np.ndarray]:
    """Run the graph in torch; arguments and result as :meth:`famda_ros.student.runtime.Student.run`."""
    with torch.inference_mode():
        arrays = graph(torch.from_numpy(np.ascontiguousarray(small))[None])
    return {name: array[0].numpy() for name, array in zip(OUTPUTS, arrays, strict=True) if name in names}
