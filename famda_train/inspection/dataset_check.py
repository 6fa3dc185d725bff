# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Check a data tree: what it holds, and what would go wrong in a training."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.exif import is_turned
from famda_train.datasets.catalogue import KINDS, detect_kind, open_dataset, what_is_missing
from famda_train.datasets.checks import (
    checked_image,
    checked_layer,
    depth_unit_fault,
    file_faults,
    median_depth,
    missing_files,
    nothing_known,
    sample_indices,
    says_something,
    several_sizes,
)
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.checks import store_fault
from famda_train.label_store.label_store import LabelStore

PIXELS_PER_FRAME = 5000
"""Depth values of a frame that go into the median."""
FOCAL_RATIO = 1.5
"""Focal lengths that differ more are not of one camera, unless it zooms."""
KINDS_CHECKED = ('labels', 'depth', 'instances')
EXAMPLES = 3
"""Problems of one sort that are listed in full; the others are counted."""

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
        kind: one of ``catalogue.KINDS``; auto = detected from the layout.

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
    missing, notes = missing_files(dataset, KINDS_CHECKED), []
    problems = [*missing, *_missing_folders(dataset, name)]
    faults = [] if missing else file_faults(dataset, KINDS_CHECKED)
    problems += _few_of_each(faults)
    sample = sample_indices(len(dataset), frames)
    reading = _Reading(dataset, known=faults)
    for index in track(sample, len(sample), name):
        reading.read(index)
    stores, store_problems = check_stores(dataset)
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
    recorded = sorted({f'{frame.width}x{frame.height}' for frame in dataset.frames})
    if dataset.ONE_SIZE and len(recorded) > 1:  # every other verb takes them, and a training that gives a size
        notes.append(several_sizes(recorded))
    problems += [*reading.problems(), *store_problems]
    notes += [*reading.notes(), *_notes(dataset)]
    return part, [f'{name}: {sentence}' for sentence in problems], [f'{name}: {sentence}' for sentence in notes]


def check_stores(dataset: Dataset) -> tuple[dict[str, int], list[str]]:
    """Return ({store: frames of this data set that it holds}, problems) of the teachers' outputs."""
    held, problems = {}, []
    for role, teacher in LabelStore.names(dataset.store):
        try:
            store = LabelStore.open(dataset.store, role, teacher)
        except FamdaError as error:
            problems.append(str(error))
            continue
        count = sum(frame.stem in store for frame in dataset.frames)
        held[store.path.name] = count
        # The parts of a published data set may share a store; none of its entries need be of this part.
        of_other_parts = count == 0 and store.entries and dataset.store != dataset.path
        fault = None if of_other_parts else store_fault(store, dataset)
        problems += [fault] if fault else []
    return held, problems


def _missing_folders(dataset: Dataset, name: str) -> list[str]:
    """Return problems: ground truth that the publisher's set has, and this copy has not."""
    wanted = (kind for kind in dataset.expected_ground_truth(name) if not dataset.has(kind))
    return [_no_folder(dataset, kind) for kind in wanted]


def _notes(dataset: Dataset) -> list[str]:
    """Return sentences about what is unusual but no fault: frames without ground truth, focal, camera file."""
    notes, count = [], len(dataset)
    for kind in KINDS_CHECKED:
        there = sum(dataset.has_at(kind, index) for index in range(count)) if dataset.has(kind) else 0
        if 0 < there < count and dataset.PARTLY_LABELLED:
            notes.append(f'{there} of {count} frames have {kind}; only these are scored and trained on')
        if there == count and (stray := dataset.stray_files(kind)):
            notes.append(f"{len(stray)} files of {kind} belong to no frame (the first: '{stray[0]}')")
    without = sum(frame.focal is None for frame in dataset.frames)
    if 0 < without < count:
        notes.append(f'{without} of {count} frames have no focal; their metres are those of the canonical focal')
    widths = [frame.focal / frame.width for frame in dataset.frames if frame.focal]
    if widths and max(widths) > FOCAL_RATIO * min(widths):
        notes.append(
            f'focal lengths from {min(widths):.2g} to {max(widths):.2g} widths of the image; where one camera took all '
            'frames, some of them are wrong'
        )
    cameras = [dataset.path / frame.extra['camera'] for frame in dataset.frames if 'camera' in frame.extra]
    absent = [camera for camera in cameras if not camera.is_file()]
    if absent:
        notes.append(
            f"{len(absent)} of {len(cameras)} frames have no camera file such as '{absent[0]}'; "
            'the usual focal length and baseline are taken'
        )
    return notes


