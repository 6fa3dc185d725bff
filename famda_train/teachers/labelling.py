# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run a teacher over a frame folder into its label store."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from famda_train.data.frame_folder import FrameFolder
from famda_train.teachers.depth import build_depth_teacher
from famda_train.teachers.label_store import LabelStore
from famda_train.teachers.masks import build_mask_teacher


def label_frames(
    folder: FrameFolder, role: str, name: str, progress: Callable[[list[int]], Iterable[int]] = iter
) -> dict[str, Any]:
    """Label the frames that the store does not hold yet.

    Args:
        folder: frames to label.
        role: ``masks`` or ``depth``.
        name: of the teacher.
        progress: wraps the list of frame indices, for a progress bar.

    Returns:
        {'teacher': name, 'labelled': frames labelled now, 'kept': frames labelled before}.
    """
    teacher = build_mask_teacher(name) if role == 'masks' else build_depth_teacher(name)
    store = LabelStore.create(folder.path, role, teacher.identity)
    missing = [index for index, frame in enumerate(folder.frames) if frame.stem not in store]
    for index in progress(missing):
        frame, image = folder.frames[index], folder.image(index)
        if role == 'masks':
            store.write_segments(frame.stem, teacher(image))
        else:
            store.write_depth(frame.stem, teacher(image, frame.focal))
    return {'teacher': name, 'labelled': len(missing), 'kept': len(folder) - len(missing)}
