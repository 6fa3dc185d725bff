# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Check every entry of a label store against its pictures and the frames."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from PIL import Image

from famda_ros.errors import FamdaError
from famda_train.data.dataset import Dataset
from famda_train.data.frame_folder import read_values
from famda_train.data.label_store import LabelStore
from famda_train.data.tree import header_size

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
        no entry) and ``mb_per_1000_frames``.

    Raises:
        FamdaError: there is no such store, or somebody writes to it.
    """
    store = LabelStore.open(dataset.store, role, name, lenient=True)
    with store.locked():
        broken = [{'stem': None, 'reason': f'line {number} of the index is damaged'} for number in store.damaged_lines]
        sizes = {frame.stem: index for index, frame in enumerate(dataset.frames)}

        def reason(stem: str) -> str | None:
            size = _image_size(dataset, sizes[stem]) if stem in sizes else None
            return what_is_wrong(store, role, stem, size)

        with ThreadPoolExecutor() as pool:  # decoding lets other threads go on
            stems = list(store.entries)
            for stem, wrong in zip(stems, track(pool.map(reason, stems), len(stems)), strict=True):
                if wrong:
                    broken.append({'stem': stem, 'reason': wrong})
        if broken:
            store.drop(entry['stem'] for entry in broken if entry['stem'] is not None)
    return {
        'store': str(store.path),
        'entries': len(store),
        'broken': broken,
        'missing': len(store.missing(frame.stem for frame in dataset.frames)),
        'orphans': orphans(store),
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
    if role == 'depth':
        return _wrong_scale(entry)
    highest = int(read_values(store.picture_path(stem), np.uint16).max(initial=0))
    if entry.get('masks') != highest:
        return f'the index says {entry.get("masks")} masks, the picture has {highest}'
    return None


def orphans(store: LabelStore) -> list[str]:
    """Return the names of files that belong to no entry, sorted."""
    known = set(OWN_FILES)
    for stem, entry in store.entries.items():
        known.add(store.picture_path(stem).name)
        if entry.get('reliability'):
            known.add(store.reliability_path(stem).name)
    return sorted(file.name for file in store.path.iterdir() if file.name not in known)


def _wrong_picture(path: Path, dtype: type[np.generic], size: tuple[int, int] | None) -> str | None:
    if not path.is_file():
        return f"'{path.name}' is gone"
    try:
        with Image.open(path) as image:
            image.verify()  # the checksums, which the reader does not look at
        array = read_values(path, dtype)
    except (FamdaError, OSError, SyntaxError) as error:  # Pillow reports some damaged PNG files as SyntaxError
        wrong_kind = isinstance(error, FamdaError) and ' channels, ' in str(error)
        return f"'{path.name}' is no {np.dtype(dtype)} picture of one channel" if wrong_kind else _damaged(path)
    height, width = array.shape
    if size is not None and (width, height) != size:
        return f"'{path.name}' has {width}x{height} pixels, its image {size[0]}x{size[1]}"
    return None


def _damaged(path: Path) -> str:
    return f"'{path.name}' is damaged"


def _wrong_scale(entry: Mapping[str, Any]) -> str | None:
    scale, offset = entry.get('scale'), entry.get('offset')
    if _is_number(scale) and _is_number(offset) and scale > 0:
        return None
    return f'the index says scale {scale} and offset {offset}, which turn no picture into depth'


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _image_size(dataset: Dataset, index: int) -> tuple[int, int] | None:
    frame = dataset.frames[index]
    if not dataset.path.is_dir():  # rendered, not read
        return frame.width, frame.height
    try:
        return header_size(dataset.path / frame.image)
    except FamdaError:
        return None  # famda doctor tells about images
