# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""An endless stream of training samples in which place n is always the same sample.

Which frame stands at place n, and which part of it, follows from (seed, stream, n) alone:
a resumed training continues with the samples that an uninterrupted one would have seen, and
several processes share the places among them.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from famda_train.training.samples import Arrays, Samples, crop

Choose = Callable[[np.random.Generator], 'tuple[int, int | None]']
"""Draws (frame index, class that a crop must show or None)."""

Window = Callable[[np.random.Generator, Arrays, 'int | None'], 'tuple[int, int]']
"""Draws the upper left corner (x, y) of a crop."""

SOURCE, TARGET, TARGET_LABELS = 0, 1, 2
"""Streams of a training."""


def uniform_choice(count: int) -> Choose:
    """Return a chooser that takes every frame equally often."""
    return lambda generator: (int(generator.integers(count)), None)


def anywhere(size: tuple[int, int]) -> Window:
    """Return a chooser of crops (width, height) that takes every position equally often."""

    def window(generator: np.random.Generator, arrays: Arrays, _: int | None) -> tuple[int, int]:
        height, width = arrays['image'].shape[:2]
        return int(generator.integers(width - size[0] + 1)), int(generator.integers(height - size[1] + 1))

    return window


def to_tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    """Return tensors; the image as float32 [3, H, W] in 0..1."""
    tensors = {key: torch.from_numpy(np.asarray(value, order='C')) for key, value in arrays.items()}
    tensors['image'] = tensors['image'].permute(2, 0, 1).float() / 255
    return tensors


class Stream(Dataset):
    """Maps a place to its sample, which also carries ``place`` and ``index`` (of the frame), int64.

    Args:
        samples: where samples come from.
        seed: of the training.
        stream: :data:`SOURCE`, :data:`TARGET` or :data:`TARGET_LABELS`.
        choose: draws a frame; None = every frame equally often.
        crop_size: (width, height) in pixels; None = whole images.
        window: draws where to crop; None = anywhere.
    """

    def __init__(
        self,
        samples: Samples,
        seed: int,
        stream: int,
        choose: Choose | None = None,
        crop_size: tuple[int, int] | None = None,
        window: Window | None = None,
    ):
        self.samples, self._seed, self._stream = samples, seed, stream
        self._choose = choose or uniform_choice(len(samples))
        whole = crop_size is None or tuple(crop_size) == samples.size
        self._crop_size = None if whole else crop_size
        self._window = window or (anywhere(crop_size) if crop_size else None)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        generator = np.random.default_rng((self._seed, self._stream, place))
        index, wanted = self._choose(generator)
        arrays = self.samples[index]
        if self._crop_size and self._window:
            arrays = crop(arrays, *self._window(generator, arrays, wanted), self._crop_size)
        return {**to_tensors(arrays), 'place': torch.tensor(place), 'index': torch.tensor(index)}


class InOrder(Dataset):
    """Every sample once, in order, whole."""

    def __init__(self, samples: Samples):
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return to_tensors(self._samples[index])


class Places(Sampler):
    """Endless places of one process: of every global batch, its share.

    Args:
        batch: samples per step of one process.
        rank, processes: number of this process, and how many there are.
        first_step: returns the step to begin with; called at every start, as trainers may start anew after some steps.
    """

    def __init__(self, batch: int, rank: int = 0, processes: int = 1, first_step: Callable[[], int] = lambda: 0):
        self._batch, self._rank, self._processes, self._first_step = batch, rank, processes, first_step

    def __iter__(self) -> Iterator[int]:
        start = (self._first_step() * self._processes + self._rank) * self._batch
        while True:
            yield from range(start, start + self._batch)
            start += self._processes * self._batch


def loader(stream: Stream, places: Places, batch: int, workers: int = 0) -> DataLoader:
    """Return a loader of batches of a stream."""
    several = workers > 0
    pinned = several and torch.cuda.is_available()
    return DataLoader(
        stream, batch, sampler=places, num_workers=workers, persistent_workers=several, pin_memory=pinned
    )
