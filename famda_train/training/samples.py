# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a data set as training samples: resized, in canonical metres, with teacher outputs."""
from __future__ import annotations

import hashlib
from collections import OrderedDict

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_ros.messages.frame_index import focal_at, focal_fault
from famda_train.datasets.checks import (
    check_files,
    check_ground_truth,
    check_images,
    check_one_size,
    check_view,
    checked_image,
    checked_layer,
    stray_fault,
)
from famda_train.datasets.dataset import Dataset, FrameSelection
from famda_train.label_store.checks import check_store_of
from famda_train.label_store.label_store import LabelStore

Arrays = dict[str, np.ndarray]


class Samples:
    """Samples of a data set, kept in memory as far as they fit.

    Keys of a sample: ``image`` uint8 [H, W, 3]; with ``ground_truth`` also ``labels`` uint8 [H, W]
    and ``depth`` float32 [H, W]; with a mask teacher ``segments`` int32 [H, W]; with a depth
    teacher ``teacher_depth`` (metres) or ``teacher_disparity`` (unknown scale and shift),
    float32 [H, W], and where asked for ``teacher_reliability`` float32 [H, W] in 0..1; and
    scalars float32: ``focal`` (fx of this camera, pixels at this size), ``canonical_focal``,
    ``centre`` [2] (principal point x, y; the middle of the image).

    All metres are those of one canonical focal length, so that frames of cameras with
    different focal lengths can train one student.  A data set that does not know its focal
    length is taken to have the canonical one.

    Args:
        dataset: images, with ground truth where ``ground_truth`` is asked for.
        size: (width, height) in pixels that images are resized to; None = as they are.
        focal: canonical focal in pixels at ``size``; None = the first that is known of the frames.
        ground_truth: read labels and depth.
        masks, depth: names of teachers whose outputs are read from the label store.
        reliability: read the reliability of the depth teacher's pixels from its store, too.
        cache_gb: memory for samples that were read already, 10^9 bytes.

    Frames without labels are left out where ``ground_truth`` is asked for.

    Attributes:
        dataset: the frames that are read.
        left_out: how many frames have no labels.
        size: (width, height) of samples in pixels.
        focal: canonical focal in pixels at ``size``; None = unknown.

    Raises:
        FamdaError: whatever ``famda doctor`` calls a problem: missing files, shapes that differ, nothing labelled, a
            store that is incomplete or was made from other images.
    """

    def __init__(
        self,
        dataset: Dataset,
        size: tuple[int, int] | None = None,
        focal: float | None = None,
        ground_truth: bool = False,
        masks: str | None = None,
        depth: str | None = None,
        reliability: bool = False,
        cache_gb: float = 4.0,
    ):
        whole, dataset = len(dataset), labelled_part(dataset) if ground_truth else dataset
        self.left_out = whole - len(dataset)
        check_files(dataset, ('labels', 'depth') if ground_truth else ())
        check_images(dataset)
        if size is None:
            check_one_size(dataset)
        self.dataset = dataset
        first = dataset.frames[0]
        width, height = size or (first.width, first.height)
        self.size: tuple[int, int] = (int(width), int(height))
        if focal is not None and (fault := focal_fault(focal, self.size[0])):
            raise FamdaError(f'data.focal: {fault}')
        known = (focal_at(frame, self.size[0]) for frame in dataset.frames)
        self.focal = focal if focal is not None else next(filter(None, known), None)
        self._ground_truth = ground_truth
        self._masks = complete_store(dataset, 'masks', masks) if masks else None
        self._depth = complete_store(dataset, 'depth', depth) if depth else None
        self.reliability = reliability and self._depth is not None
        self._cache: OrderedDict[int, Arrays] = OrderedDict()
        self._room = cache_gb * 1e9

    @property
    def teacher_identities(self) -> dict[str, dict]:
        """Identity of the mask and depth teacher that take part, by role."""
        return {role: s.identity for role, s in (('masks', self._masks), ('depth', self._depth)) if s is not None}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Arrays:
        if index in self._cache:
            return self._cache[index]
        arrays = self._read(index)
        size = sum(array.nbytes for array in arrays.values())
        if size <= self._room:
            self._room -= size
            self._cache[index] = arrays
        return arrays

    def _read(self, index: int) -> Arrays:
        frame = self.dataset.frames[index]
        image = checked_image(self.dataset, index)
        focal = focal_at(frame, self.size[0]) or self.focal or float(self.size[0])
        canonical = self.focal or focal
        to_canonical = np.float32(canonical / focal)
        width, height = self.size
        arrays = {
            'image': resize(image, self.size, cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR),
            'focal': np.float32(focal),
            'canonical_focal': np.float32(canonical),
            'centre': np.array([(width - 1) / 2, (height - 1) / 2], np.float32),
        }
        if self._ground_truth:
            arrays['labels'] = resize(checked_layer(self.dataset, 'labels', index, image), self.size)
            if self.dataset.has_at('depth', index):
                depth = checked_layer(self.dataset, 'depth', index, image)
                arrays['depth'] = resize(depth, self.size) * to_canonical
            else:
                arrays['depth'] = np.full((height, width), np.nan, np.float32)
        if self._masks is not None:
            segments = self._masks.read_segments(frame.stem)
            check_view(segments, image, 'segments', self._masks.picture_path(frame.stem))
            arrays['segments'] = resize(segments, self.size).astype(np.int32)
        if self._depth is not None:
            values = self._depth.read_depth(frame.stem)
            check_view(values, image, 'values', self._depth.picture_path(frame.stem))
            values = resize(values, self.size)
            metric = self._depth.kind == 'depth'
            arrays['teacher_depth' if metric else 'teacher_disparity'] = values * to_canonical if metric else values
            if self.reliability:
                arrays['teacher_reliability'] = resize(self._read_reliability(self._depth, frame.stem), self.size)
        return {key: np.asarray(value) for key, value in arrays.items()}

    @staticmethod
    def _read_reliability(store: LabelStore, stem: str) -> np.ndarray:
        values = store.read_reliability(stem)
        if values is None:
            raise FamdaError(
                f"'{store.path}' holds no reliability for frame {stem}; label again with --depth-options.reliability "
                'mirror and --depth-options.name NAME, or leave out data.reliability'
            )
        return values


