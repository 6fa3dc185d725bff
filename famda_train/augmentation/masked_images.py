# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Masked image consistency: hide blocks of an image, predict the labels of the whole (MIC, arXiv 2212.01322)."""
from __future__ import annotations

import torch

from famda_train.augmentation.sample_rng import SampleRng

GREY = 0.5
"""Value of hidden pixels; near the mean by which encoders normalise, where the paper's zeros are."""


def block_mask(height: int, width: int, block: int, ratio: float, rng: SampleRng) -> torch.Tensor:
    """Return bool [B, H, W]: pixels to hide, in square blocks that begin at the upper left corner.

    Args:
        height, width: size of the images in pixels.
        block: side of a block in pixels; the paper has 64 at 1024 x 512 and above, 32 at half of that.
        ratio: probability that a block is hidden, 0..1.
        rng: random numbers of the samples, one mask each.
    """
    rows, columns = -(-height // block), -(-width // block)
    hidden = rng.uniform(shape=(rows, columns)) < ratio
    return hidden.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, :height, :width]


def hide_blocks(image: torch.Tensor, block: int, rng: SampleRng, ratio: float = 0.7) -> torch.Tensor:
    """Return the images, float [B, 3, H, W], with random blocks replaced by grey.

    Args:
        image: float [B, 3, H, W] in 0..1.
        block: side of a block in pixels.
        rng: random numbers of the samples.
        ratio: probability that a block is hidden, 0..1.
    """
    height, width = image.shape[-2:]
    hidden = block_mask(height, width, block, ratio, rng)[:, None].to(image.device)
    return torch.where(hidden, GREY, image)
