# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From a camera image to what the robot uses: the graph that checkpoints are scored with and files are made of.

The network answers at the stride of its decoder.  What follows costs little there and much at
full size, so as little as possible is done at full size:

* labels: logits are upsampled to half the size, decided there, and doubled by :func:`scale2x`;
* confidence: the softmax of the same logits over the temperature, of the class that is published at each pixel;
* depth: inverse depth at the stride, upsampled.  Inverse depth of a plane is linear in the image,
  so this is exact on roads and walls, and a mean of two values never lies outside of them.

Heights and widths that are multiples of the stride are upsampled by whole factors, so one graph serves all of them.
docs/performance.md has the accuracy and the cost of the alternatives.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from famda_ros.student.runtime import OUTPUTS
from famda_train.models.student import StudentNetwork

LEAST_LOGIT = -100.0
"""Its probability beside 0 is 0; and -75, which may be the largest where four places differ, is not in float32."""


def scale2x(labels: torch.Tensor) -> torch.Tensor:
    """Double [B, h, w] ids and keep edges sharp: the rules of Scale2x (https://www.scale2x.it/algorithm).

    Every pixel becomes four.  One of them takes the id of the two neighbours at its corner where these agree and
    are no part of a straight edge; all others keep their own.  No id appears that is not beside.
    """
    candidates, moved = corners(labels)
    return doubled(chosen(candidates, moved))


