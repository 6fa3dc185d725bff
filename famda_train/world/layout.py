# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The scene grammar: one random street per seed and grammar, the same whatever the light."""
from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.world.draws import Draws
from famda_train.world.grammar import PLAIN, Grammar
from famda_train.world.materials import Material
from famda_train.world.open_ground import OpenGround
from famda_train.world.primitives import Kind, PrimitiveList, Primitives, Role

FIRST_OBJECT_INSTANCE = 6
"""Instance ids 1..5 are road, left and right sidewalk, left and right verge; 0 is sky."""
MOST_INSTANCES = 65535
LANE_X, ONCOMING_X = 1.7, -2.2
STREET_SPEED = 8.0
"""Metres per second at which a drive's camera and the traffic move."""
BUILT_REACH, FURNITURE_REACH = 125.0, 75.0
"""How far, in metres, buildings and street furniture reach ahead of the last camera position."""


@dataclass(frozen=True)
class Ground:
    """The ground plane y = 0 and what is painted on it; all in metres.

    Attributes:
        left, right: x of the two kerbs (left is negative).
        walk_left, walk_right: widths of the sidewalks.
        verge_left, verge_right: ``Material`` beyond the sidewalks.
        dash_phase: offset of the centre line's dashes.
        crossings: z of zebra crossings.
        edge_paint: ``Material`` of the lines along the kerbs.
        dash: length of the centre line's dashes, and of dash and gap together.
        patches: (x, z, half width, half length) of further paint: arrows, words, hatching.
    """

    left: float
    right: float
    walk_left: float
    walk_right: float
    verge_left: int
    verge_right: int
    dash_phase: float
    crossings: tuple[float, ...]
    edge_paint: int = int(Material.LANE_PAINT)
    dash: tuple[float, float] = (3.0, 6.0)
    patches: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True)
class Layout:
    """A street: ground, primitives and light sources.

    Attributes:
        lamps: float64 [k, 3] positions of street lamp heads, metres.
        headlights: int [m] primitive ids of vehicles that move towards the camera with lights on.
        vehicles: int [v] primitive ids of one body box per vehicle.
        instances: number of instance ids in use, sky's 0 included.
    """

    ground: Ground | OpenGround
    primitives: Primitives
    lamps: np.ndarray
    headlights: np.ndarray
    vehicles: np.ndarray
    instances: int


def make_layout(seed: int, length: float = 0.0, grammar: Grammar = PLAIN) -> Layout:
    """Return the random street of a seed.

    Args:
        seed: geometry seed.
        length: metres that the camera will travel; 0 = a single view from z = 0.
        grammar: what stands in the street, and how often.
    """
    return _Street(np.random.default_rng([seed, 0x57EE7]), length, grammar).build()


