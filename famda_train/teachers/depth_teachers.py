# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth teachers: image → metric depth, or affine-invariant disparity.  Which there are, and what they offer."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from famda_train.teachers.teacher_settings import TeacherClass, build_teacher


class DepthTeacher(Protocol):
    """What a depth teacher offers; ``identity['kind']`` says what the values are.

    A teacher may also have ``with_reliability(image, focal)``, see :func:`read_depth`.
    """

    identity: dict[str, Any]

    def __call__(self, image: np.ndarray, focal: float | None = None) -> np.ndarray:
        """Return float32 [H, W] for uint8 [H, W, 3] RGB; NaN = unknown.

        With kind ``depth`` these are metres, with ``disparity`` near = large, scale and shift unknown.

        Args:
            image: any size.
            focal: fx in pixels at image resolution; None = unknown, metres are then those of
                the camera that the teacher was trained for.
        """
        ...


_TEACHERS = 'famda_train.teachers'

DEPTH_TEACHERS: dict[str, TeacherClass] = {
    'depth-anything': TeacherClass(f'{_TEACHERS}.depth_anything', 'DepthAnything'),
    'depth-onnx': TeacherClass(f'{_TEACHERS}.depth_onnx', 'OnnxDepth'),
    'street-world': TeacherClass(f'{_TEACHERS}.street_world_depth', 'StreetWorldDepth', {'kind': 'depth'}),
    'street-world-relative': TeacherClass(f'{_TEACHERS}.street_world_depth', 'StreetWorldDepth', {'kind': 'disparity'}),
}


def build_depth_teacher(name: str, settings: Mapping[str, Any] | None = None) -> DepthTeacher:
    """Return one of :data:`DEPTH_TEACHERS`, as :func:`build_teacher` does."""
    return build_teacher(DEPTH_TEACHERS, name, settings, 'depth teacher')


def read_depth(
    teacher: DepthTeacher, image: np.ndarray, focal: float | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (values, reliability) of an image.

    Args:
        teacher: the depth teacher.
        image, focal: arguments of its call, see :class:`DepthTeacher`.

    Returns:
        values: float32 [H, W], metres or disparity as the teacher's call returns them.
        reliability: float32 [H, W] in 0..1, see famda_train.teachers.agreement; None where the
            teacher offers none, or its setting ``reliability`` is ``none``.
    """
    read = getattr(teacher, 'with_reliability', None)
    return read(image, focal) if read else (teacher(image, focal), None)
