# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The four primitive kinds of the world, stored as arrays."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np


class Kind(IntEnum):
    """Shape of a primitive: all but the cylinder turn about the vertical axis; a frustum is a box that tapers."""

    BOX = 0
    CYLINDER = 1
    ELLIPSOID = 2
    FRUSTUM = 3


class Role(IntEnum):
    """What a primitive is a part of; decides how its surface splits into materials."""

    PLAIN = 0
    FACADE = 1
    CAR_BODY = 2
    CAR_CABIN = 3
    VAN = 4
    WHEEL = 5
    TRAFFIC_LIGHT = 6
    SIGN = 7
    LAMP_HEAD = 8
    LEAVES = 9
    TORSO = 10
    GLASSHOUSE = 11
    CAB = 12
    COACH = 13
    CARGO = 14
    STRIPED = 15
    SHOP_FRONT = 16
    HEAD = 17


PARAMETERS = 6


@dataclass(frozen=True)
class Primitives:
    """n primitives; index = primitive id.

    Attributes:
        kind, role, material: uint8 [n].
        instance: uint16 [n], id of the thing that the primitive is a part of.
        center: float64 [n, 3] metres; half: float32 [n, 3] half extents or radii in metres.
        yaw: float32 [n] radians; local x = cos(yaw) x - sin(yaw) z.
        params: float32 [n, 6], meaning given by the role.
        velocity: float32 [n, 3] metres per second.
        taper: float32 [n, 3] of frustums: size of the top in x and z and its shift along z, all as shares of the
            half extents of the bottom; size + |shift| <= 1.
    """

    kind: np.ndarray
    role: np.ndarray
    material: np.ndarray
    instance: np.ndarray
    center: np.ndarray
    half: np.ndarray
    yaw: np.ndarray
    params: np.ndarray
    velocity: np.ndarray
    taper: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, index: np.ndarray) -> Primitives:
        """Return the primitives with the ids ``index``, int [m]."""
        return Primitives(*(getattr(self, f.name)[index] for f in fields(self)))

    def joined(self, more: Primitives) -> Primitives:
        """Return these primitives followed by ``more``."""
        return Primitives(*(np.concatenate([getattr(self, f.name), getattr(more, f.name)]) for f in fields(self)))

    def at(self, seconds: float) -> Primitives:
        """Return the primitives moved to where they are after some seconds."""
        if seconds == 0 or not self.velocity.any():
            return self
        return replace(self, center=self.center + self.velocity.astype(np.float64) * seconds)


class PrimitiveList:
    """Collects primitives; ``instance`` hands out ids of things."""

    def __init__(self, first_instance: int):
        self._rows: list[tuple] = []
        self._next = first_instance

    def __len__(self) -> int:
        return len(self._rows)

    def instance(self) -> int:
        """Return a new instance id."""
        self._next += 1
        return self._next - 1

    def add(self, kind, material, instance, center, half, yaw=0.0, role=Role.PLAIN, params=(), velocity=(0, 0, 0),
            taper=(1, 1, 0)):  # fmt: skip
        """Append one primitive; see :class:`Primitives` for units."""
        params = (*params, *(0.0,) * (PARAMETERS - len(params)))
        self._rows.append((kind, role, material, instance, center, half, yaw, params, velocity, taper))

    def build(self) -> Primitives:
        """Return the collected primitives as arrays."""
        kind, role, material, instance, center, half, yaw, params, velocity, taper = zip(*self._rows, strict=True)
        return Primitives(
            np.array(kind, np.uint8), np.array(role, np.uint8), np.array(material, np.uint8),
            np.array(instance, np.int64).astype(np.uint16), np.array(center, np.float64), np.array(half, np.float32),
            np.array(yaw, np.float32), np.array(params, np.float32), np.array(velocity, np.float32),
            np.array(taper, np.float32),
        )  # fmt: skip
