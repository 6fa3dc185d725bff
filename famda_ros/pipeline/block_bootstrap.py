# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The circular block bootstrap (Politis and Romano, 1992): resamples of frames, of which neighbours are alike."""

from __future__ import annotations

import math

import numpy as np


def drawn_frames(rng: np.random.Generator, frames: int, block: int, resamples: int) -> np.ndarray:
    """Return int64 [resamples, frames], indices of frames drawn in blocks of neighbours, with replacement.

    Args:
        rng: random numbers.
        frames: number of frames, in their order; the first one follows the last one.
        block: neighbouring frames per block.
        resamples: how many.
    """
    starts = rng.integers(0, frames, (resamples, math.ceil(frames / block)))
    return ((starts[..., None] + np.arange(block)) % frames).reshape(resamples, -1)[:, :frames]
