# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Types of teachers' settings that not every number fits; famda_train.teachers.registry checks them."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """Which values a setting may have.

    Attributes:
        words: that say it, as in "must be ...".
        holds: tells whether a value is one of them.
    """

    words: str
    holds: Callable[[float], bool]


Positive = Annotated[float, Range('a number above 0', lambda value: 0 < value < math.inf)]
NotNegative = Annotated[float, Range('a number of 0 or more', lambda value: 0 <= value < math.inf)]
Share = Annotated[float, Range('a number from 0 to 1', lambda value: 0 <= value <= 1)]
Count = Annotated[int, Range('a whole number of 0 or more', lambda value: value >= 0)]
AtLeastOne = Annotated[int, Range('a whole number of 1 or more', lambda value: value >= 1)]
