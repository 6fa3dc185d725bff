# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Levels of an image: one street at another exposure, in haze or at dusk, looks more alike with them stretched."""
from __future__ import annotations

import torch
from torch.nn import functional

BLOCK = 16
"""Sides of the blocks whose mean counts, pixels: single lamps and dead pixels do not."""
LEAST_RANGE = 0.3
"""Least distance of black and white, of the whole range: noise and fog are not made a picture."""


def black_and_white(image: torch.Tensor, white: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the levels (black, white) of images: those of their darkest and of their brightest block.

    Args:
        image: float [B, 3, H, W] in 0..``white``, sides of 16 pixels or more.
        white: largest value of a pixel.

    Returns:
        Both [B, 1, 1, 1]; a few pixels lie outside of them.
    """
    # First over rows, which lie one after the other in memory: half the time of both at once.
    rows = functional.avg_pool2d(image, (BLOCK, 1))
    blocks = functional.avg_pool2d(rows, (1, BLOCK)).mean(1, keepdim=True)
    darkest, brightest = blocks.amin((2, 3), keepdim=True), blocks.amax((2, 3), keepdim=True)
    middle = (brightest + darkest) / 2
    half = ((brightest - darkest) / 2).clamp_min(white * LEAST_RANGE / 2)
    return middle - half, middle + half
