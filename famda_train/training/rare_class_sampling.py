# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Rare class sampling (DAFormer, arXiv 2111.14887): show frames with rare classes more often.

The index is built from any label maps; what counts as "holds the class" is a share of the
image, so that it means the same at every image size.  Arrays are numpy, because frames and
crops are chosen where data is loaded.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE

READERS = 8
"""Label maps that are read at the same time."""

_COUNTED: WeakKeyDictionary[Labelled, dict[int, np.ndarray]] = WeakKeyDictionary()
"""Data set → number of classes → what :func:`count_classes` found."""


class Labelled(Protocol):
    """What is needed of a data set."""

    def __len__(self) -> int: ...

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids; 255 = ignore."""


def count_classes(dataset: Labelled, num_classes: int) -> np.ndarray:
    """Return int64 [N, C + 1]: pixels of each class in each frame; the last column counts ignored pixels.

    All label maps are read, but only once per data set object: a training asks again at its end.

    Args:
        dataset: labelled frames.
        num_classes: C.

    Raises:
        FamdaError: a frame has a label that is no class.
    """
    counted = _COUNTED.setdefault(dataset, {})
    if num_classes not in counted:
        counted[num_classes] = _count_pixels(dataset, num_classes)
        counted[num_classes].flags.writeable = False
    return counted[num_classes]


def _count_pixels(dataset: Labelled, num_classes: int) -> np.ndarray:

    def count(index: int) -> np.ndarray:
        counts = np.bincount(np.asarray(dataset.labels(index)).ravel(), minlength=IGNORE + 1)
        strange = np.flatnonzero(counts[num_classes:IGNORE])
        if len(strange):
            raise FamdaError(
                f'frame {index} has label {num_classes + strange[0]}, but there are {num_classes} classes; '
                'choose the label space of this data'
            )
        return np.append(counts[:num_classes], counts[IGNORE])

    with ThreadPoolExecutor(READERS) as pool:
        rows = list(pool.map(count, range(len(dataset))))
    return np.stack(rows).astype(np.int64)


def class_shares(counts: np.ndarray) -> np.ndarray:
    """Return float64 [C]: share of each class among the labelled pixels of all frames; 0 where there are none.

    Args:
        counts: int [N, C + 1], see :func:`count_classes`.
    """
    total = counts[:, :-1].sum(0)
    return total / max(1, total.sum())


def frames_with_class(counts: np.ndarray, min_share_of_pixels: float = 0.003) -> np.ndarray:
    """Return bool [N, C]: which frames hold how many classes well enough to be drawn for them.

    A class that no frame holds so well is taken from the frames that hold it at all.

    Args:
        counts: int [N, C + 1], see :func:`count_classes`.
        min_share_of_pixels: share of the image's pixels, 0..1; the paper's 3000 pixels are 0.003.
    """
    pixels, classes = counts.sum(1, keepdims=True), counts[:, :-1]
    well = (classes > 0) & (classes >= min_share_of_pixels * pixels)
    return np.where(well.any(0), well, classes > 0)


def class_probabilities(shares: np.ndarray, drawable: np.ndarray, temperature: float = 0.01) -> np.ndarray:
    """Return float64 [C]: how often each class is asked for, exp((1 - share) / temperature) over its sum.

    Args:
        shares: float [C], see :func:`class_shares`.
        drawable: bool [C], classes that at least one frame holds; the others have probability 0.
        temperature: small = the rarest class always, large = all alike.

    Raises:
        FamdaError: no class can be drawn.
    """
    if not drawable.any():
        raise FamdaError('no frame has a labelled pixel; rare class sampling needs a labelled source')
    exponent = np.where(drawable, (1.0 - shares) / temperature, -np.inf)
    likely = np.exp(exponent - exponent.max())
    return likely / likely.sum()


def draw_frame(holds: np.ndarray, probabilities: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Return (frame, class): a random class, and a random one of the frames that hold it.

    Args:
        holds: bool [N, C], see :func:`frames_with_class`.
        probabilities: float [C], see :func:`class_probabilities`.
        rng: source of randomness; two numbers are drawn.
    """
    wanted = int(rng.choice(len(probabilities), p=probabilities))
    return int(rng.choice(np.flatnonzero(holds[:, wanted]))), wanted


def shows_class(labels: np.ndarray, wanted: int, min_share_of_pixels: float) -> bool:
    """Return whether at least this share of a crop's pixels, and one pixel, is of a class."""
    return bool(np.count_nonzero(labels == wanted) >= max(1.0, min_share_of_pixels * labels.size))


def is_varied(labels: np.ndarray, max_share: float = 0.75) -> bool:
    """Return whether a crop has two classes, the largest less than ``max_share`` of it (``cat_max_ratio``).

    Args:
        labels: uint8 [H, W]; pixels of 255 are left out.
        max_share: share of the labelled pixels, 0..1.
    """
    counts = np.bincount(labels[labels != IGNORE].ravel())
    return bool(np.count_nonzero(counts) > 1 and counts.max() < max_share * counts.sum())


def choose_crop(
    labels: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
    accept: Callable[[np.ndarray], bool],
    tries: int = 10,
) -> tuple[int, int]:
    """Return (top, left) of the first random crop that is accepted, or of the last one tried.

    Args:
        labels: uint8 [H, W] train ids.
        size: (height, width) of the crop; where the image is smaller, the crop begins at 0.
        rng: source of randomness; two numbers are drawn for each try.
        accept: judges the labels of a crop, see :func:`shows_class` and :func:`is_varied`.
        tries: at most so many, at least 1.
    """
    (height, width), spare = size, np.maximum(np.subtract(labels.shape, size), 0)
    for _ in range(max(1, tries)):
        top, left = (int(rng.integers(0, room + 1)) for room in spare)
        if accept(labels[top : top + height, left : left + width]):
            break
    return top, left
