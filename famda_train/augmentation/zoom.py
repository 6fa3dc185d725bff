# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Random windows of any zoom and shape, for students that work with any lens and any camera.

A monocular network judges distance by size: magnified twice, a scene looks half as far away.  Depth is kept in metres
of one canonical focal length (after Metric3D, arXiv 2307.10984), so a window that is magnified by z has its depth
divided by z, and stays exact.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from famda_train.augmentation.sample_rng import SampleRng

NEAREST = ('labels', 'depth', 'normals', 'reliability')
"""Maps of which no values may be mixed."""
UPRIGHT = 0.25
"""Share of the possible heights that windows lie at: cameras look ahead, with the horizon near the middle."""
MULTIPLE = 32
"""Sides of windows, pixels."""


@dataclass
class Windows:
    """Random windows of source frames, so that a student works with any lens and any shape of image.

    Attributes:
        zoom: least and largest magnification; at 1 a pixel of the frame is a pixel of the window.
        aspect: least and largest width / height of a window.
        pixels: pixels in all of a window, about.
    """

    zoom: tuple[float, float] = (0.6, 1.7)
    aspect: tuple[float, float] = (0.75, 3.5)
    pixels: int = 53_248

    def shape(self, generator: torch.Generator, frame: tuple[int, int]) -> tuple[int, int]:
        """Draw a (height, width) that a frame of (height, width) can fill."""
        low, high = (math.log(value) for value in self.aspect)
        drawn = math.exp(low + (high - low) * float(torch.rand((), generator=generator)))
        height, width = window_shape(self.pixels, drawn)
        most_high, most_wide = (max(MULTIPLE, side // MULTIPLE * MULTIPLE) for side in frame)
        return min(height, most_high), min(width, most_wide)


def window_shape(pixels: int, aspect: float) -> tuple[int, int]:
    """Return (height, width), multiples of :data:`MULTIPLE`, of about ``pixels`` in all and this width / height."""
    height = MULTIPLE * max(1, round(math.sqrt(pixels / aspect) / MULTIPLE))
    return height, MULTIPLE * max(1, round(pixels / height / MULTIPLE))


def zoom_windows(
    sample: dict[str, torch.Tensor], rng: SampleRng, zoom: tuple[float, float], shape: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """Return a random window of every frame of a batch, magnified by a random factor.

    Args:
        sample: ``image`` float [B, 3, H, W]; ``labels``, ``depth`` and ``reliability`` [B, H, W] and ``normals``
            [B, 3, H, W] where it has them, depth in metres of the canonical focal length; ``focal`` [B] and ``centre``
            [B, 2] (x, y) in pixels; other entries are returned as they are.
        rng: random numbers of the batch.
        zoom: least and largest factor; drawn evenly in its logarithm, and raised where the window would not fit.
        shape: (height, width) of the result, pixels.

    Returns:
        The batch with maps of ``shape``; ``depth`` divided by the factor, ``focal`` and ``centre`` those of the window.
    """
    high, wide = sample['image'].shape[-2:]
    fits = max(shape[0] / high, shape[1] / wide)
    factor = rng.uniform(math.log(zoom[0]), math.log(zoom[1])).exp().clamp_min(fits)
    size = torch.tensor(shape, device=factor.device) / factor[:, None]  # of the window in the frame, [B, 2]
    free = torch.tensor((high, wide), device=factor.device) - size
    off_centre = torch.tensor((UPRIGHT, 1.0), device=factor.device) * (rng.uniform(shape=(2,)) - 0.5)
    origin = (0.5 + off_centre) * free.clamp_min(0)
    grid = _grid(origin, size, shape, (high, wide))
    result = dict(sample)
    result['image'] = functional.grid_sample(
        sample['image'], grid, mode='bilinear', padding_mode='border', align_corners=False
    )
    for name in NEAREST:
        if name in sample:
            result[name] = _nearest(sample[name], grid)
    if 'depth' in sample:
        result['depth'] = result['depth'] / factor[:, None, None]
    if 'focal' in sample:
        result['focal'] = sample['focal'] * factor.to(sample['focal'].dtype)
    if 'centre' in sample:
        result['centre'] = (sample['centre'] + 0.5 - origin.flip(1)) * factor[:, None] - 0.5
    return result


def _grid(origin: torch.Tensor, size: torch.Tensor, shape: tuple[int, int], frame: tuple[int, int]) -> torch.Tensor:
    """Return where each pixel of the windows lies in its frame, [B, h, w, 2] as grid_sample wants it: x, y in -1..1."""
    places = []
    for axis in (1, 0):
        steps = (torch.arange(shape[axis], device=origin.device) + 0.5) / shape[axis]
        place = origin[:, axis, None] + size[:, axis, None] * steps
        places.append(2 * place / frame[axis] - 1)
    x, y = places
    return torch.stack([x[:, None, :].expand(-1, shape[0], -1), y[:, :, None].expand(-1, -1, shape[1])], -1)


def _nearest(array: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return [B, ..., h, w] values of [B, ..., H, W] nearest to a grid; NaN and infinity stay what they are."""
    high, wide = array.shape[-2:]
    columns = ((grid[:, 0, :, 0] + 1) / 2 * wide).long().clamp(0, wide - 1)
    rows = ((grid[:, :, 0, 1] + 1) / 2 * high).long().clamp(0, high - 1)
    batch = torch.arange(len(array), device=array.device)[:, None, None]
    channels_last = array.movedim(1, -1) if array.ndim == 4 else array
    values = channels_last[batch, rows[:, :, None], columns[:, None, :]]
    return values.movedim(-1, 1) if array.ndim == 4 else values
