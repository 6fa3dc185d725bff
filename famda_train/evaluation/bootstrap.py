# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How far a score would move with other frames of the same kind: a block bootstrap.

Neighbouring frames of a drive show nearly the same, so frames are not drawn one by one but in blocks of
neighbours: see :mod:`famda_ros.pipeline.block_bootstrap`.
"""
from __future__ import annotations

import math

import numpy as np

from famda_ros.pipeline.block_bootstrap import drawn_frames

RESAMPLES = 1000
PERCENT = 95.0
"""How often the interval of another set of frames would hold the true score."""
LEAST_FRAMES = 5
"""With fewer there is no interval."""


def block_length(frames: int) -> int:
    """Return how many neighbouring frames make a block: the cube root of their number, rounded up.

    That is the order which estimates a variance best (Hall, Horowitz and Jing, 1995).
    """
    return max(1, math.ceil(round(frames ** (1 / 3), 9)))


def block_weights(frames: int, block: int | None = None, resamples: int = RESAMPLES) -> np.ndarray:
    """Return how often each frame is in each resample, int64 [resamples, frames]; the same numbers at every call.

    Args:
        frames: number of them, in their order; the first one follows the last one.
        block: neighbouring frames per block; None = :func:`block_length`.
        resamples: how many.
    """
    block = min(block or block_length(frames), frames)
    drawn = drawn_frames(np.random.default_rng(0), frames, block, resamples)
    rows = np.repeat(np.arange(resamples), frames)
    return np.bincount(rows * frames + drawn.ravel(), minlength=resamples * frames).reshape(resamples, frames)


def interval(values: np.ndarray) -> list[float]:
    """Return [low, high] of the middle 95 percent of the resampled scores; NaN = a score that could not be taken."""
    tail = (100 - PERCENT) / 2
    return np.nanpercentile(values, (tail, 100 - tail)).tolist()
