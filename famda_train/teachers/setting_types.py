# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Types of teachers' settings that not every number fits; jsonargparse checks them."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt, restricted_number_type

if TYPE_CHECKING:
    Positive = float
    NotNegative = float
    Share = float
    Count = int
    AtLeastOne = int
else:
    Positive = restricted_number_type('Positive', float, [('>', 0), ('<', math.inf)])
    NotNegative = restricted_number_type('NotNegative', float, [('>=', 0), ('<', math.inf)])
    Share, Count, AtLeastOne = ClosedUnitInterval, NonNegativeInt, PositiveInt
