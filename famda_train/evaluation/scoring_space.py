# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where predictions and truth of different label spaces can be compared."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE, LABEL_SPACES, LabelSpace
from famda_train.datasets.label_maps import projection


@dataclass(frozen=True)
class Ground:
    """A label space to which both predictions and truth project.

    Attributes:
        space: the label space of the scores.
        truth_table, prediction_table: uint8 [256], train ids to those of ``space``; 255 = no class.
        not_scored: classes of the truth's own label space that have no class in ``space``.
    """

    space: LabelSpace
    truth_table: np.ndarray
    prediction_table: np.ndarray
    not_scored: tuple[str, ...]

    def labelled(self) -> np.ndarray:
        """Return bool [classes]: those that the truth can have; the others have no IoU."""
        return np.isin(np.arange(len(self.space)), self.truth_table)


def table_between(source: LabelSpace, target: LabelSpace) -> np.ndarray | None:
    """Return the uint8 [256] table of train ids from one label space to another, None where there is none."""
    if source.name == target.name:
        # A model file brings its own classes; the name alone promises nothing.
        return np.arange(256, dtype=np.uint8) if source.classes == target.classes else None
    known = LABEL_SPACES.get(source.name)
    if known is None or known.classes != source.classes or target.name not in LABEL_SPACES:
        return None
    try:
        return projection(source.name, target.name)
    except FamdaError:
        return None


def common_grounds(predicted: LabelSpace, truth: LabelSpace) -> list[Ground]:
    """Return every label space in which predictions and truth can be compared.

    The first is the predictions' own, else the truth's own, else the one with the most classes; the rest have fewer
    classes.  Empty when there is none.
    """
    others = sorted(LABEL_SPACES.values(), key=len, reverse=True)
    grounds: list[Ground] = []
    for space in (predicted, truth, *others):
        truth_table, prediction_table = table_between(truth, space), table_between(predicted, space)
        if truth_table is None or prediction_table is None or any(space.name == g.space.name for g in grounds):
            continue
        dropped = tuple(name for name, to in zip(truth.classes, truth_table.tolist(), strict=False) if to == IGNORE)
        grounds.append(Ground(space, truth_table, prediction_table, dropped))
    return grounds
