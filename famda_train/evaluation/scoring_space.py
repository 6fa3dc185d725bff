# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where predictions and ground truth of different label spaces can be compared."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from famda_ros.student.label_space import IGNORE, LABEL_SPACES, LabelSpace
from famda_train.datasets.label_maps import table_between


@dataclass(frozen=True)
class ScoringSpace:
    """A label space to which both predictions and ground truth project.

    Attributes:
        space: the label space of the scores.
        ground_truth_table, prediction_table: uint8 [256], train ids to those of ``space``; 255 = no class.
        not_scored: classes of the ground truth's own label space that have no class in ``space``.
    """

    space: LabelSpace
    ground_truth_table: np.ndarray
    prediction_table: np.ndarray
    not_scored: tuple[str, ...]

    def labelled(self) -> np.ndarray:
        """Return bool [classes]: those that the ground truth can have; the others have no IoU."""
        return np.isin(np.arange(len(self.space)), self.ground_truth_table)


def scoring_spaces(predicted: LabelSpace, ground_truth: LabelSpace) -> list[ScoringSpace]:
    """Return every label space in which predictions and ground truth can be compared.

    The first is the predictions' own, else the ground truth's own, else the one with the most classes;
    the rest have fewer classes.  Empty when there is none.
    """
    others = sorted(LABEL_SPACES.values(), key=len, reverse=True)
    spaces: list[ScoringSpace] = []
    for space in (predicted, ground_truth, *others):
        ground_truth_table, prediction_table = table_between(ground_truth, space), table_between(predicted, space)
        if ground_truth_table is None or prediction_table is None or any(space.name == g.space.name for g in spaces):
            continue
        targets = zip(ground_truth.classes, ground_truth_table.tolist(), strict=False)
        dropped = tuple(name for name, target in targets if target == IGNORE)
        spaces.append(ScoringSpace(space, ground_truth_table, prediction_table, dropped))
    return spaces
