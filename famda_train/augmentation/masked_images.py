# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Masked image consistency: hide blocks of an image, ask for the labels of the whole (MIC, arXiv 2212.01322)."""
from __future__ import annotations

import torch

from famda_train.augmentation.sample_rng import SampleRng


def block_mask(height: int, width: int, block: int, ratio: float, rng: SampleRng) -> torch.Tensor:
    """Return bool [B, H, W]: pixels to hide, in square blocks that begin at the upper left corner.

    Args:
        height, width: of the images in pixels.
        block: side of a block in pixels; the paper has 64 at 1024 x 512 and above, 32 at half of that.
        ratio: probability that a block is hidden, 0..1.
    """
    rows, columns = -(-height // block), -(-width // block)
    hidden = rng.uniform(shape=(rows, columns)) < ratio
    return hidden.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, :height, :width]


def hide_blocks(
    image: torch.Tensor, block: int, rng: SampleRng, ratio: float = 0.7, fill: torch.Tensor | float = 0.5
) -> torch.Tensor:
    """Return the images with random blocks replaced by one colour.

    Args:
        image: float [B, 3, H, W] in 0..1.
        block: side of a block in pixels.
        ratio: probability that a block is hidden, 0..1.
        fill: colour of hidden blocks, a number or float [3]; the mean by which the network
            normalises its input makes them zeros, as in the paper.
    """
    height, width = image.shape[-2:]
    hidden = block_mask(height, width, block, ratio, rng)[:, None].to(image.device)
    color = torch.as_tensor(fill, dtype=image.dtype, device=image.device).view(-1, 1, 1)
    return torch.where(hidden, color, image)
