# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets and label stores, to see: images, ground truth, and what teachers say."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.frame_index import FrameRecord, focal_at
from famda_train.datasets.catalogue import open_dataset
from famda_train.datasets.dataset import Dataset
from famda_train.inspection.contact_sheet import disparity_picture
from famda_train.inspection.viewing import Faults, Layer, ViewFrame, ViewSource
from famda_train.label_store.label_store import ROLES, LabelStore

TRUTH = 'ground_truth'
PARTS_OF_KIND = {'segments': 'segments', 'depth': 'depth', 'disparity': 'picture'}
"""What the values of a store mean → where a layer holds them; disparity has no unit."""


def dataset_source(path: str | Path, faults: Faults) -> ViewSource:
    """Return the frames of a data set with ground truth and all label stores that there are.

    Raises:
        FamdaError: no data set, or it holds no frames.
    """
    dataset = open_dataset(path)
    dataset.require()
    stores = []
    for role, name in LabelStore.names(dataset.store):
        try:
            stores.append(LabelStore.open(dataset.store, role, name))
        except FamdaError as error:
            faults.on_malformed(error)
    truth = tuple(kind for kind in ('labels', 'depth') if dataset.has(kind))
    return _source(dataset, list(range(len(dataset))), truth, stores, faults)


def store_source(path: str | Path, faults: Faults) -> ViewSource:
    """Return the frames of which a label store, a folder with ``teacher.json``, has an entry.

    Raises:
        FamdaError: no store, none of its frames' data set, or no entry.
    """
    path = Path(path).resolve()
    role, _, name = path.name.partition('-')
    if role not in ROLES or path.parent.name != 'teachers':
        raise FamdaError(f"'{path}' is no label store; give a folder such as FRAMES/teachers/masks-felzenszwalb")
    dataset = open_dataset(path.parents[1])
    store = LabelStore.open(dataset.store, role, name)
    indices = [i for i, frame in enumerate(dataset.frames) if frame.stem in store]
    if not indices:
        raise FamdaError(f"'{path}' has no entry of the frames in '{dataset.path}'; fill it with famda label")
    return _source(dataset, indices, (), [store], faults)


def _source(
    dataset: Dataset, indices: list[int], truth: tuple[str, ...], stores: list[LabelStore], faults: Faults
) -> ViewSource:
    parts = {TRUTH: truth} if truth else {}
    parts |= {store.path.name: (PARTS_OF_KIND[store.kind],) for store in stores}
    space = dataset.label_space
    return ViewSource(
        name=str(dataset.info.get('name') or dataset.path.name),
        total=len(indices),
        parts=parts,
        spaces={TRUTH: space} if space and truth else {},
        frames=_frames(dataset, indices, truth, stores, faults),
    )


def _frames(
    dataset: Dataset, indices: list[int], truth: tuple[str, ...], stores: list[LabelStore], faults: Faults
) -> Iterator[ViewFrame]:
    for index in indices:
        record = dataset.frames[index]
        try:
            image = dataset.image(index)
            layers = {}
            if there := {kind: getattr(dataset, kind)(index) for kind in truth if dataset.has_at(kind, index)}:
                layers[TRUTH] = Layer(**there)
            for store in stores:
                if record.stem in store:
                    layers[store.path.name] = _layer(store, record.stem)
        except FamdaError as error:
            faults.on_malformed(error)
            continue
        height, width = image.shape[:2]
        stamp = record.extra.get('stamp_ns')
        yield ViewFrame(record.stem, stamp, image, None, _intrinsics(record, width, height), layers)


def _layer(store: LabelStore, stem: str) -> Layer:
    if store.kind == 'segments':
        return Layer(segments=store.read_segments(stem))
    values = store.read_depth(stem)
    return Layer(depth=values) if store.kind == 'depth' else Layer(picture=disparity_picture(values))


def _intrinsics(record: FrameRecord, width: int, height: int) -> Intrinsics | None:
    focal = focal_at(record, width)
    return None if focal is None else Intrinsics.centred(focal, width, height)
