# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Images of a drive along a corridor: what a street student sees indoors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

STEP_M, LENGTH_M = 0.1, 25.0


def corridor(seed: int, frames: int, width: int, height: int) -> Iterator[np.ndarray]:
    """Yield uint8 [height, width, 3] RGB: tiled floor, walls with doors, a ceiling with lamps, a wall at the end.

    Every seed has its own size, height of the camera and colours; the focal length is 0.7 x width.
    """
    rng = np.random.default_rng(seed)
    half, room, camera = rng.uniform(1.5, 4), rng.uniform(2.6, 4.5), rng.uniform(0.6, 1.4)
    wall = rng.uniform(120, 220) * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.75, 0.95)])
    floor, ceiling = rng.uniform(60, 130) * np.array([1, 0.95, 0.9]), np.full(3, rng.uniform(170, 235))
    right = (np.arange(width) - width / 2 + 0.5)[None] / (0.7 * width) + np.zeros((height, 1))
    down = (np.arange(height) - height / 2 + 0.5)[:, None] / (0.7 * width) + np.zeros((1, width))
    for number in range(frames):
        sway = 0.1 * np.sin(number / 15)
        with np.errstate(divide='ignore'):
            distance = np.stack([
                np.where(down > 0, camera / down, np.inf), np.where(down < 0, (camera - room) / down, np.inf),
                np.where(right > 0, (half + sway) / right, np.inf), np.where(right < 0, (sway - half) / right, np.inf),
                np.full_like(right, LENGTH_M),
            ])  # fmt: skip
        surface, depth = distance.argmin(0), distance.min(0)
        x, y, z = right * depth, down * depth, depth + STEP_M * number
        image = np.choose(surface[..., None], [floor, ceiling, wall, 0.9 * wall, 0.8 * wall])
        tile, lamp = (np.floor(x) + np.floor(z)) % 2 == 0, (np.abs(x) < 0.4) & (z % 3 < 1.2)
        door = (z % 4 < 1) & (y > camera - 2.1)
        image = np.where(((surface == 0) & tile)[..., None], 0.75 * image, image)
        image = np.where(((surface == 1) & lamp)[..., None], 255, image)
        image = np.where((((surface == 2) | (surface == 3)) & door)[..., None], [110, 70, 40], image)
        image = image * np.clip(1.1 - 0.02 * depth, 0.5, 1.1)[..., None] + rng.normal(0, 3, image.shape)
        yield np.clip(image, 0, 255).astype(np.uint8)
