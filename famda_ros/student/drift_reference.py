# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What frames of the student's own domain look like: what the drift monitor compares with, in the model card."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError

LEVELS = np.concatenate([[0.0, 0.01], np.linspace(0.03125, 0.96875, 31), [0.99, 1.0]])
"""Levels of the quantiles that stand for a distribution."""
FEWEST_FRAMES = 100
"""Fewer frames do not say how much a domain varies."""
LEAST_SHARE = 0.3
"""A number that fewer of the frames have, as the height of a rare class, is left out."""


@dataclass(frozen=True)
class DriftReference:
    """Distributions of the numbers of :func:`famda_ros.pipeline.frame_statistics.frame_statistics`.

    Attributes:
        data: what the frames were, for people.
        frames: how many.
        quantiles: at :data:`LEVELS`, ascending, by the name of the number.
    """

    data: str
    frames: int
    quantiles: Mapping[str, tuple[float, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return what goes into the card."""
        quantiles = {name: list(values) for name, values in self.quantiles.items()}
        return {'data': self.data, 'frames': self.frames, 'quantiles': quantiles}

    @classmethod
    def from_dict(cls, content: Any) -> DriftReference:
        """Read :meth:`to_dict`.

        Raises:
            FamdaError: a value that makes no sense.
        """
        fault = _fault(content)
        if fault:
            raise FamdaError(f'the model card is not valid: reference {fault}; export the model again')
        quantiles = {name: tuple(map(float, values)) for name, values in content['quantiles'].items()}
        return cls(content['data'], content['frames'], quantiles)


def reference_of(names: Sequence[str], statistics: np.ndarray, data: str) -> DriftReference:
    """Return the distributions of a table of numbers.

    Args:
        names: of its columns.
        statistics: float [frames, columns]; NaN = the frame has no such number.
        data: what the frames were.

    Raises:
        FamdaError: fewer than :data:`FEWEST_FRAMES`.
    """
    if len(statistics) < FEWEST_FRAMES:
        raise FamdaError(
            f"'{data}' has {len(statistics)} frames; a reference for the drift monitor needs {FEWEST_FRAMES} or more"
        )
    quantiles = {}
    for name, column in zip(names, statistics.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known) >= LEAST_SHARE * len(column):
            values = np.quantile(known.astype(np.float64), LEVELS)
            quantiles[name] = tuple(float(f'{value:.5g}') for value in values)  # as the card keeps them
    return DriftReference(data, len(statistics), quantiles)


def _fault(content: Any) -> str:
    if not isinstance(content, Mapping) or set(content) != {'data', 'frames', 'quantiles'}:
        return 'must have data, frames and quantiles'
    frames, quantiles = content['frames'], content['quantiles']
    if not isinstance(content['data'], str):
        return 'data must be a text'
    if not isinstance(frames, int) or isinstance(frames, bool) or frames < 1:
        return 'frames must be a positive number'
    if not isinstance(quantiles, Mapping):
        return 'quantiles must be lists by name'
    for name, values in quantiles.items():
        good = isinstance(values, list) and len(values) == len(LEVELS) and all(map(_is_number, values))
        if not good or any(later < earlier for earlier, later in itertools.pairwise(values)):
            return f"quantiles of '{name}' must be {len(LEVELS)} ascending numbers"
    return ''


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
