# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The data module of training: a labelled source, an unlabelled target, a few labels of it, frames to validate on."""
from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import Any

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.augmentation.sample_rng import run_seed
from famda_train.datasets.catalogue import open_dataset
from famda_train.datasets.dataset import Dataset
from famda_train.training.rare_class_sampling import (
    choose_crop,
    class_probabilities,
    class_shares,
    count_classes,
    draw_frame,
    frames_with_class,
    is_varied,
    shows_class,
)
from famda_train.training.samples import Arrays, Samples
from famda_train.training.setting_limits import DATA, check_numbers
from famda_train.training.stream import (
    SOURCE,
    TARGET,
    TARGET_LABELS,
    Choose,
    InOrder,
    Places,
    Stream,
    loader,
    to_tensors,
)

SHAPE_KEPT = 0.02
"""So far width / height may change without a note."""


@dataclass
class DataSource:
    """A data set on disk.

    Attributes:
        path: frame folder, or the root of a data set in its owner's layout.
        kind: cityscapes, synthia, vkitti2, ...; auto = seen from the layout.
        split: train, val, ...; None = the one meant for training.
        label_space: label space to read the labels in; None = the data set's own.
        size: width and height in pixels that images are resized to; None = as they are.
        options: what else this kind of data set takes, for example ``{condition: night}``.
    """

    path: str
    kind: str = 'auto'
    split: str | None = None
    label_space: str | None = None
    size: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def open(self) -> Dataset:
        """Return the data set."""
        return open_dataset(self.path, self.kind, self.split, self.label_space, **self.options)


@dataclass
class RareClassSampling:
    """Show frames with rare classes more often (DAFormer, arXiv 2111.14887).

    Attributes:
        temperature: the smaller, the more the rarest classes are preferred.
        min_share_of_pixels: a frame counts for a class from this share of its pixels on, 0..1.
        min_crop_ratio: the crop is drawn again, up to ten times, until the class has this
            multiple of ``min_share_of_pixels`` of it.
    """

    temperature: float = 0.01
    min_share_of_pixels: float = 0.003
    min_crop_ratio: float = 0.5