def labelled_part(dataset: Dataset) -> Dataset:
    """Return the frames that have labels: the data set itself, or a selection of it.

    Raises:
        FamdaError: there are none, or no pixel of them is labelled.
    """
    dataset.require()
    if fault := stray_fault(dataset, 'labels'):
        raise FamdaError(fault)
    if not dataset.has('labels'):
        raise FamdaError(f"'{dataset.path}' has no labels; training and validation need them")
    if dataset.PARTLY_LABELLED:
        labelled = [index for index in range(len(dataset)) if dataset.has_at('labels', index)]
        dataset = dataset if len(labelled) == len(dataset) else FrameSelection(dataset, labelled)
    for kind in ('labels', 'depth'):
        if dataset.has(kind):
            check_ground_truth(dataset, kind)
    return dataset


def labels_digest(dataset: Dataset) -> str:
    """Return a SHA-256 of which frames a data set has, and of the files of their labels."""
    digest = hashlib.sha256()
    for index, frame in enumerate(dataset.frames):
        path = dataset.ground_truth_path('labels', index)
        digest.update(f'{frame.stem} {path and sha256_of(path)}\n'.encode())
    return digest.hexdigest()


def complete_store(dataset: Dataset, role: str, name: str) -> LabelStore:
    """Open a store that holds every frame of a data set.

    Raises:
        FamdaError: there is none, or it is incomplete or made from other images.
    """
    store = LabelStore.open(dataset.store, role, name)
    check_store_of(store, dataset)
    return store


def resize(array: np.ndarray, size: tuple[int, int], interpolation: int = cv2.INTER_NEAREST_EXACT) -> np.ndarray:
    """Resize [H, W] or [H, W, C] to (width, height); the nearest pixel unless given another interpolation."""
    if (array.shape[1], array.shape[0]) == tuple(size):
        return array
    return cv2.resize(array, tuple(size), interpolation=interpolation)


def crop(arrays: Arrays, x: int, y: int, size: tuple[int, int]) -> Arrays:
    """Cut (width, height) pixels out of every array of a sample, from column x and row y on."""
    width, height = size
    cut = {k: v[y : y + height, x : x + width] if v.ndim >= 2 else v for k, v in arrays.items()}
    return {**cut, 'centre': arrays['centre'] - np.array([x, y], np.float32)}
