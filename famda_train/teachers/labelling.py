# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run a teacher over a data set into its label store."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from famda_train.data.dataset import Dataset
from famda_train.data.label_store import LabelStore
from famda_train.teachers.depth import build_depth_teacher
from famda_train.teachers.masks import build_mask_teacher


def label_frames(
    dataset: Dataset, role: str, name: str, progress: Callable[[list[int]], Iterable[int]] = iter
) -> dict[str, Any]:
    """Label the frames that the store does not hold yet.

    Args:
        dataset: frames to label.
        role: ``masks`` or ``depth``.
        name: of the teacher.
        progress: wraps the list of frame indices, for a progress bar.

    Returns:
        {'teacher': name, 'labelled': frames labelled now, 'kept': frames labelled before}.
    """
    identity, label_one = _mask_labeller(name) if role == 'masks' else _depth_labeller(name)
    store = LabelStore.create(dataset.store, role, identity)
    missing = [index for index, frame in enumerate(dataset.frames) if frame.stem not in store]
    for index in progress(missing):
        label_one(store, dataset, index)
    return {'teacher': name, 'labelled': len(missing), 'kept': len(dataset) - len(missing)}


def label_with_teachers(dataset: Dataset, teachers: Mapping[str, str | None], progress) -> dict[str, Any]:
    """Run :func:`label_frames` for several teachers, with a progress bar each.

    Args:
        dataset: frames to label.
        teachers: role → name; None = no teacher in this role.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        role → result of :func:`label_frames`.
    """
    return {
        role: label_frames(dataset, role, name, partial(progress.track, description=f'{role}: {name}'))
        for role, name in teachers.items()
        if name
    }


LabelOne = Callable[[LabelStore, Dataset, int], None]


def _mask_labeller(name: str) -> tuple[dict[str, Any], LabelOne]:
    teacher = build_mask_teacher(name)

    def label_one(store: LabelStore, dataset: Dataset, index: int) -> None:
        store.write_segments(dataset.frames[index].stem, teacher(dataset.image(index)))

    return teacher.identity, label_one


def _depth_labeller(name: str) -> tuple[dict[str, Any], LabelOne]:
    teacher = build_depth_teacher(name)

    def label_one(store: LabelStore, dataset: Dataset, index: int) -> None:
        frame = dataset.frames[index]
        store.write_depth(frame.stem, teacher(dataset.image(index), frame.focal))

    return teacher.identity, label_one
