# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frame folders as PyTorch datasets, and the data module of adaptation."""
from __future__ import annotations

from pathlib import Path

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from famda_ros.errors import FamdaError
from famda_train.data.frame_folder import FrameFolder
from famda_train.data.label_store import LabelStore

Sample = dict[str, torch.Tensor]


class Frames(Dataset):
    """Samples of a frame folder, read once and kept in memory.

    Keys of a sample: ``image`` float32 [3, H, W] in 0..1; with ``truth`` also
    ``labels`` uint8 [H, W] and ``depth`` float32 [H, W]; with a mask teacher
    ``segments`` int32 [H, W]; with a depth teacher ``teacher_depth`` float32 [H, W]
    (metres, or disparity of unknown scale, see ``depth_kind``).

    All metres are those of one canonical focal length, so that frames of cameras
    with different focal lengths can train one student.

    Args:
        path: frame folder.
        focal: canonical focal in pixels at image resolution; None = the folder's own.
        truth: read labels and depth.
        masks, depth: names of teachers whose outputs are read from the label store.
    """

    def __init__(
        self,
        path: str | Path,
        focal: float | None = None,
        truth: bool = False,
        masks: str | None = None,
        depth: str | None = None,
    ):
        self.folder = FrameFolder(path)
        if not len(self.folder):
            raise FamdaError(f"'{path}' holds no frames")
        sizes = {(frame.width, frame.height) for frame in self.folder.frames}
        if len(sizes) > 1:
            raise FamdaError(f"'{path}' mixes images of {len(sizes)} sizes; training needs one")
        if truth and not (self.folder.has('labels') and self.folder.has('depth')):
            raise FamdaError(f"'{path}' has no labels/ and depth/; a source domain needs both")
        self.focal = focal or self.folder.frames[0].focal
        self._truth = truth
        self._masks = LabelStore.open(path, 'masks', masks) if masks else None
        self._depth = LabelStore.open(path, 'depth', depth) if depth else None
        self._samples: dict[int, dict[str, np.ndarray]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the images in pixels."""
        return self.folder.frames[0].width, self.folder.frames[0].height

    @property
    def depth_kind(self) -> str | None:
        """``depth`` (metres), ``disparity`` (affine-invariant) or None (no depth teacher)."""
        return self._depth.kind if self._depth else None

    @property
    def teacher_identities(self) -> dict[str, dict]:
        """Identity of the mask and depth teacher that take part, by role."""
        return {s.identity['kind']: s.identity for s in (self._masks, self._depth) if s}

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> Sample:
        if index not in self._samples:
            self._samples[index] = self._read(index)
        arrays = self._samples[index]
        sample = {key: torch.from_numpy(value) for key, value in arrays.items()}
        sample['image'] = sample['image'].permute(2, 0, 1).float() / 255
        return sample

    def _read(self, index: int) -> dict[str, np.ndarray]:
        frame = self.folder.frames[index]
        # Metres of this camera -> metres of the canonical camera.
        canonical = self.focal / frame.focal if self.focal and frame.focal else 1.0
        arrays = {'image': self.folder.image(index)}
        if self._truth:
            arrays['labels'] = self.folder.labels(index)
            arrays['depth'] = self.folder.depth(index) * np.float32(canonical)
        if self._masks:
            arrays['segments'] = self._masks.read_segments(frame.stem).astype(np.int32)
        if self._depth:
            scale = canonical if self._depth.kind == 'depth' else 1.0
            arrays['teacher_depth'] = self._depth.read_depth(frame.stem) * np.float32(scale)
        return arrays


class AdaptationData(lightning.LightningDataModule):
    """Labelled source frames and unlabelled target frames.

    Args:
        source: frame folder with labels and depth.
        target: frame folder; its ground truth, if any, is never read.
        masks: mask teacher of the target's label store; None = no refinement.
        depth: depth teacher of the target's label store; None = no depth supervision.
        batch_size: source frames per step, and as many target frames.
        focal: canonical focal in pixels at image resolution; None = the source's.
    """

    def __init__(
        self,
        source: str,
        target: str | None = None,
        masks: str | None = None,
        depth: str | None = None,
        batch_size: int = 4,
        focal: float | None = None,
    ):
        super().__init__()
        self.source = Frames(source, focal, truth=True)
        self.target = Frames(target, self.source.focal, masks=masks, depth=depth) if target else None
        if self.target and self.target.size != self.source.size:
            raise FamdaError(
                f"'{source}' has images of {self.source.size} pixels and '{target}' of {self.target.size}; "
                'bring them to one size'
            )
        self.batch_size = batch_size

    @property
    def label_space(self) -> str:
        """Name of the source's label space."""
        return self.source.folder.info['label_space']

    def train_dataloader(self):
        """Return an endless loader of source batches, or of (source, target) pairs."""
        source = self._endless(self.source)
        return {'source': source, 'target': self._endless(self.target)} if self.target else {'source': source}

    def target_images(self, count: int, batch_size: int = 8) -> list[torch.Tensor]:
        """Return up to ``count`` target images, evenly spaced, as float batches."""
        if self.target is None:
            raise FamdaError('normalisation statistics need target frames; give data.target')
        indices = np.linspace(0, len(self.target) - 1, min(count, len(self.target))).astype(int)
        images = torch.stack([self.target[i]['image'] for i in indices])
        return list(images.split(batch_size))

    def _endless(self, frames: Frames) -> DataLoader:
        # Steps, not epochs, end a run: one epoch is longer than any run.
        sampler = RandomSampler(frames, replacement=True, num_samples=10**9)
        return DataLoader(frames, self.batch_size, sampler=sampler, drop_last=True)
