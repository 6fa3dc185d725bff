# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Check every entry of a label store against its pictures and the frames."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from famda_ros.errors import FamdaError
from famda_train.datasets.checks import header_size
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.frame_folder import read_png
from famda_train.label_store.checks import checksum_fault, stale_frames
from famda_train.label_store.label_store import LabelStore, values_fault

Track = Callable[[Iterable[Any], int], Iterable[Any]]
OWN_FILES = {'teacher.json', 'index.jsonl'}


def check_store(dataset: Dataset, role: str, name: str, track: Track) -> dict[str, Any]:
    """Read all entries of a store; take those that are broken out of its index.

    Args:
        dataset: the frames.
        role, name: of the store.
        track: wraps an iterable of a known length, for a progress bar.

    Returns:
        JSON values: ``store`` (its folder), ``entries`` (whole ones), ``broken`` (``stem`` and ``reason`` each; now
        dropped), ``missing`` (frames without an entry, the broken ones among them), ``orphans`` (files that belong to
        no entry and no frame) and ``mb_per_1000_frames``.

    Raises:
        FamdaError: there is no such store, or somebody writes to it.
    """
    store = LabelStore.open(dataset.store, role, name, lenient=True)
    with store.locked():
        broken = [{'stem': None, 'reason': f'line {number} of the index is damaged'} for number in store.damaged_lines]
        sizes = {frame.stem: index for index, frame in enumerate(dataset.frames)}

        def reason(stem: str) -> str | None:
            size = _image_size(dataset, sizes[stem]) if stem in sizes else None
            wrong = what_is_wrong(store, role, stem, size)
            if wrong is None and stem in sizes and stale_frames(store, dataset, [sizes[stem]]):
                wrong = 'its image is not the one that was labelled'
            return wrong

        with ThreadPoolExecutor() as pool:  # decoding lets other threads run
            stems = list(store.entries)
            for stem, wrong in zip(stems, track(pool.map(reason, stems), len(stems)), strict=True):
                if wrong:
                    broken.append({'stem': stem, 'reason': wrong})
        if broken:
            store.drop(entry['stem'] for entry in broken if entry['stem'] is not None)
    return {
        'store': str(store.path),
        'entries': len(store.entries),
        'broken': broken,
        'missing': len(store.missing(frame.stem for frame in dataset.frames)),
        'orphans': orphans(store, sizes),
        'mb_per_1000_frames': store.mb_per_1000_frames(),
    }


def what_is_wrong(store: LabelStore, role: str, stem: str, size: tuple[int, int] | None) -> str | None:
    """Return in words what is wrong with an entry; None = nothing.

    Args:
        store: that has the entry.
        role: ``masks`` or ``depth``.
        stem: of the frame.
        size: (width, height) of its image; None = not known.
    """
    entry = store.entries[stem]
    pictures: list[tuple[Path, type[np.generic]]] = [(store.picture_path(stem), np.uint16)]
    if entry.get('reliability'):
        pictures.append((store.reliability_path(stem), np.uint8))
    for path, dtype in pictures:
        if wrong := _wrong_picture(path, dtype, size):
            return wrong
    if wrong := values_fault(entry, role) if role == 'depth' else _wrong_masks(entry, store.picture_path(stem)):
        return wrong
    return checksum_fault(store, stem)


def orphans(store: LabelStore, stems: Iterable[str]) -> list[str]:
    """Return the names of files that belong to no entry and that labelling would not write again, sorted.

    Args:
        store: that has the files.
        stems: of the frames.
    """
    known = OWN_FILES.union(*(store.files(stem) for stem in store.entries))
    for stem in stems:
        if stem not in store:
            known |= {store.picture_path(stem).name, store.reliability_path(stem).name}
    return sorted(file.name for file in store.path.iterdir() if file.name not in known)


def _wrong_picture(path: Path, dtype: type[np.generic], size: tuple[int, int] | None) -> str | None:
    if not path.is_file():
        return f"'{path.name}' is gone"
    try:
        with Image.open(path) as image:
            image.verify()  # the checksums, which the reader does not look at
        array = read_png(path)
    except (FamdaError, OSError, SyntaxError):  # Pillow reports some damaged PNG files as SyntaxError
        return f"'{path.name}' is damaged"
    if array.ndim != 2 or array.dtype != dtype:
        return f"'{path.name}' is no {np.dtype(dtype)} picture of one channel"
    height, width = array.shape
    if size is not None and (width, height) != size:
        return f"'{path.name}' has {width}x{height} pixels, its image {size[0]}x{size[1]}"
    return None


def _wrong_masks(entry: Mapping[str, Any], picture: Path) -> str | None:
    recorded, highest = entry.get('masks'), int(read_png(picture).max(initial=0))
    return None if recorded == highest else f'the index says {recorded} masks, the picture has {highest}'


def _image_size(dataset: Dataset, index: int) -> tuple[int, int] | None:
    frame = dataset.frames[index]
    if not dataset.path.is_dir():  # rendered, not read
        return frame.width, frame.height
    try:
        return header_size(dataset.path / frame.image)
    except FamdaError:
        return None  # famda doctor reports images
