# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Randomness in the notation of a scene grammar."""
from __future__ import annotations

import numpy as np


class Draws:
    """Draws from one generator; what builds a street derives from it.

    Attributes:
        rng: the generator.
    """

    def __init__(self, rng: np.random.Generator):
        self.rng = rng

    def U(self, low: float, high: float) -> float:
        """Draw uniformly."""
        return low + (high - low) * self.rng.random()

    def N(self, sigma: float) -> float:
        """Draw from a normal distribution around 0."""
        return float(self.rng.normal(0.0, sigma))

    def chance(self, probability: float) -> bool:
        """Draw true or false."""
        return bool(self.rng.random() < probability)
