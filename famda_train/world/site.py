# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A building site: where the things of an open street are put together from primitives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from famda_train.world.draws import Draws
from famda_train.world.primitives import Kind, PrimitiveList, Role


class Site(Draws):
    """Random numbers, a list of primitives, and what light needs to know of them.

    Attributes:
        rng: source of all draws.
        list: the primitives so far.
        lamps: positions of street lamp heads.
        headlights, vehicles: primitive ids, see ``Layout``.
        detail: metres along z beyond which small parts are left out.
    """

    def __init__(self, rng: np.random.Generator, first_instance: int):
        super().__init__(rng)
        self.list = PrimitiveList(first_instance)
        self.lamps: list[tuple[float, float, float]] = []
        self.headlights: list[int] = []
        self.vehicles: list[int] = []
        self.detail = math.inf

    def count(self, mean: float) -> int:
        """Draw a number of things (Poisson)."""
        return int(self.rng.poisson(mean))

    def pick(self, values: Sequence, weights: Sequence[float] | None = None):
        """Draw one of some values."""
        if weights is None:
            return values[int(self.rng.random() * len(values))]
        total = float(sum(weights))
        level = self.rng.random() * total
        for value, weight in zip(values, weights, strict=True):
            level -= weight
            if level < 0:
                return value
        return values[-1]

    def along(self, start: float, end: float, low: float, high: float) -> Iterator[float]:
        """Yield z from start to end in steps of ``low`` to ``high`` metres."""
        z = start
        while z < end:
            yield z
            z += self.U(low, high)

    def thing(self) -> int:
        """Return a new instance id."""
        return self.list.instance()

    def next_id(self) -> int:
        """Return the id of the primitive that is added next."""
        return len(self.list)

    def box(self, material, thing, center, half, yaw=0.0, role=Role.PLAIN, params=(), moving=(0, 0, 0)):
        """Add a box."""
        self.list.add(Kind.BOX, material, thing, center, half, yaw, role, params, moving)

    def ball(self, material, thing, center, half, yaw=0.0, role=Role.PLAIN, moving=(0, 0, 0)):
        """Add an ellipsoid."""
        self.list.add(Kind.ELLIPSOID, material, thing, center, half, yaw, role, (), moving)

    def leaves(self, material, thing, center, half, ragged=0.5):
        """Add leaves or twigs: an ellipsoid with gaps, the more the higher ``ragged`` (0.1 to 1)."""
        self.list.add(Kind.ELLIPSOID, material, thing, center, half, 0.0, Role.LEAVES, (ragged,))

    def post(self, material, thing, x, z, radius, low, high, role=Role.PLAIN, moving=(0, 0, 0)):
        """Add an upright cylinder between two heights."""
        half = (radius, (high - low) / 2, radius)
        self.list.add(Kind.CYLINDER, material, thing, (x, (low + high) / 2, z), half, 0.0, role, (), moving)

    def taper(self, material, thing, center, half, top, yaw=0.0, role=Role.PLAIN, params=(), moving=(0, 0, 0)):
        """Add a frustum; ``top`` is ``Primitives.taper``."""
        self.list.add(Kind.FRUSTUM, material, thing, center, half, yaw, role, params, moving, top)


def placed(x: float, z: float, yaw: float):
    """Return a function from local coordinates of a thing to world coordinates (metres)."""
    c, s = math.cos(yaw), math.sin(yaw)
    return lambda lx, ly, lz: (x + c * lx + s * lz, ly, z - s * lx + c * lz)
