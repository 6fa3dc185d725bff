# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How well class-agnostic masks fit labelled classes: what a vote over masks can reach at best.

Purity alone does not rank mask sources, as it rises with the number of masks: one mask per pixel
is perfectly pure and of no use for a vote.  Compare at about equal numbers of masks.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.progress import Progress

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.checks import check_store_of
from famda_train.label_store.label_store import LabelStore


@dataclass
class MaskPurity:
    """Running counts over images.

    Attributes:
        classes: names, in order of train ids.
    """

    classes: Sequence[str]
    _images: int = 0
    _masks: int = 0
    _pixels: np.ndarray = field(init=False)
    _covered: np.ndarray = field(init=False)
    _right: np.ndarray = field(init=False)

    def __post_init__(self):
        self._pixels, self._covered, self._right = np.zeros((3, len(self.classes)), np.int64)

    def update(self, segments: np.ndarray, labels: np.ndarray) -> None:
        """Count an image.

        Args:
            segments: integers [H, W], 0 = no mask.
            labels: uint8 [H, W] train ids; 255 = ignore.
        """
        count = len(self.classes)
        self._images += 1
        self._masks += int(np.count_nonzero(np.unique(segments)))
        known = labels != IGNORE
        ids, ground_truth = segments[known].astype(np.int64), labels[known].astype(np.int64)
        rows = int(ids.max(initial=0)) + 1
        votes = np.bincount(ids * count + ground_truth, minlength=rows * count).reshape(-1, count)
        inside = votes[1:]
        self._pixels += votes.sum(axis=0)
        self._covered += inside.sum(axis=0)
        winners = inside.argmax(axis=1)  # the lowest class where two have equally many pixels
        np.add.at(self._right, winners, inside.max(axis=1))

    def compute(self) -> dict[str, Any]:
        """Return the measures, shares in percent.

        Returns:
            images; masks_per_image; coverage: labelled pixels inside a mask; purity: of these, the ones of
            their mask's majority class; classes: name → {coverage, purity}, None where there are no pixels.
        """
        return {
            'images': self._images,
            'masks_per_image': self._masks / max(self._images, 1),
            'coverage': _percent(self._covered.sum(), self._pixels.sum()),
            'purity': _percent(self._right.sum(), self._covered.sum()),
            'classes': {
                name: {'coverage': _percent(covered, pixels), 'purity': _percent(right, covered)}
                for name, pixels, covered, right in zip(
                    self.classes, self._pixels, self._covered, self._right, strict=True
                )
            },
        }


def _percent(part: int, whole: int) -> float | None:
    return 100.0 * float(part) / float(whole) if whole else None


def purity_of_store(dataset: Dataset, name: str, progress: Progress) -> dict[str, Any]:
    """Measure the masks of a store against the labels of its data set.

    Args:
        dataset: with labels.
        name: of a mask store.
        progress: a running bar.

    Returns:
        :meth:`MaskPurity.compute`, with ``teacher``: the identity that the store was made with.

    Raises:
        FamdaError: there are no labels, there is no such store, it lacks a frame, or labels and masks differ in size.
    """
    dataset.require('labels')
    store = LabelStore.open(dataset.store, 'masks', name)
    check_store_of(store, dataset)
    space = dataset.label_space
    assert space is not None  # there are labels
    purity = MaskPurity(space.classes)
    for index in progress.track(range(len(dataset)), description=f'comparing {name}'[:28]):
        segments, labels = store.read_segments(dataset.frames[index].stem), dataset.labels(index)
        if segments.shape != labels.shape:
            raise FamdaError(
                f"masks of frame '{dataset.frames[index].stem}' have shape {segments.shape} but its labels "
                f'{labels.shape}; take both from one version of the data'
            )
        purity.update(segments, labels)
    return {'teacher': store.identity, **purity.compute()}
