# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation of image batches: horizontal flip and photometric changes."""
from __future__ import annotations

import torch
from torch.nn import functional

Batch = dict[str, torch.Tensor]


def _uniform(count: int, low: float, high: float, like: torch.Tensor, *trailing: int) -> torch.Tensor:
    draw = torch.rand((count, *trailing), device=like.device) * (high - low) + low
    return draw.view(count, -1, 1, 1) if trailing else draw.view(count, 1, 1, 1)


def flip_horizontally(batch: Batch) -> Batch:
    """Mirror a random half of the samples; every [B, ..., W] entry of the batch alike."""
    size = len(batch['image'])
    mirrored = torch.rand(size) < 0.5
    flipped = {}
    for key, value in batch.items():
        if value.ndim < 3:
            flipped[key] = value
            continue
        choose = mirrored.to(value.device).view(-1, *[1] * (value.ndim - 1))
        flipped[key] = torch.where(choose, value.flip(-1), value)
    return flipped


def photometric(image: torch.Tensor, strength: float) -> torch.Tensor:
    """Change gamma, gain, colour balance, saturation, sharpness and noise at random.

    Args:
        image: float [B, 3, H, W] in 0..1.
        strength: 0 = none, 1 = strong enough to bridge day and night pictures.

    Returns:
        float [B, 3, H, W] in 0..1.
    """
    if strength <= 0:
        return image
    size, s = len(image), strength
    x = image.clamp_min(1e-4) ** _uniform(size, -0.5 * s, 0.5 * s, image).exp()
    x = x * (1 + _uniform(size, -0.25 * s, 0.25 * s, image))
    x = x * (1 + _uniform(size, -0.12 * s, 0.12 * s, image, 3))
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + _uniform(size, -0.5 * s, 0.5 * s, image))
    blurred = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode='reflect'), 3, 1)
    x = torch.where(torch.rand(size, 1, 1, 1, device=image.device) < 0.5 * s, blurred, x)
    x = x + torch.randn_like(x) * _uniform(size, 0, 0.03 * s, image)
    return x.clamp(0, 1)
