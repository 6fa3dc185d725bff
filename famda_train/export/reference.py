# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What frames of a student's own domain look like to it: the reference of the drift monitor."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.frame_index import focal_at
from famda_ros.pipeline.frame_statistics import frame_statistics, scalar_names
from famda_ros.student.drift_reference import DriftReference, reference_of
from famda_ros.student.runtime import Student
from famda_train.datasets.dataset import Dataset

REFERENCE_FRAMES = 300
"""More frames hardly change the range; fewer are taken as they are."""


def drift_reference(
    student: Student, data: Dataset, progress: Callable[[int, int], None] | None = None
) -> DriftReference:
    """Return the distributions of :data:`REFERENCE_FRAMES` frames from all over a data set.

    Args:
        student: sees them, each with its focal length where that is known.
        data: frames of the domain it was adapted to.
        progress: called with (frames done, frames in all).

    Raises:
        FamdaError: fewer frames than a reference needs.
    """
    space = student.card.label_space
    places = np.linspace(0, len(data) - 1, min(REFERENCE_FRAMES, len(data))).round().astype(int).tolist()
    table = np.empty((len(places), len(scalar_names(space))), np.float32)
    for row, index in enumerate(places):
        image = data.image(index)
        height, width = image.shape[:2]
        focal = focal_at(data.frames[index], width)
        camera = None if focal is None else Intrinsics.centred(focal, width, height)
        table[row] = frame_statistics(image, student.predict(image, focal), space, camera)
        if progress is not None:
            progress(row + 1, len(places))
    return reference_of(scalar_names(space), table, data.info.get('name') or str(data.path))
