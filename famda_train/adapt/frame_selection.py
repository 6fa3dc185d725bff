# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which frames of a recording are worth a teacher's time: pure functions on images and on what is measured of them.

Left out are frames that show nothing (black), nothing new (standing, near-duplicates) or nothing sharp (motion
blur).  Of the rest as many as are wanted are chosen by k-centre (Sener and Savarese, arXiv 1708.00489), greedily.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from famda_ros.pipeline.frame_statistics import sharpness

MEASURED_WIDTH = 320
"""Frames are measured at this width, so that limits hold for every camera."""
HASH_SIDE = 16
HASH_STEP = 1.5
"""Grey levels by which a cell must be brighter than its left neighbour to set a bit: noise in the dark sets none."""
SAME_BITS = 12
"""Hashes of HASH_SIDE**2 bits that differ in no more are of one picture."""
SAME_GREY = 2.5
"""Mean difference of the thumbnails, grey levels, up to which they are of one picture."""
BLACK_LEVEL = 24
"""Grey level that the brightest thousandth of a frame must exceed."""
BLUR_FACTOR = 0.3
"""A frame with less than so much of the median sharpness of its neighbours is blurred."""
NEIGHBOURS = 5
"""Frames before, and after, that a frame's sharpness is compared with."""
CELLS = (4, 6)
"""Rows and columns of the grid that features are pooled over."""


@dataclass(frozen=True)
class Measures:
    """What is measured of a frame.

    Attributes:
        brightness: mean grey level, 0..255.
        sharpness: see :func:`famda_ros.pipeline.frame_statistics.sharpness`, at MEASURED_WIDTH.
        peak: grey level that a thousandth of the pixels exceeds.
        difference_hash: dHash, bool [HASH_SIDE**2].
        thumbnail: float32 [HASH_SIDE**2] grey levels.
        features: float32 [F], mean colour and mean edge strength of a grid of cells, about 0..1.
    """

    brightness: float
    sharpness: float
    peak: float
    difference_hash: np.ndarray
    thumbnail: np.ndarray
    features: np.ndarray


def measure(image: np.ndarray) -> Measures:
    """Measure a frame.

    Args:
        image: uint8 [H, W, 3] RGB.
    """
    sharp = sharpness(image, MEASURED_WIDTH)
    height, width = image.shape[:2]
    if width > MEASURED_WIDTH:
        size = MEASURED_WIDTH, max(1, round(height * MEASURED_WIDTH / width))
        # Every n-th pixel first: the mean of those that are left is the picture, at a tenth of the cost.
        step = max(1, width // (2 * MEASURED_WIDTH))
        image = cv2.resize(np.ascontiguousarray(image[::step, ::step]), size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    cells = cv2.resize(grey.astype(np.float32), (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    pooled = [
        cv2.resize(channels, CELLS[::-1], interpolation=cv2.INTER_AREA).ravel() / scale
        for channels, scale in ((image.astype(np.float32), 255.0), (np.abs(edges).astype(np.float32), 64.0))
    ]
    return Measures(
        brightness=float(cv2.mean(grey)[0]),
        sharpness=sharp,
        peak=_percentile(grey, 0.999),
        difference_hash=(cells[:, 1:] - cells[:, :-1] > HASH_STEP).ravel(),
        thumbnail=cells[:, :-1].ravel(),
        features=np.concatenate(pooled).astype(np.float32),
    )


def _percentile(grey: np.ndarray, share: float) -> float:
    """Return the grey level that all but 1 - ``share`` of the pixels do not exceed."""
    counts = np.bincount(grey.ravel(), minlength=256).cumsum()
    return float(np.searchsorted(counts, share * counts[-1]))


def is_black(frame: Measures) -> bool:
    """Tell whether a frame shows nothing: a covered lens, or a camera that had not begun."""
    return frame.peak <= BLACK_LEVEL


def is_same_view(a: Measures, b: Measures) -> bool:
    """Tell whether two frames show the same, but for noise and compression."""
    return bool(
        np.count_nonzero(a.difference_hash != b.difference_hash) <= SAME_BITS
        and np.abs(a.thumbnail - b.thumbnail).mean() <= SAME_GREY
    )


class SeenViews:
    """The views of frames that were kept, to be asked for one like a further frame."""

    def __init__(self) -> None:
        """Remember none."""
        self._hashes = np.zeros((64, HASH_SIDE**2), bool)
        self._thumbnails = np.zeros((64, HASH_SIDE**2), np.float32)
        self._count = 0

    def add(self, frame: Measures) -> None:
        """Remember the view of a frame."""
        if self._count == len(self._hashes):
            self._hashes = np.vstack([self._hashes, np.zeros_like(self._hashes)])
            self._thumbnails = np.vstack([self._thumbnails, np.zeros_like(self._thumbnails)])
        self._hashes[self._count] = frame.difference_hash
        self._thumbnails[self._count] = frame.thumbnail
        self._count += 1

    def has(self, frame: Measures) -> bool:
        """Tell whether one of the frames shows the same, see :func:`is_same_view`."""
        differing = (self._hashes[: self._count] != frame.difference_hash).sum(axis=1)
        close = np.flatnonzero(differing <= SAME_BITS)
        return bool((np.abs(self._thumbnails[close] - frame.thumbnail).mean(axis=1) <= SAME_GREY).any())


def blurred(sharpness: Sequence[float]) -> np.ndarray:
    """Tell which frames of a recording are blurred beside their neighbours, bool [N].

    Args:
        sharpness: of every frame, in the order of recording.
    """
    values = np.asarray(sharpness, np.float64)
    medians = [np.median(values[max(0, i - NEIGHBOURS) : i + NEIGHBOURS + 1]) for i in range(len(values))]
    return values < BLUR_FACTOR * np.array(medians)


def choose_k_centre(features: np.ndarray, count: int) -> np.ndarray:
    """Choose frames that cover all others, see :func:`k_centre_order`.

    Args:
        features: float [N, F].
        count: how many to choose.

    Returns:
        int [min(count, N)], sorted.
    """
    if count >= len(features):
        return np.arange(len(features))
    return np.sort(k_centre_order(features, count))


def k_centre_order(features: np.ndarray, count: int) -> np.ndarray:
    """Return frames such that every next one is the farthest from those before it.

    Args:
        features: float [N, F].
        count: how many.

    Returns:
        int [min(count, N)].  The first is the one nearest to the mean.
    """
    features = np.asarray(features, np.float32)
    count = min(count, len(features))
    if count < 1:
        return np.zeros(0, int)
    chosen = [int(np.argmin(((features - features.mean(axis=0)) ** 2).sum(axis=1)))]
    distances = ((features - features[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        farthest = int(np.argmax(distances))
        if distances[farthest] == 0:  # all that are left equal one that is chosen
            chosen += [index for index in range(len(features)) if index not in chosen][: count - len(chosen)]
            break
        chosen.append(farthest)
        distances = np.minimum(distances, ((features - features[farthest]) ** 2).sum(axis=1))
    return np.array(chosen, int)