class AdaptationData(lightning.LightningDataModule):
    """Labelled source frames, unlabelled target frames, perhaps some labelled ones, and frames to validate on.

    Args:
        source: labelled frames, with depth where depth is to be learnt: a path or a DataSource.
        target: unlabelled frames; their ground truth, if any, is never read.
        target_labels: frames of the target of which some are labelled, wholly or in part, with depth where there is
            some; may be the folder of ``target``. Read in the source's label space, at the size of the target's
            images unless it has its own; None = no labels of the target.
        validate: labelled frames on which progress is measured, read in the source's label space;
            None = no validation.
        masks: mask teacher of the target's label store; None = no refinement.
        depth: depth teacher of the target's label store; None = no depth supervision.
        reliability: weigh the depth teacher's pixels by how far it agrees with itself; its store must
            have been filled with the setting ``reliability``.
        batch_size: source frames per step and process, and as many target frames, and labelled ones of the target.
        crop: width and height in pixels of the part of an image that is trained on; None = all.
        focal: canonical focal in pixels at image size; None = the source's.
        rare_classes: options of rare class sampling; None = every source frame equally often.
        max_share: a crop of the source in which one class has more than this share is drawn again.
        workers: processes per data set that read images; 0 = the training process itself.
        cache_gb: memory for samples that were read already, per data set and process, 10^9 bytes.
    """

    def __init__(
        self,
        source: str | DataSource,
        target: str | DataSource | None = None,
        target_labels: str | DataSource | None = None,
        validate: str | DataSource | None = None,
        masks: str | None = None,
        depth: str | None = None,
        reliability: bool = False,
        batch_size: int = 4,
        crop: tuple[int, int] | None = None,
        focal: float | None = None,
        rare_classes: RareClassSampling | None = None,
        max_share: float = 0.75,
        workers: int = 0,
        cache_gb: float = 4.0,
    ):
        super().__init__()
        check_numbers(locals(), DATA, 'data')
        self.source = self._samples(source, focal, ground_truth=True, cache_gb=cache_gb)
        focal = self.source.focal
        teachers: dict[str, Any] = {'masks': masks, 'depth': depth, 'reliability': reliability}
        self.target = self._samples(target, focal, **teachers, cache_gb=cache_gb) if target else None
        self.target_labels = self._target_labels(target_labels, focal, cache_gb) if target_labels else None
        self.validation = self._labelled('validate', validate, focal, cache_gb) if validate else None
        self.batch_size, self.workers = batch_size, workers
        self.crop: tuple[int, int] = (crop[0], crop[1]) if crop else self.source.size
        self.rare_classes, self.max_share = rare_classes, max_share
        self.seed: int | None = None
        self._check_sizes()
        self._check_nothing_is_shared()

    def setup(self, stage: str) -> None:
        """Take the seed of the run, before layers draw from its generator; print notes on the data."""
        self.seed = run_seed()
        if self.trainer is None or not self.trainer.is_global_zero:
            return
        partly = [partly_labelled(s) for s in (self.source, self.target_labels, self.validation) if s and s.left_out]
        others = [squeezed(s) for s in (self.source, self.target, self.target_labels) if s]
        for note in filter(None, (*partly, *others)):
            print(note, file=sys.stderr)

    @staticmethod
    def _samples(where: str | DataSource, focal: float | None, **options) -> Samples:
        where = DataSource(where) if isinstance(where, str) else where
        return Samples(where.open(), where.size, focal, **options)

    def _target_labels(self, where: str | DataSource, focal: float | None, cache_gb: float) -> Samples:
        if self.target is None:
            raise FamdaError(
                'data.target_labels joins the self-training on data.target; give that too, or the labelled frames as '
                'data.source'
            )
        where = DataSource(where) if isinstance(where, str) else where
        return self._labelled('target_labels', replace(where, size=where.size or self.target.size), focal, cache_gb)

    def _labelled(self, name: str, where: str | DataSource, focal: float | None, cache_gb: float) -> Samples:
        where = DataSource(where) if isinstance(where, str) else where
        try:
            wanted = where if where.label_space else replace(where, label_space=self.label_space)
            samples = self._samples(wanted, focal, ground_truth=True, cache_gb=cache_gb)
        except FamdaError:  # it cannot be read so, or something else is wrong with it
            samples = self._samples(where, focal, ground_truth=True, cache_gb=cache_gb)
        space = samples.dataset.label_space
        if space is None or space.name != self.label_space:
            found = space.name if space else 'no label space'
            raise FamdaError(
                f'data.{name} is labelled in {found}, the student in {self.label_space}; '
                f'give data.{name}.label_space, or frames that are labelled in {self.label_space}'
            )
        return samples

    def _check_sizes(self) -> None:
        for samples in filter(None, (self.source, self.target, self.target_labels)):
            if samples.size[0] < self.crop[0] or samples.size[1] < self.crop[1]:
                raise FamdaError(
                    f"'{samples.dataset.path}' has images of {by(samples.size)} pixels, smaller than those of the "
                    f'source or than data.crop {by(self.crop)}; give both a size or a crop'
                )
        if self.target and self.target.size != self.source.size and self.crop in (self.source.size, self.target.size):
            raise FamdaError(
                f"'{self.source.dataset.path}' has images of {by(self.source.size)} pixels and "
                f"'{self.target.dataset.path}' of {by(self.target.size)}; bring them to one size or give data.crop"
            )

    def _check_nothing_is_shared(self) -> None:
        if self.target_labels is None or self.validation is None:
            return
        learnt, scored = (frame_places(samples.dataset) for samples in (self.target_labels, self.validation))
        if shared := len(learnt & scored):
            raise FamdaError(
                f'{shared} of the {len(learnt)} labelled frames of data.target_labels are those of data.validate, too, '
                'and a score on frames that were learnt says nothing; validate on others'
            )

    @property
    def label_space(self) -> str:
        """Name of the source's label space."""
        space = self.source.dataset.label_space
        if space is None:
            raise FamdaError(f"'{self.source.dataset.path}' has no label space")
        return space.name

    def train_dataloader(self) -> dict[str, DataLoader]:
        """Return endless loaders of source batches and, with a target, of target batches and labelled ones of it.

        They begin with the step at which the trainer is.
        """
        rank, processes = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        places = Places(self.batch_size, rank, processes, self._batches_done)
        seed = run_seed() if self.seed is None else self.seed
        streams = {'source': self._source_stream(seed)}
        if self.target:
            streams['target'] = Stream(self.target, seed, TARGET, crop_size=self.crop)
        if self.target_labels:
            streams['target_labels'] = Stream(
                self.target_labels, seed, TARGET_LABELS, crop_size=self.crop, window=self._labelled_window
            )
        return {name: loader(stream, places, self.batch_size, self.workers) for name, stream in streams.items()}

    def _batches_done(self) -> int:
        return self.trainer.global_step * self.trainer.accumulate_grad_batches if self.trainer else 0

    def _source_stream(self, seed: int) -> Stream:
        options = self.rare_classes
        choose, least = None, 0.0
        if options is not None:
            choose = rare_choice(self.source.dataset, options)
            least = options.min_share_of_pixels * options.min_crop_ratio

        def window(generator: np.random.Generator, arrays: Arrays, wanted: int | None) -> tuple[int, int]:
            def accept(labels: np.ndarray) -> bool:
                return is_varied(labels, self.max_share) and (wanted is None or shows_class(labels, wanted, least))

            top, left = choose_crop(arrays['labels'], (self.crop[1], self.crop[0]), generator, accept)
            return left, top

        return Stream(self.source, seed, SOURCE, choose, self.crop, window)

    def _labelled_window(self, generator: np.random.Generator, arrays: Arrays, _: int | None) -> tuple[int, int]:
        """Return where a crop of a partly labelled frame begins: where something is labelled, if ten tries find it."""
        size = self.crop[1], self.crop[0]
        top, left = choose_crop(arrays['labels'], size, generator, lambda labels: bool((labels != IGNORE).any()))
        return left, top

    def val_dataloader(self) -> list[DataLoader]:
        """Return a loader over the frames to validate on, one by one; none without."""
        if self.validation is None:
            return []
        return [DataLoader(InOrder(self.validation), batch_size=1)]

    def target_images(self, count: int, batch_size: int = 8) -> list[torch.Tensor]:
        """Return up to ``count`` target images, evenly spaced, as float batches."""
        if self.target is None:
            raise FamdaError('normalisation statistics need target frames; give data.target')
        return spaced_images(self.target, count, batch_size)


