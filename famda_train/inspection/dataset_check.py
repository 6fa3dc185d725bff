# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Check a data tree: what it holds, and what would go wrong in a training."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.datasets.catalogue import KINDS, detect_kind, open_dataset, what_is_missing
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.label_store import LabelStore

PIXELS_PER_FRAME = 5000
"""Depth values of a frame that go into the median."""
EXAMPLES = 3
"""Problems of one sort that are told in full; the others are counted."""

Track = Callable[[Iterable[int], int, str], Iterable[int]]
"""(what to go through, how many, description) → the same, with a progress bar."""


def silent(items: Iterable[int], total: int, description: str) -> Iterable[int]:
    """Track nothing."""
    return items


def check_data(path: str | Path, frames: int = 50, track: Track = silent, kind: str = 'auto') -> dict[str, Any]:
    """Look through a data tree.

    Whether files are there is checked for every frame, what is in them for a sample.

    Args:
        path: root of a data set.
        frames: evenly spaced frames that are read per split; 0 = all.
        track: draws a progress bar.
        kind: one of ``catalogue.KINDS``; auto = told by the layout.

    Returns:
        JSON values: ``path``, ``kind`` (None = not recognised), ``licence``, ``splits`` (name → counts and
        statistics, see :func:`check_part`), ``problems`` and ``notes`` (sentences).  Nothing is wrong where
        ``problems`` is empty.
    """
    result: dict[str, Any] = {'path': str(path), 'kind': None, 'splits': {}, 'problems': [], 'notes': []}
    try:
        result['kind'] = detect_kind(path) if kind == 'auto' else kind
        parts = KINDS[result['kind']].parts(path)
    except FamdaError as error:
        result['problems'].append(str(error))
        return result
    if not parts:
        reason = what_is_missing(Path(path)) or f"'{path}' has no split of {result['kind']} that can be read"
        result['problems'].append(f'{reason}; see docs/datasets.md for the layout')
    for name, options in parts.items():
        try:
            dataset = open_dataset(path, result['kind'], **options)
        except FamdaError as error:
            result['problems'].append(str(error))
            continue
        result['licence'] = dataset.info.get('licence')
        part, problems, notes = check_part(dataset, name, frames, track)
        result['splits'][name] = part
        result['problems'] += problems
        result['notes'] += notes
    return result