def corners(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the four pixels that each pixel becomes are chosen from, and how; see :func:`scale2x`.

    Args:
        labels: [B, h, w] ids.

    Returns:
        [B, 3, h, w] of the pixel itself, of the one above and of the one below, and bool [B, 2, 2, h, w]: whether the
        upper left, upper right, lower left and lower right one takes the second (above) or the third (below).
    """
    above, below = torch.cat([labels[:, :1], labels[:, :-1]], 1), torch.cat([labels[:, 1:], labels[:, -1:]], 1)
    left = torch.cat([labels[:, :, :1], labels[:, :, :-1]], 2)
    right = torch.cat([labels[:, :, 1:], labels[:, :, -1:]], 2)
    above_left, above_right, below_left, below_right = above == left, above == right, below == left, below == right
    moved = torch.stack([
        above_left & ~above_right & ~below_left,
        above_right & ~above_left & ~below_right,
        below_left & ~below_right & ~above_left,
        below_right & ~below_left & ~above_right,
    ], 1)  # fmt: skip
    return torch.stack([labels, above, below], 1), moved.reshape(moved.shape[0], 2, 2, *moved.shape[2:])


def chosen(candidates: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    """Return [B, 2, 2, h, w]: the first of three [B, 3, h, w], or another where ``moved``; see :func:`corners`."""
    # Products, as ONNX Runtime takes several times as long for Where.  Ids and levels of confidence are whole: exact.
    own, others = candidates[:, :1], candidates[:, 1:]
    return own[:, :, None] + moved.to(candidates.dtype) * (others - own)[:, :, None]


def doubled(four: torch.Tensor) -> torch.Tensor:
    """Lay four values of each pixel [B, 2, 2, h, w] out as [B, 2h, 2w]."""
    count, _, _, height, width = four.shape
    # Pairs first, then whole rows: each is fast in ONNX Runtime, and both at once are slow.
    rows = four.reshape(count, 2, 2, height * width).transpose(2, 3).reshape(count, 2, height, 2 * width)
    return rows.transpose(1, 2).reshape(count, 2 * height, 2 * width)


def decide(
    logits: torch.Tensor, size: tuple[int, int], stride: int = 4, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels and confidence, uint8 [B, H, W], confidence 255 = certain.

    Args:
        logits: [B, C, h, w] of a network with this stride.
        size: (H, W) of the image.
        stride: pixels of the image per value; even, or 1.
        temperature: logits are divided by it, which changes confidence and no label (Guo et al., arXiv 1706.04599).
    """
    if temperature != 1:
        logits = logits * (1 / temperature)  # where they are fewest; graph optimisers fold it into the last convolution
    finer = finer_logits(logits, stride)
    # In float32, as older versions of ONNX Runtime compare no bytes (Equal of uint8).
    candidates, moved = corners(finer.argmax(3).float())
    levels = (probabilities(finer, candidates.long()) * 255).round()
    labels, confidence = (doubled(chosen(values, moved).to(torch.uint8)) for values in (candidates, levels))
    return cut(labels, size), cut(confidence, size)


def finer_logits(logits: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the logits [B, H / 2, W / 2, C] that labels are decided from, for logits [B, C, h, w] at a stride.

    The largest is subtracted where they are fewest, which changes no label and no softmax: none can be too large for
    the exponential function, and :data:`LEAST_LOGIT` keeps those between two that differ from becoming too small.
    """
    below_zero = (logits - logits.amax(1, keepdim=True)).clamp_min(LEAST_LOGIT)
    # Classes last: the values of a pixel lie side by side in memory, see export/graph_passes.py.
    return upsample_by(below_zero, max(1, stride // 2)).permute(0, 2, 3, 1)


def probabilities(finer: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return the probabilities [B, K, h, w] of the classes ``ids``, int64 [B, K, h, w], for :func:`finer_logits`."""
    count, height, width, classes = finer.shape
    # From one row: ONNX Runtime takes a fraction of the time of gathering from many short ones.
    first = classes * torch.arange(height * width, device=ids.device)
    places = ids.flatten(2) + first
    own = finer.reshape(count, -1).gather(1, places.reshape(count, -1)).reshape(ids.shape)
    return own.exp() / finer.exp().sum(3)[:, None]


def metres(
    log_depth: torch.Tensor, size: tuple[int, int], output_range_m: tuple[float, float], stride: int = 4
) -> torch.Tensor:
    """Return metres, float32 [B, H, W] within the range, for log metres [B, 1, h, w] of a network with this stride."""
    near, far = map(math.log, output_range_m)
    return 1 / cut(upsample_by((-log_depth.clamp(near, far)).exp(), stride).squeeze(1), size)


def cut(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return [B, H, W] without what upsampling by a whole factor added; a file's sizes are multiples of the stride."""
    return x if torch.compiler.is_exporting() else x[:, : size[0], : size[1]]


def upsample_by(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Upsample [B, C, h, w] bilinearly by a whole factor, pixel centres aligned."""
    if factor == 1:
        return x
    return functional.interpolate(x, scale_factor=float(factor), mode='bilinear', align_corners=False)


class StudentGraph(nn.Module):
    """A network with everything before and after it.

    Args:
        network: gives ``segmentation`` (logits) and ``depth`` (log metres).
        output_range_m: depth is clamped to this range, metres.
        temperature: see :func:`decide`.
    """

    def __init__(self, network: StudentNetwork, output_range_m: tuple[float, float], temperature: float = 1.0):
        super().__init__()
        self.network = network.eval()
        self.output_range_m, self.temperature = output_range_m, temperature

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Map uint8 [1, H, W, 3] RGB to labels, confidence (uint8) and depth (float32 metres), each [1, H, W]."""
        size = (image.shape[1], image.shape[2])
        raw = self.raw_outputs(image)
        stride = self.network.stride
        labels, confidence = decide(raw['segmentation'], size, stride, self.temperature)
        return labels, confidence, metres(raw['depth'], size, self.output_range_m, stride)

    def raw_outputs(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return what the network gives for uint8 [1, H, W, 3] RGB, see :meth:`StudentNetwork.forward`."""
        return self.network.forward_normalised(self.network.normalise(image.permute(0, 3, 1, 2).float(), white=255))


def run_torch(graph: nn.Module, small: np.ndarray, names: Sequence[str] = OUTPUTS) -> dict[str, np.ndarray]:
    """Run the graph in torch; arguments and result as :meth:`famda_ros.student.runtime.Student.run`."""
    with torch.inference_mode():
        arrays = graph(torch.from_numpy(np.ascontiguousarray(small))[None])
    return {name: array[0].numpy() for name, array in zip(OUTPUTS, arrays, strict=True) if name in names}