class _Street(Draws):
    """Builds one layout; methods follow the scene grammar of the notes, one per kind of thing."""

    def __init__(self, rng: np.random.Generator, length: float, grammar: Grammar):
        super().__init__(rng)
        self.length, self.driving, self.grammar = length, length > 0, grammar
        self.list = PrimitiveList(FIRST_OBJECT_INSTANCE)
        self.lamps: list[tuple] = []
        self.headlights: list[int] = []
        self.vehicles: list[int] = []
        self.ground = self._ground()

    def build(self) -> Layout:
        for side in (-1, 1):
            self._lots(side)
            self._street_trees(side)
            self._poles(side)
            self._parked(side)
        self._traffic()
        self._pedestrians()
        if self.grammar is not PLAIN:
            self._beyond_plain()
        if self.rng.random() < 0.4:
            self._end_block()
        instances = self.list.instance()
        if instances > MOST_INSTANCES:
            raise FamdaError(f'a drive of {self.length:.0f} m has too many things for 16-bit ids; take fewer frames')
        return Layout(
            self.ground, self.list.build(), np.array(self.lamps, np.float64).reshape(-1, 3),
            np.array(self.headlights, np.int64), np.array(self.vehicles, np.int64), instances,
        )  # fmt: skip

    def _ground(self) -> Ground:
        right = self.U(4.9, 6.4) if self.driving else self.U(*self.grammar.half_road)
        verge_left, verge_right = (int(Material.GRASS if self.chance(0.55) else Material.PAVED) for _ in range(2))
        step = 70.0
        crossings = tuple(
            self.U(9, 45) + i * step for i in range(int(self.length / step) + 1) if self.chance(0.35)
        )
        left, walk = -(right + self.U(-0.3, 1.5)), self.grammar.walk
        ground = Ground(
            left, right, self.U(*walk), self.U(*walk), verge_left, verge_right, self.U(0, 6), crossings,
        )  # fmt: skip
        return ground if self.grammar is PLAIN else self._painted(ground)

    def _painted(self, ground: Ground) -> Ground:
        """Return the ground with other lines, and with arrows, words and hatching."""
        edge = self.rng.choice([Material.LANE_PAINT, Material.YELLOW_PAINT, Material.ROAD])
        period = self.U(4, 10)
        patches = [
            (self.U(ground.left, ground.right), self.U(4, 40), self.U(0.05, 0.5), self.U(0.1, 2.5))
            for _ in range(int(self.rng.poisson(2.0)))
        ]
        dash = (period * self.U(0.2, 0.7), period)
        return replace(ground, edge_paint=int(edge), dash=dash, patches=tuple(patches))

    def kerb(self, side: int) -> float:
        """Distance of a side's kerb from x = 0, metres."""
        return self.ground.right if side > 0 else -self.ground.left

    def walk(self, side: int) -> float:
        return self.ground.walk_right if side > 0 else self.ground.walk_left

    # Buildings and green lots.
    def _lots(self, side: int):
        built = self.chance(self.grammar.built)
        setback = self.U(0.2, 6.0) if self.chance(self.grammar.set_back) else 0.2
        front = self.kerb(side) + self.walk(side) + setback
        z, end = self.U(-6, 2), self.length + BUILT_REACH
        while z < end:
            depth = self.U(6, 18)
            if built and self.chance(self.grammar.building):
                self._building(side, front, z, depth)
            else:
                self._green_lot(side, self.kerb(side) + self.walk(side), z, depth)
            z += depth + (self.U(0, 8) if self.chance(self.grammar.gaps) else 0.0)

    def _building(self, side: int, front: float, z: float, depth: float):
        half_width, height = self.U(4, 9), self.U(*self.grammar.storeys)
        gap = self.U(0.3, 2.0) if self.chance(0.5) else 0.0
        ribbon, shop = self.chance(1 / 3), self.chance(0.3)
        width_share = 0.96 if ribbon else self.U(0.28, 0.72)
        height_share = self.U(0.45, 0.85) if ribbon else self.U(0.35, 0.80)
        params = (self.U(2.2, 4.0), self.U(2.8, 3.6), width_share, height_share, float(shop), self.rng.random())
        half = (half_width, height / 2, max(depth / 2 - gap, 2.0))
        center = (side * (front + half_width), height / 2, z + depth / 2)
        thing = self.list.instance()
        self.list.add(Kind.BOX, Material.BUILDING, thing, center, half, 0.0, Role.FACADE, params)
        if self.grammar is not PLAIN:
            self._dress(thing, side, front, center, half)

    def _dress(self, thing: int, side: int, front: float, center: tuple, half: tuple):
        """Give a building what makes facades uneven: a shop's board and awning, bays, a roof, chimneys."""
        if self.chance(self.grammar.shops):
            board = self.list.instance()
            self.list.add(
                Kind.BOX, Material.FASCIA, board, (side * front, self.U(2.6, 3.4), center[2]),
                (self.U(0.05, 0.25), self.U(0.2, 0.5), half[2] * self.U(0.6, 1.0)),
            )  # fmt: skip
            if self.chance(0.3):
                self.list.add(
                    Kind.BOX, Material.FASCIA, board, (side * (front - 0.6), 2.5, center[2]),
                    (0.6, 0.06, half[2] * self.U(0.4, 0.9)),
                )  # fmt: skip
        for _ in range(int(self.rng.integers(0, 3))):
            height = half[1] * self.U(0.3, 0.95)
            self.list.add(
                Kind.BOX, Material.BUILDING, thing, (side * front, height, center[2] + self.U(-1, 1) * half[2] * 0.8),
                (self.U(0.1, 0.7), height, self.U(0.2, 1.6)), role=Role.PLAIN,
            )  # fmt: skip
        if self.chance(0.5):
            self.list.add(
                Kind.BOX, Material.CORNICE, thing, (center[0], 2 * half[1] + 0.7, center[2]),
                (half[0] * 0.8, 0.7, half[2] * self.U(0.5, 0.98)),
            )  # fmt: skip
        for _ in range(int(self.rng.integers(0, 3))):
            self.list.add(
                Kind.BOX, Material.BUILDING, thing,
                (side * (front + self.U(0.5, 4)), 2 * half[1] + 1.0, center[2] + self.U(-1, 1) * half[2]),
                (0.35, 1.4, self.U(0.35, 0.8)), role=Role.PLAIN,
            )  # fmt: skip

    def _green_lot(self, side: int, edge: float, z: float, depth: float):
        for _ in range(int(self.rng.integers(1, 4))):
            self._tree(side * (edge + self.U(1, 7)), z + self.U(0, depth))
        center_z = z + depth / 2
        if self.chance(self.grammar.walls):
            height = 0.7 if self.grammar is PLAIN else self.U(0.3, 1.1)
            self.list.add(
                Kind.BOX, Material.WALL, self.list.instance(), (side * (edge + 0.3), height, center_z),
                (0.12, height, depth / 2), role=Role.PLAIN,
            )  # fmt: skip
        elif self.chance(0.3):
            height = self.U(0.9, 1.3)
            self.list.add(
                Kind.ELLIPSOID, Material.LEAF, self.list.instance(), (side * (edge + 1.1), height * 0.4, center_z),
                (0.9, height, depth / 2), role=Role.LEAVES,
            )  # fmt: skip

    def _tree(self, x: float, z: float):
        thing, trunk, r, h = self.list.instance(), self.U(0.13, 0.25), self.U(*self.grammar.crowns), self.U(1.6, 3.2)
        bare = self.grammar.bare > 0 and self.chance(self.grammar.bare)
        crown = Material.TWIG if bare else Material.LEAF
        self.list.add(Kind.CYLINDER, Material.TRUNK, thing, (x, (h + r) / 2, z), (trunk, (h + r) / 2, trunk))
        for i in range(int(self.rng.integers(1, 4))):
            jitter = (0.0, 0.0, 0.0) if i == 0 else (self.N(0.4 * r), self.N(0.25 * r), self.N(0.4 * r))
            center = (x + jitter[0], h + r * self.U(0.7, 1.2) + jitter[1], z + jitter[2])
            half = (r * self.U(0.7, 1.2), r * self.U(0.7, 1.2), r * self.U(0.7, 1.2))
            self.list.add(Kind.ELLIPSOID, crown, thing, center, half, role=Role.LEAVES)

    def _street_trees(self, side: int):
        if not self.chance(self.grammar.street_trees):
            return
        z = self.U(5, 15)
        while z < self.length + 60:
            self._tree(side * (self.kerb(side) + self.U(0.9, 1.5)), z)
            z += self.U(8, 20)

    # Poles.
    def _poles(self, side: int):
        z = self.U(4, 14)
        while z < self.length + FURNITURE_REACH:
            x, radius = side * (self.kerb(side) + self.U(0.25, 0.6)), self.U(0.07, 0.12)
            kind = self.rng.random()
            if kind < 0.45:
                self._lamp(side, x, z, radius)
            elif kind < 0.80:
                self._sign(x, z, radius)
            else:
                self._traffic_light(x, z, radius)
            z += self.U(*self.grammar.pole_gaps)

    def _pole(self, x: float, z: float, radius: float, height: float) -> int:
        thing = self.list.instance()
        self.list.add(Kind.CYLINDER, Material.POLE, thing, (x, height / 2, z), (radius, height / 2, radius))
        return thing

    def _lamp(self, side: int, x: float, z: float, radius: float):
        height = self.U(5.0, 6.5)
        thing = self._pole(x, z, radius, height)
        self.list.add(Kind.BOX, Material.POLE, thing, (x - side * 0.8, height, z), (0.8, 0.05, 0.05))
        head = (x - side * 1.75, height - 0.02, z)
        self.list.add(Kind.BOX, Material.LAMP, thing, head, (0.35, 0.1, 0.16), role=Role.LAMP_HEAD)
        self.lamps.append((head[0], head[1] - 0.12, z))

    def _sign(self, x: float, z: float, radius: float):
        height, size = self.U(2.2, 3.2), self.U(0.3, 0.5)
        thing = self._pole(x, z, radius * 0.6, height)
        shape, aspect = (Kind.ELLIPSOID, 1.0) if self.chance(0.5) else (Kind.BOX, self.U(0.7, 1.3))
        self.list.add(
            shape, Material.SIGN, thing, (x, height - size * 0.5, z - radius - 0.03), (size, size * aspect, 0.025),
            role=Role.SIGN,
        )  # fmt: skip

    def _traffic_light(self, x: float, z: float, radius: float):
        height = self.U(3.0, 4.0)
        thing = self._pole(x, z, radius, height)
        self.list.add(
            Kind.BOX, Material.SIGNAL_BOX, thing, (x, height - 0.3, z - 0.15), (0.2, 0.5, 0.15),
            role=Role.TRAFFIC_LIGHT, params=(float(self.chance(0.5)),),
        )  # fmt: skip

    # Vehicles.
    def _parked(self, side: int):
        inside = self.U(1.0, 1.2)
        # A parked car must leave the lane beside it free.
        if self.kerb(side) - inside - 0.95 < abs(LANE_X if side > 0 else ONCOMING_X) + 0.85:
            return
        z = self.U(5, 14)
        while z < self.length + 60:
            if self.chance(self.grammar.parked):
                heading = 0.0 if side > 0 or self.chance(0.3) else math.pi
                self._vehicle(side * (self.kerb(side) - inside), z, heading + self.N(0.03), 0.0)
            z += self.U(5.5, 11)

    def _traffic(self):
        own_speed = self.U(STREET_SPEED, STREET_SPEED + 1.0)
        z = self.U(7, 25)
        while z < self.length * 0.15 + 75:
            if self.chance(self.grammar.traffic):
                self._vehicle(LANE_X + self.N(0.1), z, self.N(0.02), own_speed)
            z += self.U(9, 25)
        # Oncoming traffic meets the camera, so its row is about twice as long as the way driven.
        z, speed = self.U(7, 25), self.U(STREET_SPEED - 1, STREET_SPEED + 2)
        while z < self.length * 2.2 + 75:
            if self.chance(self.grammar.traffic):
                self.headlights.append(self._vehicle(ONCOMING_X + self.N(0.1), z, math.pi + self.N(0.02), -speed))
            z += self.U(9, 25)
        if self.chance(0.15) and not self.driving:
            turn = math.pi / 2 * (1 if self.chance(0.5) else -1)
            self._vehicle(self.U(-4, 4), self.U(12, 30), turn + self.U(-0.1, 0.1), 0.0)

    def _vehicle(self, x: float, z: float, yaw: float, speed: float) -> int:
        """Add a vehicle whose front looks along local +z; return the id of its body box."""
        moving = (0.0, 0.0, speed)
        body = self._car(x, z, yaw, moving) if self.chance(0.78) else self._van(x, z, yaw, moving)
        self.vehicles.append(body)
        return body

    def _car(self, x: float, z: float, yaw: float, moving: tuple) -> int:
        thing, w, half_length = self.list.instance(), self.U(0.82, 0.95), self.U(1.9, 2.4)
        cabin_height, cabin_length = self.U(0.25, 0.36), half_length * self.U(0.45, 0.62)
        shift = -half_length * self.U(0.0, 0.3)
        place = _place(x, z, yaw)
        body = len(self.list._rows)
        self.list.add(
            Kind.BOX, Material.CAR_PAINT, thing, place(0, 0.62, 0), (w, 0.34, half_length), yaw, Role.CAR_BODY,
            velocity=moving,
        )  # fmt: skip
        self.list.add(
            Kind.BOX, Material.GLASS, thing, place(0, 0.94 + cabin_height, shift),
            (0.86 * w, cabin_height, cabin_length), yaw, Role.CAR_CABIN, velocity=moving,
        )  # fmt: skip
        # Bonnet and boot are vaulted.
        self.list.add(
            Kind.ELLIPSOID, Material.CAR_PAINT, thing, place(0, 0.80, 0),
            (0.97 * w, 0.34, half_length * 0.985), yaw, velocity=moving,
        )  # fmt: skip
        self.list.add(
            Kind.BOX, Material.UNDERBODY, thing, place(0, 0.24, 0), (w * 0.85, 0.1, half_length * 0.9), yaw,
            velocity=moving,
        )  # fmt: skip
        self._wheels(thing, place, yaw, w, half_length * 0.62, 0.31, moving)
        return body

    def _van(self, x: float, z: float, yaw: float, moving: tuple) -> int:
        thing, half_length, half_height = self.list.instance(), self.U(2.6, 4.8), self.U(0.9, 1.35)
        place = _place(x, z, yaw)
        body = len(self.list._rows)
        self.list.add(
            Kind.BOX, Material.CAR_PAINT, thing, place(0, 0.5 + half_height, 0), (1.1, half_height, half_length), yaw,
            Role.VAN, params=(float(self.chance(0.5)),), velocity=moving,
        )  # fmt: skip
        self.list.add(
            Kind.BOX, Material.UNDERBODY, thing, place(0, 0.38, 0), (0.95, 0.14, half_length * 0.9), yaw,
            velocity=moving,
        )  # fmt: skip
        self._wheels(thing, place, yaw, 1.08, half_length * 0.66, 0.42, moving)
        return body

    def _wheels(self, thing, place, yaw, x, z, radius, moving):
        for sx in (-x, x):
            for sz in (-z, z):
                self.list.add(
                    Kind.ELLIPSOID, Material.TYRE, thing, place(sx * 0.97, radius, sz), (0.12, radius, radius), yaw,
                    Role.WHEEL, velocity=moving,
                )  # fmt: skip

    # People.
    def _pedestrians(self):
        stretches = [(4.0 + 36.0 * k, k == 0) for k in range(int(self.length / 36) + 1)]
        for start, first in stretches:
            for side in (-1, 1):
                for _ in range(int(self.rng.poisson(self.grammar.walkers))):
                    z = start + 36 * self.rng.random() ** (1.4 if first else 1.0)
                    x = side * (self.kerb(side) + self.U(0.35, max(0.5, self.walk(side) - 0.3)))
                    self._person(x, z, self.U(0.8, 1.6) * (1 if self.chance(0.5) else -1))
            for _ in range(int(self.rng.poisson(self.grammar.crossers))):
                x = self.U(self.ground.left + 0.5, self.ground.right - 0.5)
                if self.driving and -0.2 < x < 3.6:  # the camera drives here
                    x = self.ground.right + 0.4
                self._person(x, start + self.U(2, 26), 0.0)

    def _person(self, x: float, z: float, speed: float):
        thing, h, r = self.list.instance(), self.U(1.5, 1.9), self.U(0.2, 0.27)
        moving = (0.0, 0.0, speed)

        def cylinder(material, radius, low, high, role=Role.PLAIN, dx=0.0):
            self.list.add(
                Kind.CYLINDER, material, thing, (x + dx, h * (low + high) / 2, z),
                (radius, h * (high - low) / 2, radius), role=role, velocity=moving,
            )  # fmt: skip

        cylinder(Material.TROUSERS, 0.42 * r, 0.0, 0.5, dx=-0.42 * r)
        cylinder(Material.TROUSERS, 0.42 * r, 0.0, 0.5, dx=0.42 * r)
        cylinder(Material.JACKET, r, 0.46, 0.80, Role.TORSO)
        # Shoulders slope into the head.
        self.list.add(
            Kind.ELLIPSOID, Material.JACKET, thing, (x, 0.79 * h, z), (r * 1.02, 0.07 * h, r * 1.02), velocity=moving
        )
        self.list.add(Kind.ELLIPSOID, Material.SKIN, thing, (x, 0.92 * h, z), (0.12, 0.15, 0.12), velocity=moving)

    def _end_block(self):
        z = self.length + BUILT_REACH + 3
        params = (self.U(2.5, 4.0), self.U(2.8, 3.6), 0.5, 0.55, 0.0, self.rng.random())
        self.list.add(
            Kind.BOX, Material.BUILDING, self.list.instance(), (0.0, 9.0, z + 5), (30.0, 9.0, 5.0),
            role=Role.FACADE, params=params,
        )  # fmt: skip


    # What only the varied grammar has.
    def _beyond_plain(self):
        for _ in range(int(self.rng.poisson(self.grammar.cyclists))):
            near = self.chance(0.6)
            x = self.ground.right - self.U(0.5, 2.0) if near else self.ground.left + self.U(0.5, 2.0)
            self._cyclist(x, 4 + 36 * self.rng.random() ** 1.4, 0.0 if near else math.pi)
        for side in (-1, 1):
            for _ in range(int(self.rng.poisson(self.grammar.bollards))):
                self._bollard(side * (self.kerb(side) + self.U(0.2, self.walk(side))), self.U(3, 40))
            for _ in range(int(self.rng.poisson(self.grammar.far_trees))):
                self._far_tree(side * self.U(15, 70), self.U(50, 130))
        for _ in range(int(self.rng.poisson(self.grammar.islands))):
            self._bollard(self.U(-1.2, 0.2), self.U(8, 40))

    def _cyclist(self, x: float, z: float, yaw: float):
        """A rider on a bicycle; both are one thing of class human, as the classes of CamVid have it."""
        thing, place, h = self.list.instance(), _place(x, z, yaw + self.N(0.15)), self.U(0.95, 1.1)
        for along in (-0.52, 0.52):
            self.list.add(
                Kind.ELLIPSOID, Material.BICYCLE, thing, place(0, 0.34, along), (0.04, 0.34, 0.34), yaw, Role.WHEEL,
            )  # fmt: skip
        self.list.add(Kind.BOX, Material.BICYCLE, thing, place(0, 0.62, 0), (0.03, 0.12, 0.45), yaw)
        for dx in (-0.12, 0.12):
            self.list.add(Kind.BOX, Material.TROUSERS, thing, place(dx, 0.68 * h, 0.0), (0.08, 0.36, 0.14), yaw)
        self.list.add(
            Kind.ELLIPSOID, Material.JACKET, thing, place(0, 1.28 * h, 0.08), (0.24, 0.36, 0.27), yaw, Role.TORSO
        )
        self.list.add(Kind.ELLIPSOID, Material.SKIN, thing, place(0, 1.68 * h, 0.22), (0.12, 0.15, 0.13), yaw)

    def _bollard(self, x: float, z: float):
        thing, height, radius = self.list.instance(), self.U(0.35, 0.6), self.U(0.06, 0.25)
        self.list.add(Kind.CYLINDER, Material.POLE, thing, (x, height, z), (radius, height, radius))

    def _far_tree(self, x: float, z: float):
        thing, r = self.list.instance(), self.U(3, 7)
        crown = Material.TWIG if self.chance(self.grammar.bare) else Material.LEAF
        center = (x, r * self.U(0.6, 1.3), z)
        self.list.add(Kind.ELLIPSOID, crown, thing, center, (r, r * self.U(0.8, 1.3), r), role=Role.LEAVES)


def _place(x: float, z: float, yaw: float):
    """Return a function from local vehicle coordinates to world coordinates (metres)."""
    c, s = math.cos(yaw), math.sin(yaw)
    return lambda lx, ly, lz: (x + c * lx + s * lz, ly, z - s * lx + c * lz)
