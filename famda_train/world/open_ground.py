# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The ground of the open streets: lanes, verges, side roads and everything that is painted on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from famda_train.world.materials import CLASS_OF_MATERIAL, Material

ROAD_INSTANCE = 1
_f = np.float32


@dataclass(frozen=True)
class Line:
    """A line along the road: x of its middle, half width, dash and period in metres, offset of the dashes."""

    x: float
    half: float
    dash: float
    period: float
    phase: float
    material: int


@dataclass(frozen=True)
class Area:
    """A rectangle of ground with an instance id of its own; later ones cover earlier ones."""

    x0: float
    x1: float
    z0: float
    z1: float
    material: int
    instance: int


class Shape(IntEnum):
    """Outline of a mark; ``period`` in metres is that of bars and hatching."""

    RECTANGLE = 0
    DISC = 1
    TRIANGLE = 2
    BARS_ACROSS = 3
    BARS_ALONG = 4
    HATCHING = 5


@dataclass(frozen=True)
class Mark:
    """Something painted on the road: centre and half extents in metres; a triangle points along the sign of half_z."""

    shape: int
    x: float
    z: float
    half_x: float
    half_z: float
    material: int
    period: float = 1.0


@dataclass(frozen=True)
class OpenGround:
    """The ground plane y = 0 in street coordinates; the street bends for z > 0.

    Attributes:
        left, right: x of the outer kerbs (left is negative), metres.
        bend: curvature, 1 / metres; the street at z lies ``shift(z)`` to the right.
        strips_left, strips_right: (metres beyond the kerb at which it begins, material, instance), outwards.
        areas, lines, marks: see their classes.
    """

    left: float
    right: float
    bend: float
    strips_left: tuple[tuple[float, int, int], ...]
    strips_right: tuple[tuple[float, int, int], ...]
    areas: tuple[Area, ...]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]

    def shift(self, z: np.ndarray) -> np.ndarray:
        """Return by how many metres the street has moved to the right at z."""
        return _shift(self.bend, z)

    def paint(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Say what ground points are.

        Args:
            x, z: float32 [n] world metres.

        Returns:
            float32 [n] x along the bent street, uint8 [n] material, uint16 [n] instance.
        """
        if self.bend:
            x = x - self.shift(z).astype(np.float32)
        material = np.full(x.shape, Material.ROAD, np.uint8)
        instance = np.full(x.shape, ROAD_INSTANCE, np.uint16)
        for line in self.lines:
            on = np.flatnonzero(np.abs(x - _f(line.x)) < line.half)
            if line.dash < line.period:
                on = on[np.mod(z[on] + _f(line.phase), _f(line.period)) < line.dash]
            material[on] = line.material
        for strips, beyond in ((self.strips_left, self.left - x), (self.strips_right, x - self.right)):
            for start, what, thing in strips:
                outside = beyond > start
                material[outside] = what
                instance[outside] = thing
        for area in self.areas:
            on = np.flatnonzero((z > area.z0) & (z < area.z1))
            on = on[(x[on] > area.x0) & (x[on] < area.x1)]
            material[on] = area.material
            instance[on] = area.instance
        flat = CLASS_OF_MATERIAL[material] == CLASS_OF_MATERIAL[Material.ROAD]
        for mark in self.marks:
            on = np.flatnonzero(np.abs(z - _f(mark.z)) < abs(mark.half_z))
            on = on[(np.abs(x[on] - _f(mark.x)) < mark.half_x) & flat[on]]
            material[on[_inside(mark, x[on], z[on])]] = mark.material
        return x, material, instance


def _shift(bend: float, z):
    ahead = np.maximum(z, 0)
    # Straight again behind 150 m, so that the far end does not run sideways.
    near = np.minimum(ahead, 150.0)
    return bend * near * (near / 2 + (ahead - near))


def _inside(mark: Mark, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    u, v = (x - _f(mark.x)) / _f(mark.half_x), (z - _f(mark.z)) / _f(mark.half_z)
    if mark.shape == Shape.DISC:
        return u * u + v * v < 1
    if mark.shape == Shape.TRIANGLE:
        return np.abs(u) < (1 - v) / 2
    if mark.shape == Shape.BARS_ACROSS:
        return np.mod(x, _f(mark.period)) < 0.5 * mark.period
    if mark.shape == Shape.BARS_ALONG:
        return np.mod(z, _f(mark.period)) < 0.5 * mark.period
    if mark.shape == Shape.HATCHING:
        edge = (np.abs(u) > 1 - 0.12 / mark.half_x) | (np.abs(v) > 1 - 0.12 / abs(mark.half_z))
        return edge | (np.mod(x + z, _f(mark.period)) < 0.16) | (np.mod(x - z, _f(mark.period)) < 0.16)
    return np.ones(x.shape, bool)


def mirrored(ground: OpenGround) -> OpenGround:
    """Return the ground with left and right exchanged."""
    return replace(
        ground, left=-ground.right, right=-ground.left, bend=-ground.bend, strips_left=ground.strips_right,
        strips_right=ground.strips_left, areas=tuple(replace(a, x0=-a.x1, x1=-a.x0) for a in ground.areas),
        lines=tuple(replace(line, x=-line.x) for line in ground.lines),
        marks=tuple(replace(mark, x=-mark.x) for mark in ground.marks),
    )  # fmt: skip
