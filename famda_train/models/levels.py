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


def stretch_levels(image: torch.Tensor, white: float = 1.0) -> torch.Tensor:
    """Return images whose darkest and brightest block have the levels 0 and ``white``; colours keep their proportions.

    Args:
        image: float [B, 3, H, W] in 0..``white``, sides of 16 pixels or more.
        white: largest value of a pixel.

    Returns:
        The same shape; a few values lie outside 0..``white``.
    """
    blocks = functional.avg_pool2d(image, BLOCK).mean(1, keepdim=True)
    darkest, brightest = blocks.amin((2, 3), keepdim=True), blocks.amax((2, 3), keepdim=True)
    half = ((brightest - darkest) / 2).clamp_min(white * LEAST_RANGE / 2)
    black = (brightest + darkest) / 2 - half
    return (image - black) * (white / (2 * half))
