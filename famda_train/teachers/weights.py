# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which weights a teacher can use, under which licence, and whether they are on this machine."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_train.label_store.licences import licence
from famda_train.teachers.teacher_settings import TeacherClass


@dataclass(frozen=True)
class Weights:
    """Weights that a teacher can use.

    Attributes:
        name: what a user knows them by: a file, a hub id, an npm package.
        terms: SPDX name of their licence, or its own name.
        non_commercial: whether the licence forbids commercial use.
        available: whether they are on this machine; None = that depends on the user's settings.
        advice: what to do where they are not.
    """

    name: str
    terms: str
    non_commercial: bool = False
    available: bool | None = True
    advice: str = ''

    @property
    def licence(self) -> dict[str, Any]:
        """The licence as a teacher's identity states it."""
        return licence(self.terms, self.non_commercial)


NO_WEIGHTS = Weights('none needed', 'none')


def cache_folder() -> Path:
    """Return where obtained weights lie: ``$FAMDA_CACHE``, else ``famda`` in the user's cache folder."""
    if folder := os.environ.get('FAMDA_CACHE'):
        return Path(folder).expanduser()
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'famda'


def list_weights() -> list[dict[str, Any]]:
    """Return what all teachers can use: rows of role, teacher, weights, licence, non_commercial, available, advice.

    A teacher whose packages are not installed has one row that says so.
    """
    from famda_train.teachers.depth_teachers import DEPTH_TEACHERS  # they import this file
    from famda_train.teachers.mask_teachers import MASK_TEACHERS

    return [
        {
            'role': role,
            'teacher': name,
            'weights': weights.name,
            'licence': weights.terms,
            'non_commercial': weights.non_commercial,
            'available': weights.available,
            'advice': weights.advice,
        }
        for role, table in (('masks', MASK_TEACHERS), ('depth', DEPTH_TEACHERS))
        for name, teacher in table.items()
        for weights in _weights_of(teacher)
    ]


def _weights_of(teacher: TeacherClass) -> list[Weights]:
    try:
        cls: Any = teacher.load()
        return cls.weights()
    except FamdaError as error:
        return [Weights('', '', available=False, advice=str(error))]
