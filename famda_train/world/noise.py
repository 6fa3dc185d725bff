# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Periodic fractal noise tiles and integer hashes."""
from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

TILE = 512
GENERAL, LARGE, GRAIN = 0, 1, 2
_SPECTRA = {GENERAL: (1.0, 4), LARGE: (1.7, 0), GRAIN: (0.4, 30)}
"""Tile -> (exponent a of the amplitude spectrum 1/f^a, number of lowest frequencies left out)."""


@lru_cache(maxsize=8)
def tile(which: int) -> np.ndarray:
    """Return the float32 [512, 512] periodic tile, zero mean and unit variance."""
    exponent, lowest = _SPECTRA[which]
    f = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None, :]) * TILE
    amplitude = np.where(f > lowest, 1.0 / np.maximum(f, 1.0) ** exponent, 0.0)
    amplitude[0, 0] = 0.0
    white = np.fft.rfft2(np.random.default_rng(1000 + which).standard_normal((TILE, TILE)))
    noise = np.fft.irfft2(white * amplitude, s=(TILE, TILE))
    noise = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    noise.setflags(write=False)
    return noise


def sample(which: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Sample a tile bilinearly; u, v float32 [H, W] or [n] in tile pixels, any range."""
    if u.size == 0:
        return np.empty(u.shape, np.float32)  # cv2.remap refuses it
    if u.ndim == 1:
        # cv2.remap wants an image, and not a long one.
        columns = 1024
        pad = -len(u) % columns
        image = (np.pad(c, (0, pad)).reshape(-1, columns) for c in (u, v))
        return sample(which, *image).ravel()[: len(u)]
    # cv2.remap keeps 16-bit integers of a coordinate, so wrap before it does.
    u = u - TILE * np.floor(u * np.float32(1 / TILE))
    v = v - TILE * np.floor(v * np.float32(1 / TILE))
    return cv2.remap(tile(which), u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def sample_nearest(which: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Sample a tile without interpolation; cheap, for small arrays of any shape."""
    return tile(which)[v.astype(np.int32) & (TILE - 1), u.astype(np.int32) & (TILE - 1)]


def hash_unit(*integers: np.ndarray | int) -> np.ndarray:
    """Hash integer arrays to float32 in [0, 1), the same on every machine."""
    h = np.asarray(2166136261, np.uint32)
    with np.errstate(over='ignore'):
        for value in integers:
            h = (h ^ np.asarray(value).astype(np.int64).astype(np.uint32)) * np.uint32(2654435761)
            h = h ^ (h >> np.uint32(15))
        h = h * np.uint32(2246822519)
        h = h ^ (h >> np.uint32(13))
    return np.asarray((h >> np.uint32(8)).astype(np.float32) * np.float32(1 / (1 << 24)))