def spaced_images(samples: Samples, count: int, batch_size: int = 8) -> list[torch.Tensor]:
    """Return up to ``count`` images, evenly spaced, as float [B, 3, H, W] batches of 0..1."""
    indices = np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int)
    images = torch.stack([to_tensors(samples[int(i)])['image'] for i in indices])
    return list(images.split(batch_size))


def partly_labelled(samples: Samples) -> str:
    """Return the sentence about frames that have no labels."""
    count, whole = len(samples), len(samples) + samples.left_out
    return f"note: {count} of {whole} frames of '{samples.dataset.path}' have labels; only these count"


def squeezed(samples: Samples) -> str:
    """Return the sentence about images of another shape than they are resized to; '' = they keep theirs."""
    width, height = samples.size
    changes = [frame.width / frame.height * height / width for frame in samples.dataset.frames]
    most = max((max(change, 1 / change) for change in changes), default=1.0)
    if most <= 1 + SHAPE_KEPT:
        return ''
    return (
        f"note: images of '{samples.dataset.path}' are squeezed to {100 / most:.0f} % in one direction, "
        f'where their size is {by(samples.size)}; give a size of their shape'
    )


def frame_places(dataset: Dataset) -> set[str]:
    """Return where the images of a data set lie; of images that are on no disk, how they are made."""
    paths = [dataset.image_path(index) for index in range(len(dataset))]
    frames = zip(paths, dataset.frames, strict=True)
    return {f'{dataset.path}/{frame.stem}' if path is None else str(path.resolve()) for path, frame in frames}


def by(size: tuple[int, int]) -> str:
    """Return (width, height) as text, for example 64x32."""
    return f'{size[0]}x{size[1]}'


def rare_choice(dataset: Dataset, options: RareClassSampling) -> Choose:
    """Return a chooser of (frame, rare class); reads all label maps once."""
    assert dataset.label_space is not None
    counts = count_classes(dataset, len(dataset.label_space))
    holds = frames_with_class(counts, options.min_share_of_pixels)
    probabilities = class_probabilities(class_shares(counts), np.any(holds, axis=0), options.temperature)
    return lambda generator: draw_frame(holds, probabilities, generator)