def _no_folder(dataset: Dataset, kind: str) -> str:
    expected = dataset.frames[0].extra.get(kind)
    if isinstance(expected, str):
        where = f"the folder of '{dataset.path / expected}' is missing"
    else:
        where = f"'{dataset.path}' has none"
    return f'no {kind}, {where}; unpack it there (an unlabelled target domain needs none)'


def _few_of_each(sentences: list[str]) -> list[str]:
    """Return the first few sentences and how many more there are."""
    more = len(sentences) - EXAMPLES
    return sentences[:EXAMPLES] + ([f'{more} more files of this sort; do the same with them'] if more > 0 else [])


class _Reading:
    """Reads frames of one data set, adds up statistics and collects what goes wrong.

    Args:
        dataset: that is read.
        known: problems that are reported already and are not repeated.
    """

    def __init__(self, dataset: Dataset, known: Sequence[str] = ()):
        self.dataset, self.sizes, self._known = dataset, set[str](), set(known)
        self._faults: dict[str, list[str]] = {}
        self._silent: dict[str, list[str]] = {'labels': [], 'depth': []}
        self._read: Counter[str] = Counter()
        self._smaller: list[str] = []
        self._turned: list[Path] = []
        self._ids: Counter[int] = Counter()
        self._depth: list[np.ndarray] = []
        self._medians: list[float | None] = []
        self._unknown, self._beyond, self._pixels = 0, 0, 0
        self._range = [np.inf, -np.inf]

    def read(self, index: int) -> None:
        frame, path = self.dataset.frames[index], self.dataset.image_path(index)
        if path is not None and not path.is_file():
            return  # reported already, for all frames
        image = self._try('images cannot be read', lambda: checked_image(self.dataset, index, whole=True))
        if image is None:
            return
        if path is not None and is_turned(path):
            self._turned.append(path)
        self.sizes.add(f'{image.shape[1]}x{image.shape[0]}')
        if self.dataset.ONE_SIZE and image.shape[:2] != (frame.height, frame.width):
            self._smaller.append(frame.stem)
        for kind, take in (('labels', self._take_labels), ('depth', self._take_depth)):
            if not self.dataset.has_at(kind, index):
                continue
            read = partial(checked_layer, self.dataset, kind, index, image)
            array = self._try(f'{kind} cannot be read', read)
            if array is not None:
                self._read[kind] += 1
                take(array)
                if not says_something(kind, array):
                    self._silent[kind].append(frame.stem)

    def problems(self) -> list[str]:
        """Return the sentences, few of each sort."""
        shown = []
        for sort, sentences in self._faults.items():
            shown += sentences[:EXAMPLES]
            if len(sentences) > EXAMPLES:
                shown.append(f'{sort}: {len(sentences) - EXAMPLES} more frames; do the same with them')
        for kind, stems in self._silent.items():
            if stems and len(stems) == self._read[kind]:
                shown.append(nothing_known(self.dataset, kind))
        return [*shown, *filter(None, [depth_unit_fault(self.dataset, self._medians)])]

    def notes(self) -> list[str]:
        """Return what is unusual but no fault."""
        notes = []
        for kind, stems in self._silent.items():
            if 0 < len(stems) < self._read[kind]:
                what = 'nothing is labelled' if kind == 'labels' else 'no depth is known'
                notes.append(f"{what} in {len(stems)} of the frames that were read (the first: '{stems[0]}')")
        if self._turned:
            notes.append(
                f'{len(self._turned)} of the images that were read say by EXIF that they are to be turned or mirrored '
                f"(the first: '{self._turned[0]}'); they are taken as they are stored"
            )
        if self._smaller:
            notes.append(
                f'{len(self._smaller)} of the images that were read are larger or smaller than their records say '
                f"(the first: '{self._smaller[0]}'); their focal is scaled with them"
            )
        return notes

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

    def _try(self, sort: str, read: Callable[[], np.ndarray]) -> np.ndarray | None:
        try:
            return read()
        except FamdaError as error:
            self._fault(sort, str(error))
            return None

    def _take_labels(self, labels: np.ndarray) -> None:
        ids, counts = np.unique(labels, return_counts=True)
        self._ids.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))

    def _take_depth(self, depth: np.ndarray) -> None:
        known = depth[np.isfinite(depth)]
        self._medians.append(median_depth(depth))
        self._pixels += depth.size
        self._unknown += int(np.isnan(depth).sum())
        self._beyond += int(np.isposinf(depth).sum())
        self._depth.append(known[:: max(1, len(known) // PIXELS_PER_FRAME)])
        if len(known):
            self._range = [min(self._range[0], known.min()), max(self._range[1], known.max())]

    def _fault(self, sort: str, sentence: str) -> None:
        if sentence not in self._known:
            self._faults.setdefault(sort, []).append(sentence)
