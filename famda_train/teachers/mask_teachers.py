# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mask teachers: image → class-agnostic segments.  Which there are, and what they offer."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from famda_train.teachers.teacher_settings import TeacherClass, build_teacher


class MaskTeacher(Protocol):
    """What a mask teacher offers.

    One that needs more than the image has a method ``read(dataset, index)`` besides, which returns
    the same and is called instead: ground truth.  One that segments what one points at has an attribute
    ``pointer`` besides, a :class:`~famda_train.teachers.automatic_masks.PointMasks`.
    """

    identity: dict[str, Any]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return uint16 [H, W] mask ids, 0 = no mask, for uint8 [H, W, 3] RGB."""
        ...


_TEACHERS = 'famda_train.teachers'

MASK_TEACHERS: dict[str, TeacherClass] = {
    'felzenszwalb': TeacherClass(f'{_TEACHERS}.felzenszwalb', 'Felzenszwalb'),
    'sam': TeacherClass(f'{_TEACHERS}.sam', 'SamMasks'),
    'sam2': TeacherClass(f'{_TEACHERS}.sam_transformers', 'TransformersSamMasks'),
    'sam-onnx': TeacherClass(f'{_TEACHERS}.sam_onnx', 'OnnxSamMasks'),
    'instances': TeacherClass(f'{_TEACHERS}.instances', 'Instances'),
}


def build_mask_teacher(name: str, settings: Mapping[str, Any] | None = None) -> MaskTeacher:
    """Return one of :data:`MASK_TEACHERS`, as :func:`build_teacher` does."""
    return build_teacher(MASK_TEACHERS, name, settings, 'mask teacher')
