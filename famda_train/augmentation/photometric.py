# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation of image batches: horizontal flip and photometric changes."""
from __future__ import annotations

import torch
from torch.nn import functional
from torchvision.transforms.v2 import functional as pictures

from famda_train.augmentation.sample_rng import SampleRng

Batch = dict[str, torch.Tensor]

NORMALS = 'normals'
"""Key of surface normals in a batch, float [B, 3, H, W] in camera axes (x right, y down, z forward)."""

PER_IMAGE = (1, 1, 1)
JITTERED, JITTER = 0.8, 0.2
"""Share of the images whose colours :func:`color_jitter` changes; factors lie in 1 +- JITTER, and the hue turns by up
to this share of a circle."""

BLUR_SIZE = 9
"""Kernel of the blur in pixels: four deviations to either side at the largest deviation."""


def flip_horizontally(batch: Batch, rng: SampleRng) -> Batch:
    """Mirror a random half of the samples; every [B, ..., H, W] entry of the batch alike.

    The x component of surface normals changes its sign.
    """
    mirrored = rng.chance(0.5)
    flipped = {}
    for key, value in batch.items():
        if value.ndim < 3:
            flipped[key] = value
            continue
        choose = mirrored.to(value.device).view(-1, *[1] * (value.ndim - 1))
        flipped[key] = torch.where(choose, _mirror(key, value), value)
    return flipped


def _mirror(key: str, value: torch.Tensor) -> torch.Tensor:
    value = value.flip(-1)
    return value * value.new_tensor([-1, 1, 1]).view(3, 1, 1) if key == NORMALS else value


def photometric(image: torch.Tensor, strength: float, rng: SampleRng) -> torch.Tensor:
    """Change gamma, gain, colour balance, saturation, sharpness and noise at random.

    Args:
        image: float [B, 3, H, W] in 0..1.
        strength: 0 = none, 1 = strong enough to bridge day and night pictures.

    Returns:
        float [B, 3, H, W] in 0..1.
    """
    if strength <= 0:
        return image
    s = strength
    x = image.clamp_min(1e-4) ** rng.uniform(-0.5 * s, 0.5 * s, PER_IMAGE).exp()
    x = x * (1 + rng.uniform(-0.25 * s, 0.25 * s, PER_IMAGE))
    x = x * (1 + rng.uniform(-0.12 * s, 0.12 * s, (3, 1, 1)))
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + rng.uniform(-0.5 * s, 0.5 * s, PER_IMAGE))
    blurred = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode='reflect'), 3, 1)
    x = torch.where(rng.chance(0.5 * s).view(-1, *PER_IMAGE), blurred, x)
    x = x + rng.normal(image.shape[1:]) * rng.uniform(0, 0.03 * s, PER_IMAGE)
    return x.clamp(0, 1)


def strong(image: torch.Tensor, rng: SampleRng) -> torch.Tensor:
    """Change colours, then blur: the strong augmentation of mixed images in DAFormer (arXiv 2111.14887).

    Args:
        image: float [B, 3, H, W] in 0..1.

    Returns:
        float [B, 3, H, W] in 0..1.
    """
    return gaussian_blur(color_jitter(image, rng), rng)


def color_jitter(image: torch.Tensor, rng: SampleRng) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of four in five images, in random order.

    Args:
        image: float [B, 3, H, W] in 0..1.
        rng: random numbers of the samples.

    Returns:
        float [B, 3, H, W] in 0..1.
    """
    adjust = (pictures.adjust_brightness, pictures.adjust_contrast, pictures.adjust_saturation, pictures.adjust_hue)
    chosen = rng.chance(JITTERED).tolist()
    amounts = rng.uniform(-JITTER, JITTER, (len(adjust),)).tolist()
    jittered = []
    for place, one in enumerate(image):
        order = rng.permutation(place, len(adjust)).tolist()
        for which in order if chosen[place] else ():
            amount = amounts[place][which]
            one = adjust[which](one, amount if adjust[which] is pictures.adjust_hue else 1 + amount)
        jittered.append(one)
    return torch.stack(jittered)


def gaussian_blur(
    image: torch.Tensor, rng: SampleRng, probability: float = 0.5, deviation_px: tuple[float, float] = (0.15, 1.15)
) -> torch.Tensor:
    """Blur single images by a random Gaussian.

    Args:
        image: float [B, 3, H, W], at least 5 pixels high and wide.
        rng: random numbers of the samples.
        probability: share of the images that are blurred, 0..1.
        deviation_px: smallest and largest standard deviation of the Gaussian, pixels.
    """
    chosen, deviation = rng.chance(probability), rng.uniform(*deviation_px)
    margin = BLUR_SIZE // 2
    offset = torch.arange(-margin, margin + 1, device=deviation.device)
    kernel = torch.exp(-0.5 * (offset / deviation[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).view(-1, BLUR_SIZE, *PER_IMAGE)
    height, width = image.shape[-2:]
    x = functional.pad(image, (margin,) * 4, mode='reflect')
    # Sums of shifted images instead of a convolution, which autocast would compute in bfloat16.
    x = torch.stack([kernel[:, k] * x[..., k : k + width] for k in range(BLUR_SIZE)]).sum(0)
    x = torch.stack([kernel[:, k] * x[..., k : k + height, :] for k in range(BLUR_SIZE)]).sum(0)
    return torch.where(chosen.view(-1, *PER_IMAGE), x, image)