def check_part(
    dataset: Dataset, name: str, frames: int = 50, track: Track = silent
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Check one split.

    Args:
        dataset: the split.
        name: what to call it.
        frames: how many to read; 0 = all.
        track: draws a progress bar.

    Returns:
        (statistics, problems, notes).  Statistics: ``frames``, ``expected`` (of the publisher's whole set, None = any
        number), ``checked``, ``sizes`` (list of 'WxH'), ``focal`` ([least, greatest] in pixels, None = unknown),
        ``labels`` (``label_space``, ``percent`` per class, ``ignored`` percent), ``depth`` (``min``, ``median``,
        ``max`` in metres, ``unknown`` and ``beyond_range`` percent), ``stores`` (name → entries).
    """
    if not len(dataset):
        return {'frames': 0}, [f"{name}: '{dataset.path}' holds no frames; copy or write them again"], []
    problems, notes = _missing_files(dataset, name)
    sample = sample_indices(len(dataset), frames)
    reading = _Reading(dataset)
    for index in track(sample, len(sample), name):
        reading.read(index)
    stores, store_problems = check_stores(dataset, name)
    focals = [frame.focal for frame in dataset.frames if frame.focal]
    sizes = sorted(reading.sizes)
    part = {
        'frames': len(dataset),
        'expected': dataset.expected_frames(name),
        'checked': len(sample),
        'sizes': sizes,
        'focal': [min(focals), max(focals)] if focals else None,
        'labels': reading.label_statistics(),
        'depth': reading.depth_statistics(),
        'stores': stores,
    }
    if dataset.ONE_SIZE and len(sizes) > 1:
        problems.append(f'{name}: images of {len(sizes)} sizes ({", ".join(sizes)}); bring them to one')
    problems += [f'{name}: {sentence}' for sentence in reading.problems()] + store_problems
    return part, problems, notes


def sample_indices(count: int, frames: int) -> list[int]:
    """Return evenly spaced indices, first and last among them; 0 = all."""
    if frames < 0:
        raise FamdaError(f'--frames must be 0 (all) or more, not {frames}')
    if frames == 0 or frames >= count:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, frames).round().astype(int)).tolist()


def check_stores(dataset: Dataset, name: str) -> tuple[dict[str, int], list[str]]:
    """Return ({store: frames of this data set that it holds}, problems) of the teachers' outputs."""
    held, problems = {}, []
    for card in sorted((dataset.store / 'teachers').glob('*/teacher.json')):
        role, _, teacher = card.parent.name.partition('-')
        try:
            store = LabelStore.open(dataset.store, role, teacher)
            count = sum(frame.stem in store for frame in dataset.frames)
        except (FamdaError, ValueError, KeyError, TypeError, OSError) as error:
            problems.append(f"{name}: '{card.parent}' is damaged ({error}); delete it and run famda label again")
            continue
        held[card.parent.name] = count
        if 0 < count < len(dataset):
            problems.append(
                f"{name}: '{card.parent}' holds {count} of {len(dataset)} frames; run famda label again to complete it"
            )
    return held, problems


def _missing_files(dataset: Dataset, name: str) -> tuple[list[str], list[str]]:
    """Return (problems, notes) about missing images, missing ground truth and cameras without their file."""
    problems, notes = [], []
    if dataset.path.is_dir():
        images = [dataset.path / frame.image for frame in dataset.frames]
        gone = [image for image in images if not image.is_file()]
        if gone:
            problems.append(f"{name}: {len(gone)} images are missing (the first: '{gone[0]}'); copy them again")
    for kind in ('labels', 'depth', 'instances'):
        if not dataset.has(kind):
            if kind in dataset.expected_ground_truth(name):
                problems.append(_no_folder(dataset, name, kind))
            continue
        paths = [dataset.ground_truth_path(kind, index) for index in range(len(dataset))]
        missing = [path for path in paths if path is not None and not path.is_file()]
        if missing:
            problems.append(
                f"{name}: {len(missing)} of {len(dataset)} images have no {kind} (the first: '{missing[0]}'); "
                'copy the missing files or remove these images'
            )
    cameras = [dataset.path / frame.extra['camera'] for frame in dataset.frames if 'camera' in frame.extra]
    absent = [camera for camera in cameras if not camera.is_file()]
    if absent:
        notes.append(
            f"{name}: {len(absent)} of {len(cameras)} frames have no camera file such as '{absent[0]}'; "
            'the usual focal length and baseline are taken'
        )
    return problems, notes


def _no_folder(dataset: Dataset, name: str, kind: str) -> str:
    expected = dataset.frames[0].extra.get(kind)
    if isinstance(expected, str):
        where = f"the folder of '{dataset.path / expected}' is missing"
    else:
        where = f"'{dataset.path}' has none"
    return f'{name}: no {kind}, {where}; unpack it there (an unlabelled target domain needs none)'


class _Reading:
    """Reads frames of one data set, adds up statistics and collects what goes wrong."""

    def __init__(self, dataset: Dataset):
        self.dataset, self.sizes = dataset, set[str]()
        self._faults: dict[str, list[str]] = {}
        self._ids: Counter[int] = Counter()
        self._depth: list[np.ndarray] = []
        self._unknown, self._beyond, self._pixels = 0, 0, 0
        self._range = [np.inf, -np.inf]

    def read(self, index: int) -> None:
        path = self.dataset.path / self.dataset.frames[index].image
        there = path.is_file() or not self.dataset.path.is_dir()
        image = self._try('images cannot be read', index, self.dataset.whole_image) if there else None
        if image is not None:
            self.sizes.add(f'{image.shape[1]}x{image.shape[0]}')
        for kind, take in (('labels', self._take_labels), ('depth', self._take_depth)):
            if not self.dataset.has(kind):
                continue
            ground_truth = self.dataset.ground_truth_path(kind, index)
            if ground_truth is not None and not ground_truth.is_file():
                continue  # told already, for all frames
            array = self._try(f'{kind} cannot be read', index, getattr(self.dataset, kind))
            if array is not None:
                self._compare(kind, index, image, array)
                take(index, array)

    def problems(self) -> list[str]:
        """Return the sentences, few of each sort."""
        told = []
        for sort, sentences in self._faults.items():
            told += sentences[:EXAMPLES]
            if len(sentences) > EXAMPLES:
                told.append(f'{sort}: {len(sentences) - EXAMPLES} more frames; do the same with them')
        return told

    def label_statistics(self) -> dict[str, Any] | None:
        space, total = self.dataset.label_space, sum(self._ids.values())
        if space is None or not total:
            return None
        percent = {c: round(100 * self._ids[i] / total, 3) for i, c in enumerate(space.classes)}
        return {
            'label_space': space.name,
            'percent': percent,
            'ignored': round(100 * (total - sum(self._ids[i] for i in range(len(space)))) / total, 3),
        }

    def depth_statistics(self) -> dict[str, Any] | None:
        if not self._pixels:
            return None
        known = np.concatenate(self._depth)
        return {
            'min': float(self._range[0]) if len(known) else None,
            'median': float(np.median(known)) if len(known) else None,
            'max': float(self._range[1]) if len(known) else None,
            'unknown': round(100 * self._unknown / self._pixels, 3),
            'beyond_range': round(100 * self._beyond / self._pixels, 3),
        }

    def _try(self, sort: str, index: int, function: Callable[[int], np.ndarray]) -> np.ndarray | None:
        try:
            return function(index)
        except FamdaError as error:
            sentence = str(error)
            self._fault(sort, sentence if ';' in sentence else f'{sentence}; copy the file again')
            return None

    def _compare(self, kind: str, index: int, image: np.ndarray | None, array: np.ndarray) -> None:
        if image is not None and array.shape != image.shape[:2]:
            self._fault(
                f'{kind} of another size',
                f"{kind} of frame '{self.dataset.frames[index].stem}' are {_size(array)} pixels but its image is "
                f'{_size(image)}; take both from one version of the data set',
            )

    def _take_labels(self, index: int, labels: np.ndarray) -> None:
        ids, counts = np.unique(labels, return_counts=True)
        self._ids.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))
        stem = self.dataset.frames[index].stem
        unknown = self.dataset.unknown_ids(index)
        if unknown:
            what = 'an id or colour' if unknown == [IGNORE] else f'ids {", ".join(map(str, unknown))}'
            self._fault(
                'unknown ids',
                f"labels of frame '{stem}' hold {what} that this data set does not define; "
                'take its original label images',
            )
        elif (labels == IGNORE).all():
            self._fault('nothing labelled', f"labels of frame '{stem}' are ignored everywhere; take other label images")

    def _take_depth(self, index: int, depth: np.ndarray) -> None:
        known = depth[np.isfinite(depth)]
        self._pixels += depth.size
        self._unknown += int(np.isnan(depth).sum())
        self._beyond += int(np.isposinf(depth).sum())
        self._depth.append(known[:: max(1, len(known) // PIXELS_PER_FRAME)])
        if len(known):
            self._range = [min(self._range[0], known.min()), max(self._range[1], known.max())]
        else:
            stem = self.dataset.frames[index].stem
            self._fault('no depth', f"depth of frame '{stem}' is unknown everywhere; copy the file again")

    def _fault(self, sort: str, sentence: str) -> None:
        self._faults.setdefault(sort, []).append(sentence)


def _size(array: np.ndarray) -> str:
    return f'{array.shape[1]}x{array.shape[0]}'
