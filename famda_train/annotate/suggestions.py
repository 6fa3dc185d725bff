# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a student says about the frames before a person does, and which frames a person sees first."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.resize import resize_nearest
from famda_ros.student.runtime import Student
from famda_train.adapt.frame_selection import k_centre_order, measure
from famda_train.annotate.history import FOLDER
from famda_train.datasets.frame_folder import FrameFolder, read_values, write_png
from famda_train.datasets.label_maps import table_between

Progress = Callable[[int, int], None]


class Suggestions:
    """Predictions of a student for all frames of a folder, kept beside them; an interrupted run continues.

    Args:
        data: the frames.
        model: the student file.
        space: label space of the person.
        progress: called with (frames done, frames in all).

    Raises:
        FamdaError: no student, or its classes cannot be turned into those of ``space``.
    """

    def __init__(self, data: FrameFolder, model: str | Path, space: LabelSpace, progress: Progress):
        student = Student(model, provider='cpu')
        table = table_between(student.card.label_space, space)
        if table is None:
            raise FamdaError(
                f"'{model}' knows the classes of {student.card.label_space.name}, which cannot be turned into those of "
                f'{space.name}; leave out --model, or say how in projections (docs/label-spaces.md)'
            )
        self._table = table
        self._folder = data.path / FOLDER / f'suggestions-{sha256_of(student.path)[:12]}'
        self._folder.mkdir(parents=True, exist_ok=True)
        self._stems = [frame.stem for frame in data.frames]
        confidence = np.zeros(len(data))
        for index, frame in enumerate(data.frames):
            path = self._folder / f'{frame.stem}.png'
            if not path.is_file():
                seen = student.predict(data.image(index), frame.focal)
                assert seen.labels is not None
                sure = np.zeros_like(seen.labels) if seen.confidence is None else seen.confidence
                write_png(path, seen.labels.astype(np.uint16) | sure.astype(np.uint16) << 8)
            confidence[index] = (read_values(path, np.uint16) >> 8).mean() / 255
            progress(index + 1, len(data))
        self.confidence: np.ndarray | None = confidence if student.card.gives('confidence') else None

    def labels(self, index: int, height: int, width: int) -> np.ndarray:
        """Return uint8 [H, W] train ids of a frame; 255 = the student knows no such class."""
        labels = self._table[read_values(self._folder / f'{self._stems[index]}.png', np.uint16) & 255]
        return labels if labels.shape == (height, width) else resize_nearest(labels, width, height)


def most_informative_first(data: FrameFolder, suggestions: Suggestions | None, progress: Progress) -> list[int]:
    """Return the places of all frames in the order in which labels tell most.

    Where a student says how sure it is, frames that it is least sure of come first.  Otherwise every next frame is
    the one most unlike those before it (k-centre, arXiv 1708.00489).
    """
    if suggestions is not None and suggestions.confidence is not None:
        return np.argsort(suggestions.confidence, kind='stable').tolist()
    features = []
    for index in range(len(data)):
        features.append(measure(data.image(index)).features)
        progress(index + 1, len(data))
    return k_centre_order(np.stack(features), len(data)).tolist()
