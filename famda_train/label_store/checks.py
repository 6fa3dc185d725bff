# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a label store belongs to the frames beside it: complete, and of the images that are there now."""
from __future__ import annotations

import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_train.datasets.checks import READERS, header_size, view_fault
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.label_store import LabelStore, checksum

BLOCK = 1 << 20


def image_checksum(path: Path | None) -> str | None:
    """Return the CRC-32 of the bytes of an image file, 8 hexadecimal digits; None = there is no file.

    Args:
        path: of the file; None = the image is on no disk.
    """
    if path is None:
        return None
    crc = 0
    try:
        with open(path, 'rb') as file:
            while block := file.read(BLOCK):
                crc = zlib.crc32(block, crc)
    except OSError:
        return None
    return f'{crc:08x}'


def stale_frames(store: LabelStore, dataset: Dataset, indices: Iterable[int] | None = None) -> list[int]:
    """Return the indices of frames whose image is not the one that was labelled; reads the image files.

    Args:
        store: of the frames; entries without a checksum of the image count as right.
        dataset: the frames.
        indices: frames to look at; None = all.
    """

    def is_stale(index: int) -> bool:
        labelled = store.entries.get(dataset.frames[index].stem, {}).get('image_crc32')
        return labelled is not None and image_checksum(dataset.image_path(index)) not in (labelled, None)

    looked_at = list(range(len(dataset)) if indices is None else indices)
    with ThreadPoolExecutor(READERS) as pool:
        return [index for index, stale in zip(looked_at, pool.map(is_stale, looked_at), strict=True) if stale]


def store_fault(store: LabelStore, dataset: Dataset) -> str | None:
    """Return a sentence where a store cannot be used for a data set; None = it can.

    Every frame must have an entry, made from the image that is there now, and of its shape; and its pictures must be
    those that were written.
    """
    stems = [frame.stem for frame in dataset.frames]
    missing = store.missing(stems)
    if missing:
        return (
            f"'{store.path}' holds {len(stems) - len(missing)} of {len(stems)} frames (the first that is missing: "
            f"'{stems[missing[0]]}'); run famda label again to complete it"
        )
    stale = stale_frames(store, dataset)
    if stale:
        return (
            f"'{store.path}' was made from other images in {len(stale)} of {len(stems)} frames (the first: "
            f"'{stems[stale[0]]}'); run famda label again to label them anew"
        )
    return _first_shape_fault(store, dataset) or _changed_pictures_fault(store, stems)


def check_store_of(store: LabelStore, dataset: Dataset) -> None:
    """Refuse a store that :func:`store_fault` finds fault with.

    Raises:
        FamdaError: the fault.
    """
    if fault := store_fault(store, dataset):
        raise FamdaError(fault)


def _first_shape_fault(store: LabelStore, dataset: Dataset) -> str | None:
    def fault(index: int) -> str | None:
        image, picture = dataset.image_path(index), store.picture_path(dataset.frames[index].stem)
        try:
            frame = dataset.frames[index]
            size = (frame.width, frame.height) if image is None else header_size(image)
            return view_fault(store.kind, picture, header_size(picture), size)
        except FamdaError as error:
            return str(error)

    with ThreadPoolExecutor(READERS) as pool:
        return next(filter(None, pool.map(fault, range(len(dataset)))), None)


def _changed_pictures_fault(store: LabelStore, stems: list[str]) -> str | None:
    def is_changed(stem: str) -> bool:
        return checksum_fault(store, stem) is not None

    with ThreadPoolExecutor(READERS) as pool:
        changed = [stem for stem, is_so in zip(stems, pool.map(is_changed, stems), strict=True) if is_so]
    if not changed:
        return None
    return (
        f"'{store.path}' has other pictures than those that were written in {len(changed)} of {len(stems)} frames (the "
        f"first: '{changed[0]}'); run famda label with --verify, which drops them, and label again"
    )


def checksum_fault(store: LabelStore, stem: str) -> str | None:
    """Return in words that the pictures of an entry are not those that were written; None = they are.

    Entries without a checksum, of stores that other programs made, count as right.
    """
    paths = [store.path / name for name in store.files(stem)]
    recorded = store.entries[stem].get('crc32')
    if recorded is None or (found := f'{checksum(*(path.read_bytes() for path in paths)):08x}') == recorded:
        return None
    return f"'{paths[0].name}' is not the picture that was written (CRC-32 {found}, not {recorded})"
