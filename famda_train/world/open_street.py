# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The open streets: terraces, suburbs, avenues, country roads, arterial roads and car parks, seen by any camera."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.world import open_things as things
from famda_train.world.camera import Camera
from famda_train.world.layout import FIRST_OBJECT_INSTANCE, MOST_INSTANCES, STREET_SPEED, Layout
from famda_train.world.looks import Range
from famda_train.world.materials import Material
from famda_train.world.open_ground import Area, Line, Mark, OpenGround, Shape, mirrored
from famda_train.world.open_vehicles import add_motorcycle, add_trailer, add_tram, add_vehicle
from famda_train.world.primitives import Kind, PrimitiveList, Primitives
from famda_train.world.site import Site, placed

PLACES = {'terrace': 0.23, 'suburb': 0.15, 'avenue': 0.19, 'country': 0.10, 'arterial': 0.25, 'car park': 0.08}
"""Place -> probability."""
REACH = 170.0
"""How far, in metres, a street reaches ahead of the last camera position."""
FIELD_OF_VIEW = (40.0, 110.0)
"""Horizontal, in degrees."""


@dataclass(frozen=True)
class Stand:
    """Where the camera is, and what of the own car it sees.

    Attributes:
        x, y: metres; yaw, pitch, roll: radians.
        bonnet: share of the image height that the own car covers; 0 = none of it.
        bonnet_shape: half width, length and vault in metres, tilt of its edge.
    """

    x: float
    y: float
    yaw: float
    pitch: float
    roll: float
    bonnet: float
    bonnet_shape: tuple[float, float, float, float]


def open_focal(seed: int, width: int) -> float:
    """Return the focal length in pixels that belongs to a seed."""
    rng = np.random.default_rng([seed, 0x0F0C])
    low, high = FIELD_OF_VIEW
    view = rng.triangular(low, 62, high) if rng.random() < 0.7 else rng.uniform(low, high)
    return width / 2 / math.tan(math.radians(view) / 2)


def open_scene(seed: int, width: int, height: int, focal: float | None = None) -> tuple[Layout, Camera]:
    """Return the street of a seed and the camera in it.

    Args:
        seed: decides street, camera and, unless ``focal`` is given, the field of view.
        width, height: image size in pixels.
        focal: in pixels.
    """
    layout, stand = open_layout(seed)
    camera = open_camera(seed, stand, width, height, focal)
    return (_with_own_car(layout, camera, stand) if stand.bonnet else layout), camera


def open_camera(seed: int, stand: Stand, width: int, height: int, focal: float | None = None) -> Camera:
    """Return the camera of a stand; see :func:`open_scene`."""
    focal = open_focal(seed, width) if focal is None else float(focal)
    return Camera(
        width, height, focal, (width - 1) / 2, (height - 1) / 2, x=stand.x, y=stand.y, yaw=stand.yaw,
        pitch=stand.pitch, roll=stand.roll,
    )  # fmt: skip


def open_layout(seed: int, length: float = 0.0) -> tuple[Layout, Stand]:
    """Return the street of a seed without the own car, and where the camera stands.

    Args:
        length: metres that the camera will travel ahead; 0 = a single view.
    """
    return _OpenStreet(np.random.default_rng([seed, 0x09E7]), length).build()


class _OpenStreet(Site):
    """Builds one street in street coordinates (own side on the right), then bends and mirrors it."""

    def __init__(self, rng: np.random.Generator, length: float):
        super().__init__(rng, FIRST_OBJECT_INSTANCE)
        self.length, self.driving = length, length > 0
        self.place = self.pick(list(PLACES), list(PLACES.values()))
        if self.driving and self.place == 'car park':
            self.place = 'suburb'
        self.aside = not self.driving and self.chance(0.12)
        self.start = -45.0 if self.aside else -8.0
        self.end = length + REACH
        self.detail = math.inf if self.driving else 55.0
        self.against = not self.driving and self.chance(0.2)  # looking back: the own lane comes towards the camera
        self.bare = self.pick((0.0, 0.25, 0.7, 1.0), (0.5, 0.15, 0.15, 0.2))
        self.areas: list[Area] = []
        self.lines: list[Line] = []
        self.marks: list[Mark] = []
        self.junctions: list[tuple[float, float]] = []
        self.bend = 0.0 if self.driving or self.chance(0.45) else self.pick((-1, 1)) / self.U(120, 700)

    # The road itself.
    def _road(self):
        own, other = {
            'terrace': (1, 1), 'suburb': (1, 1), 'country': (1, 1), 'car park': (1, 1),
            'avenue': self.pick(((1, 1), (2, 2), (1, 0), (2, 0))),
            'arterial': self.pick(((2, 2), (3, 3), (4, 0), (2, 1), (3, 2), (4, 4), (1, 1))),
        }[self.place]  # fmt: skip
        self.lane = self.U(2.6, 3.3) if self.place in ('terrace', 'suburb') else self.U(2.9, 3.8)
        wide_middle = self.chance({'arterial': 0.6, 'avenue': 0.35}.get(self.place, 0.0)) and other
        self.tram = bool(other) and self.chance({'arterial': 0.3, 'avenue': 0.2, 'terrace': 0.08}.get(self.place, 0.0))
        self.middle = (self.U(5.8, 8) if self.tram else self.U(0.8, 7.0)) / 2 if wide_middle else 0.0
        share = {'terrace': 0.6, 'suburb': 0.5, 'avenue': 0.4, 'arterial': 0.12}.get(self.place, 0.0)
        self.parking = [self.U(1.9, 2.3) if self.chance(share) else 0.0 for _ in range(2)]
        gutter = self.U(0.15, 0.7) if self.place != 'arterial' else self.U(0.2, 2.5)
        self.own, self.other = own, other
        self.edge = [
            -(self.middle + other * self.lane + gutter + self.parking[0]),
            self.middle + own * self.lane + gutter + self.parking[1],
        ]
        if not other:  # one way: the left kerb is at the lane's edge
            self.edge[0] = -gutter - self.parking[0]
        for _ in range(self.count(0.35 if self.place == 'country' else 0.9)):
            wide = self.U(6, 16)
            z = self.U(10, 90)
            if all(abs(z - a) > 30 for a, _ in self.junctions):
                self.junctions.append((z, wide / 2))
        self.striped = self.chance(0.2)

    def kerb(self, side: int) -> float:
        return self.edge[side > 0]

    def _paint(self):
        paint = self.pick((Material.LANE_PAINT, Material.YELLOW_PAINT, Material.ROAD), (0.6, 0.2, 0.2))
        centre = self.pick((Material.LANE_PAINT, Material.YELLOW_PAINT, Material.ROAD), (0.75, 0.15, 0.1))
        period = self.U(4, 12)
        dash, phase, half = period * self.U(0.25, 0.65), self.U(0, 12), self.U(0.05, 0.09)
        for side in (-1, 1):
            inset = self.parking[side > 0] + self.U(0.1, 0.3)
            x = self.kerb(side) - side * inset
            for k in range(2 if self.chance(0.2) else 1):
                dashed = self.chance(0.15)
                self.lines.append(
                    Line(x - side * k * 0.25, half, 1.0 if dashed else 1, 2.0 if dashed else 1, 0, int(paint))
                )
            lanes = self.own if side > 0 else self.other
            for k in range(1, lanes):
                self.lines.append(
                    Line(side * (self.middle + k * self.lane), half, dash, period, phase, int(Material.LANE_PAINT))
                )
            if self.middle:
                self.lines.append(Line(side * (self.middle + 0.2), half, 1, 1, 0, int(paint)))
        if self.other and not self.middle:
            solid = self.chance(0.25)
            self.lines.append(Line(0.0, half, 1 if solid else dash, 1 if solid else period, phase, int(centre)))
            if self.chance(0.2):
                self.lines.append(Line(0.22, half, 1, 1, 0, int(centre)))
        for z, half_z in self.junctions:
            if self.chance(0.25):
                x0, x1 = self.kerb(-1), self.kerb(1)
                middle, half_x = (x0 + x1) / 2, (x1 - x0) / 2
                self._mark(Shape.HATCHING, middle, z, half_x, half_z, Material.YELLOW_PAINT, self.U(1.5, 3))
            for dz in (-half_z - 2.5, half_z + 2.5):
                if self.chance(0.45):
                    self._zebra(z + dz)
            if self.chance(0.6):
                x1 = self.kerb(1)
                middle, half_x = (self.middle + x1) / 2, (x1 - self.middle) / 2
                self._mark(Shape.RECTANGLE, middle, z - half_z - 5.5, half_x, 0.2, Material.LANE_PAINT)
        for _ in range(self.count(0.3)):
            self._zebra(self.U(4, 45))
        for _ in range(self.count(0.7)):
            self._arrow(self._lane_x(), self.U(4, 35))
        for _ in range(self.count(1.0)):
            x, z, r = self.U(*self.edge), self.U(2, 25), self.U(0.28, 0.4)
            shape = self.pick((Shape.DISC, Shape.RECTANGLE))
            self._mark(shape, x, z, r, r, self.pick((Material.DARK_PAINT, Material.RAIL)))
        # Tar and repaired patches; then words, boxes and what is left of them.
        self._scatter(0.5, Shape.RECTANGLE, (2, 40), (0.1, 1.5), (0.3, 9), Material.DARK_PAINT)
        if self.chance(0.15):
            self._scatter(3, Shape.DISC, (3, 30), (0.3, 1.6), (0.4, 3.5), Material.PUDDLE)
        self._scatter(0.8, Shape.RECTANGLE, (3, 40), (0.05, 0.8), (0.08, 1.5), Material.LANE_PAINT)
        if self.chance(0.15):
            # A lane for bicycles or buses in another colour.
            self._mark(Shape.RECTANGLE, self.kerb(1) - 1.2, 40, 0.9, 60, Material.PAVED)

    def _mark(self, shape: int, x: float, z: float, half_x: float, half_z: float, material: int, period: float = 1.0):
        self.marks.append(Mark(shape, x, z, half_x, half_z, int(material), period))

    def _scatter(self, mean: float, shape: int, z: Range, half_x: Range, half_z: Range, material: Material):
        """Paint marks anywhere across the road, about ``mean`` of them, within these ranges."""
        for _ in range(self.count(mean)):
            self._mark(shape, self.U(*self.edge), self.U(*z), self.U(*half_x), self.U(*half_z), material)

    def _zebra(self, z: float):
        x0, x1 = self.kerb(-1) + 0.3, self.kerb(1) - 0.3
        shape = Shape.BARS_ACROSS if self.chance(0.85) else Shape.BARS_ALONG
        middle, half_x = (x0 + x1) / 2, (x1 - x0) / 2
        self._mark(shape, middle, z, half_x, self.U(1.2, 2.2), Material.LANE_PAINT, self.U(0.8, 1.2))

    def _arrow(self, x: float, z: float):
        way = 1 if x > self.middle else -1
        white = Material.LANE_PAINT
        self._mark(Shape.RECTANGLE, x, z, 0.09, 1.4, white)
        if self.chance(0.7):
            self._mark(Shape.TRIANGLE, x, z + way * 2.1, 0.38, way * 0.8, white)
        if self.chance(0.5):
            turn = self.pick((-1, 1))
            self._mark(Shape.RECTANGLE, x + turn * 0.4, z + way * 0.2, 0.4, 0.15, white)
            self._mark(Shape.TRIANGLE, x + turn * 0.9, z + way * 0.35, 0.3, way * 0.6, white)

    def _lane_x(self) -> float:
        """Return the middle of a random lane."""
        if self.other and self.chance(0.4):
            return -(self.middle + self.lane * (int(self.rng.integers(self.other)) + 0.5))
        return self.middle + self.lane * (int(self.rng.integers(self.own)) + 0.5)

    # Beside the road.
    def _side(self, side: int):
        """Lay strips beyond the kerb; then houses, gardens, fields."""
        strips, out = [], 0.0

        def strip(material, wide):
            nonlocal out
            strips.append((out, int(material), self.thing()))
            out += wide

        place = self.place if not self.chance(0.15) else self.pick(('terrace', 'suburb', 'avenue', 'country'))
        lawn = self.pick((Material.GRASS, Material.PAVED), (0.8, 0.2) if place in ('suburb', 'avenue') else (0.5, 0.5))
        trees_at = None
        if place == 'country':
            if self.chance(0.4):
                strip(Material.GRAVEL, self.U(0.3, 1.5))
            strip(Material.GRASS, self.U(1.0, 6.0))
            if self.chance(0.25):
                strip(Material.PAVED, self.U(1.5, 2.5))
            beyond = self.pick((Material.FIELD, Material.GRASS))
        else:
            strip(Material.KERB, 0.16)
            if place != 'terrace' and self.chance(0.5):
                trees_at = out + 0.9
                strip(Material.GRASS, self.U(1.4, 4.0))
            strip(Material.SIDEWALK, self.U(1.3, 4.5))
            self.walk_at = out - 1.0
            if place != 'terrace' and self.chance(0.3):
                trees_at = out + 1.2
                strip(Material.GRASS, self.U(2, 8))
                if self.chance(0.5):
                    strip(Material.PAVED, self.U(1.5, 3.0))
            beyond = Material.PAVED if place == 'terrace' else lawn
        edge = out
        strip(beyond, 0.0)
        self.strips[side] = tuple(strips)
        kerb = abs(self.kerb(side))
        if trees_at is None:
            trees_at = 0.9
        self._trees_along(side, place, kerb, trees_at, edge)
        getattr(self, f'_line_{place.replace(" ", "_")}')(side, kerb + edge)
        self._furniture(side, place, kerb, max(edge - 0.3, 0.6))
        self._people(side, place, kerb, edge)
        if self.parking[side > 0]:
            self._parked(side, kerb - self.parking[side > 0] / 2)
        elif place == 'suburb' and self.chance(0.4) and not self.driving:
            self._parked(side, kerb + 0.2, 0.3)
        if self.striped or self.chance(0.4):
            things.add_kerb(self, self.kerb(side), self.start, min(self.end, 90), self.striped)

    def _trees_along(self, side: int, place: str, kerb: float, at: float, edge: float):
        if not self.chance({'avenue': 0.95, 'arterial': 0.5, 'suburb': 0.35, 'country': 0.35}.get(place, 0.2)):
            return
        size, step = self.U(1.3, 5.0) if place == 'avenue' else self.U(1.0, 3.5), self.U(5, 14)
        clear = self.U(1.8, 4.5)
        rows = 2 if place == 'avenue' and self.chance(0.35) else 1
        bare = self.bare > 0 and self.chance(self.bare)
        for row in range(rows):
            for z in self.along(self.start + self.U(0, step), self.end - 20, 0.8 * step, 1.25 * step):
                if self._free(z, 1.0) and self.chance(0.92):
                    x = side * (kerb + at + row * self.U(4, 7) + self.N(0.15))
                    things.add_tree(self, x, z, size * self.U(0.75, 1.2), bare, clear * self.U(0.8, 1.2))
                    if z > 90:  # crowns run together far away
                        step = min(step * 1.1, 20)

    def _free(self, z: float, half: float) -> bool:
        """Tell whether nothing crosses the street at z."""
        return all(abs(z - at) > wide + half for at, wide in self.junctions)

    def _line_terrace(self, side: int, front: float):
        front += self.U(0.1, 2.5) if self.chance(0.4) else 0.1
        low = self.U(5.5, 15)
        shops = self.pick((0.0, 0.4, 0.9))
        gaps = self.U(0.0, 0.25)
        z = self.start - self.U(0, 8)
        while z < self.end:
            deep = self.U(5, 16)
            if self._free(z + deep / 2, deep / 2):
                half_x = self.U(4, 9)
                x = side * (front + half_x + (self.U(0, 1.5) if self.chance(0.2) else 0.0))
                if self.chance(0.9):
                    things.add_block(
                        self, x, z + deep / 2, half_x, deep / 2, low * self.U(0.8, 1.5), self.chance(shops)
                    )
                else:
                    self._garden(side, front, z, deep)
            z += deep + (self.U(1, 9) if self.chance(gaps) else 0.0)

    def _line_suburb(self, side: int, front: float):
        setback, z = self.U(2.5, 16), self.start - self.U(0, 10)
        boundary = self.pick(('none', 'hedge', 'fence', 'mixed'))
        density = self.U(0.6, 1.0)
        while z < self.end:
            deep = self.U(10, 24)
            if self._free(z + deep / 2, deep / 2):
                middle = z + deep / 2
                if self.chance(density):
                    yaw = self.N(0.06) + (math.pi / 2 if self.chance(0.2) else 0.0)
                    things.add_house(self, side * (front + setback + 5 + self.N(0.6)), middle, -side, yaw)
                    if self.chance(0.6):  # drive, and a car on it
                        x0, x1 = sorted((side * (front - 2.0), side * (front + setback)))
                        at = middle + deep * self.U(-0.3, 0.3)
                        self.areas.append(
                            Area(
                                x0,
                                x1,
                                at - 1.5,
                                at + 1.5,
                                int(self.pick((Material.PAVED, Material.GRAVEL))),
                                self.thing(),
                            )
                        )
                        if self.chance(0.4) and setback > 5:
                            self._still_vehicle(
                                side * (front + setback - 3), at, math.pi / 2 * self.pick((-1, 1)), 0.05
                            )
                kind = boundary if boundary != 'mixed' else self.pick(('none', 'hedge', 'fence'))
                if kind == 'hedge':
                    things.add_hedge(self, side * (front + 0.6), z + self.U(0, 2), z + deep - self.U(1, 3))
                elif kind == 'fence':
                    things.add_fence(self, side * (front + 0.3), z + self.U(0, 2), z + deep - self.U(1, 3))
                self._garden(side, front + 0.8, z, deep, setback)
            z += deep

    def _garden(self, side: int, front: float, z: float, deep: float, reach: float = 7.0):
        for _ in range(self.count(0.8)):
            x, at = side * (front + self.U(0.8, max(reach, 2))), z + self.U(0, deep)
            kind = self.pick(('tree', 'bush', 'conifer'), (0.45, 0.4, 0.15))
            if kind == 'tree':
                things.add_tree(self, x + side * 1.5, at, self.U(1.0, 3.2), self.bare > 0 and self.chance(self.bare))
            elif kind == 'bush':
                things.add_bush(self, x, at, self.U(0.4, 1.5))
            else:
                things.add_conifer(self, x + side, at, self.U(0.7, 2.2))

    def _line_avenue(self, side: int, front: float):
        behind = self.pick(('suburb', 'terrace', 'belt', 'arterial', 'hedge'), (0.25, 0.15, 0.25, 0.15, 0.2))
        if behind in ('suburb', 'terrace', 'arterial'):
            getattr(self, f'_line_{behind}')(side, front + self.U(1, 10))
        else:
            if behind == 'hedge' or self.chance(0.4):
                for z in self.along(self.start, 100, 18, 30):
                    if self._free(z + 8, 8):
                        things.add_hedge(self, side * (front + 0.8), z, z + 16)
            x = front + self.U(3, 14)
            things.add_tree_belt(
                self, side * x, side * (x + self.U(0, 10)), self.start, self.end, self.U(3, 6), self.chance(self.bare)
            )

    def _line_country(self, side: int, front: float):
        if self.chance(0.45):
            at = front + self.U(0, 5)
            add = self.pick((things.add_hedge, things.add_fence))
            for z in self.along(self.start, 110, 18, 26):
                if self._free(z + 9, 9):
                    add(self, side * at, z, z + 18)
        for _ in range(self.count(3)):
            x, z = side * (front + self.U(3, 60)), self.U(10, 140)
            things.add_tree(self, x, z, self.U(1.5, 5.0), self.bare > 0 and self.chance(self.bare), self.U(0.5, 3))
        for _ in range(self.count(2)):
            things.add_bush(self, side * (front + self.U(1, 8)), self.U(3, 80), self.U(0.5, 2.0))
        for _ in range(self.count(0.8)):
            things.add_house(self, side * (front + self.U(10, 60)), self.U(25, 150), -side, self.U(-1.5, 1.5))
        if self.chance(0.6):
            x = front + self.U(8, 90)
            things.add_tree_belt(
                self,
                side * x,
                side * (x + self.U(-20, 40)),
                self.U(-10, 50),
                self.end,
                self.U(5, 9),
                self.chance(self.bare),
            )

    def _line_arterial(self, side: int, front: float):
        """Offices, sheds and towers far from the road, with grass, car parks and trees between."""
        setback = self.U(3, 45)
        z = self.start - self.U(0, 20)
        density = self.U(0.3, 1.0)
        while z < self.end:
            deep = self.U(14, 50)
            if self.chance(density) and self._free(z + deep / 2, deep / 2):
                half_x, high = (
                    self.U(6, 20),
                    self.pick((self.U(5, 9), self.U(9, 20), self.U(20, 55)), (0.45, 0.4, 0.15)),
                )
                things.add_block(
                    self, side * (front + setback + half_x), z + deep / 2, half_x, deep / 2 - 1, high, self.chance(0.2)
                )
            if setback > 14 and self.chance(0.4):
                wide = min(setback - 4, 16)
                x0, x1 = sorted((side * (front + 2), side * (front + 2 + wide)))
                self.areas.append(Area(x0, x1, z, z + deep, int(Material.ROAD), self.thing()))
                for at in self.along(z + 1.5, z + deep - 1.5, 2.4, 3.2):
                    if self.chance(0.55):
                        self._still_vehicle(
                            side * (front + 5), at, math.pi / 2 * self.pick((-1, 1)) + self.N(0.03), 0.05
                        )
            elif self.chance(0.4):
                self._garden(side, front + 1, z, deep, setback)
            z += deep + self.U(0, 12)
        if self.chance(0.35):
            at = side * (front + self.U(0.2, 1.0))
            add = self.pick((things.add_fence, things.add_hedge))
            for z in self.along(self.start, 100, 16, 24):
                if self._free(z + 8, 8):
                    add(self, at, z, z + 15)

    def _line_car_park(self, side: int, front: float):
        """Rows of parked cars on asphalt, lamps between, a shed behind."""
        wide = self.U(25, 70)
        x0, x1 = sorted((side * (front + 0.2), side * (front + wide)))
        self.areas.append(Area(x0, x1, self.start, self.U(60, 120), int(Material.ROAD), self.thing()))
        x = front + self.U(2.8, 6)
        full = self.U(0.35, 0.95)
        while x < front + wide - 4:
            self._mark_places(side * x)
            for z in self.along(self.start + 2, self.U(40, 90), 2.45, 2.75):
                if self.chance(full):
                    self._still_vehicle(
                        side * x + self.N(0.15), z, math.pi / 2 * self.pick((-1, 1)) + self.N(0.03), 0.03
                    )
            for z in self.along(self.U(0, 20), 90, 18, 30):
                if self.chance(0.5):
                    things.add_lamp(self, side * (x + 2.7), z, side)
                elif self.chance(0.5):
                    things.add_tree(
                        self, side * (x + 2.7), z, self.U(1.0, 2.2), self.bare > 0 and self.chance(self.bare)
                    )
            x += self.pick((5.2, 11.5, 11.5))
        for z in self.along(self.U(-10, 20), 110, 25, 60):
            things.add_block(
                self, side * (front + wide + 12), z + 12, 11, self.U(9, 16), self.U(4.5, 9), self.chance(0.5)
            )

    def _mark_places(self, x: float):
        """Mark parking places around x, square to the street."""
        for z in np.arange(self.start, 60.0, 2.6):
            self._mark(Shape.RECTANGLE, x, float(z), 2.4, 0.05, Material.LANE_PAINT)

    # Furniture and people.
    def _furniture(self, side: int, place: str, kerb: float, reach: float):
        many = {'terrace': 1.0, 'suburb': 0.8, 'avenue': 1.0, 'country': 0.35, 'arterial': 1.3, 'car park': 0.8}[place]
        lamp_step = self.U(14, 40)
        at = self.U(0.3, max(0.4, min(reach, 1.5)))
        if self.chance(0.75 if place != 'country' else 0.25):
            for z in self.along(self.start + self.U(0, lamp_step), 140, lamp_step * 0.9, lamp_step * 1.1):
                things.add_lamp(self, side * (kerb + at), z, side)
        for _ in range(self.count(8.5 * many)):
            x = side * (kerb + self.U(0.25, reach + 0.3))
            things.add_sign(self, x, 4.0 + 60 * self.rng.random() ** 1.3, self.chance(0.3))
        for _ in range(self.count(1.2 * many)):  # bare poles: of wires, flags, cameras
            thing, high = self.thing(), self.U(2.5, 9)
            self.post(
                Material.POLE,
                thing,
                side * (kerb + self.U(0.3, reach + 2)),
                self.U(3, 60),
                self.U(0.03, 0.14),
                0.0,
                high,
            )
        for _ in range(self.count(0.7 * many)):
            things.add_posts(self, side * (kerb + self.U(0.2, reach)), self.U(2.5, 40))
        lights = self.chance(0.6)
        for z, half in self.junctions:
            if lights and self.chance(0.8):
                for dz in self.pick(((-half - 1.5,), (half + 1.5,), (-half - 1.5, half + 1.5))):
                    things.add_traffic_light(self, side * (kerb + self.U(0.3, 1.0)), z + dz, side)
        if self.chance(0.15 * many):
            things.add_traffic_light(self, side * (kerb + self.U(0.3, 1.0)), self.U(5, 30), side)
        if self.chance(0.12 * many):
            things.add_shelter(self, side * (kerb + max(reach - 0.8, 0.9)), self.U(6, 40), side)

    def _people(self, side: int, place: str, kerb: float, edge: float):
        many = {'terrace': 1.6, 'suburb': 0.5, 'avenue': 0.8, 'country': 0.12, 'arterial': 0.7, 'car park': 1.0}[place]
        busy = many * self.pick((0.3, 1.0, 2.2))
        for _ in range(self.count(1.6 * busy)):
            x, z = side * (kerb + self.U(0.4, max(edge, 1.2))), 2.0 + 45 * self.rng.random() ** 1.6
            things.add_group(self, x, z, self.pick((1, 2, 3, 5), (0.55, 0.27, 0.12, 0.06)))
        for _ in range(self.count(0.3 * busy)):  # at the kerb or on the road
            things.add_group(
                self, side * self.U(max(kerb - 3, 0.5), kerb + 0.3), self.U(4, 35), self.pick((1, 1, 2, 4))
            )
        for _ in range(self.count(0.35 * many)):
            x = side * (kerb + self.U(-1.4, 1.0))
            things.add_cyclist(
                self, x, self.U(4, 45), 0.0 if side > 0 else math.pi, 0.0 if self.driving else self.U(3, 5) * side
            )
        if self.chance(0.15 * many):
            x, z = side * (kerb + self.U(0.8, max(edge, 1.5))), self.U(4, 30)
            for k in range(int(self.rng.integers(1, 7))):
                things.add_cyclist(self, x, z + 0.55 * k, math.pi / 2 + self.N(0.1), rider=False)

    # Vehicles.
    def _still_vehicle(self, x: float, z: float, yaw: float, large: float):
        add_vehicle(self, x, z, yaw, 0.0, large)

    def _parked(self, side: int, x: float, full: float | None = None):
        full = self.U(0.3, 0.97) if full is None else full
        z = self.start + self.U(0, 6) if self.chance(0.3) or self.aside else self.U(5, 30)
        end = self.U(50, 130)
        while z < end:
            if self.chance(full) and self._free(z, 3):
                yaw = (0.0 if side > 0 or self.chance(0.3) else math.pi) + self.N(0.03)
                if self.chance(0.04):
                    add_trailer(self, side * x, z, yaw)
                    z += 5.5
                elif self.chance(0.05):
                    for k in range(int(self.rng.integers(1, 5))):
                        add_motorcycle(self, side * x, z + 0.9 * k, math.pi / 2 * side + self.N(0.15), (0, 0, 0))
                    z += 5.0
                else:
                    z += 2 * add_vehicle(self, side * x, z, yaw, 0.0, 0.08) + self.U(0.5, 1.6)
            else:
                z += self.U(4, 7)

    def _traffic(self):
        busy = self.pick((0.2, 0.55, 0.9), (0.3, 0.42, 0.28))
        large = self.pick((0.1, 0.25, 0.5), (0.5, 0.35, 0.15))
        rows = [(1, k) for k in range(self.own)] + [(-1, k) for k in range(self.other)]
        for way, k in rows:
            x = way * (self.middle + self.lane * (k + 0.5))
            forward = way > 0
            speed = self.U(STREET_SPEED - 2, STREET_SPEED + 4) if not (forward and self.driving) else self.U(8, 9)
            # Mostly nobody is close: what stands beside or right ahead would fill the picture.
            z = self.U(4, 14) if self.chance(0.2) else self.U(10, 60)
            if self.aside:
                z -= 30
            end = 140 + (0.15 if forward else 2.2) * self.length
            while z < end:
                if self.chance(busy):
                    yaw = (0.0 if forward else math.pi) + self.N(0.02)
                    half = add_vehicle(self, x + self.N(0.15), z + 3, yaw, speed if forward else -speed, large)
                    z += 2 * half
                z += self.U(5, 18) / (0.25 + busy)
        if self.tram:
            for way in (-1, 1):
                x = way * (self.middle / 2 if self.middle else 1.6)
                for rail in (-0.72, 0.72):
                    self.lines.append(Line(x + rail, 0.05, 1, 1, 0, int(Material.RAIL)))
                if self.chance(0.4):
                    add_tram(self, x, self.U(22, 90), 0.0 if way > 0 else math.pi, 0.0 if self.driving else way * 7.0)
        for z, half in self.junctions:  # across
            for _ in range(self.count(0.5)):
                x = self.U(-30, 30)
                if abs(x - self.own_x) > 5 or not self.driving:
                    self._still_vehicle(x, z + self.U(-half, half) * 0.6, math.pi / 2 * self.pick((-1, 1)), 0.15)

    def _median(self):
        """Fill what lies between the carriageways: grass, paving or rails, trees, barriers, posts."""
        if not self.middle:
            return
        m = self.middle
        kind = (
            Material.GRAVEL
            if self.tram and self.chance(0.4)
            else self.pick((Material.GRASS, Material.SIDEWALK, Material.PAVED))
        )
        pieces, last = [], self.start
        for z, half in sorted(self.junctions):
            pieces.append((last, z - half))
            last = z + half
        pieces.append((last, self.end))
        for z0, z1 in pieces:
            if z1 - z0 < 3:
                continue
            self.areas.append(
                Area(
                    -m,
                    m,
                    z0,
                    z1,
                    int(kind if not self.tram or kind != Material.GRASS else Material.GRAVEL),
                    self.thing(),
                )
            )
            if m < 0.7:
                if self.chance(0.6):
                    things.add_fence(self, 0.0, z0, min(z1, 120))
            elif not self.tram and self.chance(0.6):
                size = min(self.U(1.0, 3.0), m + 1.5)
                for z in self.along(z0 + 2, z1, 7, 16):
                    things.add_tree(self, self.N(0.2), z, size * self.U(0.8, 1.2), self.chance(self.bare), self.U(2, 4))
            elif not self.tram and self.chance(0.5):
                things.add_hedge(self, 0.0, z0 + 1, min(z1, 120))
            if m > 0.7 and self.chance(0.6):
                for side in (-1, 1):
                    things.add_kerb(self, side * m, z0, min(z1, 90), self.striped)
            for _ in range(self.count(1.0)):
                things.add_sign(self, self.U(-0.5, 0.5) * m, self.U(z0, min(z1, 80)), self.chance(0.3))
            if self.tram or self.chance(0.3):
                step = self.U(18, 32)
                for z in self.along(z0 + 1, min(z1, 140), step, step + 4):
                    things.add_lamp(self, 0.0, z, self.pick((-1, 1)))

    def _far(self):
        """Close the view: tree lines, hills, towers, houses, or nothing."""
        for side in (-1, 1):
            if self.chance(0.45):
                add = self.U(30, 120)
                x1, z0, z1 = side * self.U(5, 60), self.U(60, 150), self.length + self.U(160, 205)
                things.add_tree_belt(self, side * add, x1, z0, z1, self.U(6, 11), self.chance(self.bare))
            for _ in range(self.count(1.0)):
                things.add_block(
                    self,
                    side * self.U(25, 120),
                    self.length + self.U(90, 200),
                    self.U(6, 15),
                    self.U(6, 15),
                    self.U(6, 45),
                    False,
                )
        if self.chance(0.4):
            for _ in range(int(self.rng.integers(1, 4))):
                things.add_hill(self, self.U(-150, 150), self.length + self.U(150, 200))
        if self.bend == 0 and self.chance(0.35):  # the road ends at something
            if self.chance(0.5):
                things.add_block(self, self.U(-8, 8), self.end + 8, self.U(12, 30), 6, self.U(7, 20), False)
            else:
                things.add_tree_belt(self, -45, 45, self.end + 8, self.end + 12, self.U(4, 7), self.chance(self.bare))

    # Everything together.
    def build(self) -> tuple[Layout, Stand]:
        self.strips: dict[int, tuple] = {}
        self._road()
        self.own_x = self.middle + self.lane * (int(self.rng.integers(self.own)) + 0.5)
        for z, half in self.junctions:
            self.areas.append(Area(-400, 400, z - half, z + half, int(Material.ROAD), self.thing()))
        for side in (-1, 1):
            self._side(side)
        self._median()
        self._traffic()
        self._paint()
        self._far()
        if self.chance(0.07) and self.place != 'car park':
            things.add_bridge(self, self.kerb(-1), self.kerb(1), self.U(-4, 60))
        if self.place == 'arterial' and self.chance(0.2):
            things.add_gantry(self, self.kerb(-1), self.kerb(1), self.U(15, 70))
        stand = self._stand()
        return self._finish(stand)

    def _stand(self) -> Stand:
        kind = self.pick(('usual', 'low', 'high'), (0.8, 0.1, 0.1))
        y = {'usual': self.U(1.2, 1.9), 'low': self.U(0.3, 1.2), 'high': self.U(1.9, 2.5)}[kind]
        x = self.own_x + float(np.clip(self.N(0.35), -0.9, 0.9))
        walk = not self.driving and self.chance(0.25 if kind == 'low' else 0.04)
        if walk:
            x = self.kerb(1) + self.U(0.6, 2.2)
        elif self.chance(0.1) and not self.driving:
            x = self.U(self.kerb(-1) + 1.2, self.kerb(1) - 1.2)
        yaw = float(np.clip(self.N(0.10), -0.4, 0.4))
        if self.aside:
            yaw = self.pick((-1, 1)) * self.U(0.5, 2.0)
        pitch, roll = float(np.clip(self.N(0.05) - 0.015, -0.17, 0.13)), float(np.clip(self.N(0.022), -0.09, 0.09))
        if self.driving:  # mounted straight, as a drive's transform says
            yaw = roll = 0.0
        bonnet = not (self.aside or walk or self.driving) and 1.1 < y < 2.2 and self.chance(0.4)
        shape = (self.U(0.75, 1.7), self.U(0.6, 1.3), self.U(0.12, 0.45), self.U(-0.3, 0.3))
        return Stand(x, y, yaw, pitch, roll, self.U(0.02, 0.2) if bonnet else 0.0, shape)

    def _finish(self, stand: Stand) -> tuple[Layout, Stand]:
        ground = OpenGround(
            self.edge[0], self.edge[1], self.bend, self.strips[-1], self.strips[1], tuple(self.areas),
            tuple(self.lines), tuple(self.marks),
        )  # fmt: skip
        instances = self.thing()
        if instances > MOST_INSTANCES:
            raise FamdaError(f'a drive of {self.length:.0f} m has too many things for 16-bit ids; take fewer frames')
        primitives = self.list.build()
        lamps = np.array(self.lamps, np.float64).reshape(-1, 3)
        if self.against:  # what drove ahead now comes, and the other way round
            moving = primitives.velocity[:, 2] != 0
            primitives = _turned(primitives, moving)
        if self.bend:
            center, yaw = primitives.center.copy(), primitives.yaw
            ahead = np.clip(center[:, 2], 0, 150)
            center[:, 0] += ground.shift(center[:, 2])
            yaw = (yaw + np.arctan(self.bend * ahead)).astype(np.float32)
            primitives = replace(primitives, center=center, yaw=yaw)
            lamps[:, 0] += ground.shift(lamps[:, 2])
        headlights = np.array(self.headlights, np.int64)
        if self.against:
            ids = np.array(self.vehicles, np.int64)
            headlights = ids[primitives.velocity[ids, 2] < 0]
        if self.chance(0.4):  # left-hand traffic
            primitives = replace(primitives, center=primitives.center * [-1, 1, 1], yaw=-primitives.yaw)
            lamps, ground, stand = lamps * [-1, 1, 1], mirrored(ground), replace(stand, x=-stand.x, yaw=-stand.yaw)
        keep = _without_what_is_at_the_camera(primitives, stand)
        number = np.cumsum(keep) - 1
        vehicles = np.array(self.vehicles, np.int64)
        headlights, vehicles = (number[ids[keep[ids]]] for ids in (headlights, vehicles))
        layout = Layout(ground, primitives.take(np.flatnonzero(keep)), lamps, headlights, vehicles, instances)
        return layout, stand


def _turned(primitives: Primitives, which: np.ndarray) -> Primitives:
    """Return the primitives with some things turned by half a circle about their own middle, and driving back."""
    center, yaw, velocity = primitives.center.copy(), primitives.yaw.copy(), primitives.velocity.copy()
    for thing in np.unique(primitives.instance[which]):
        part = primitives.instance == thing
        middle = (center[part].min(0) + center[part].max(0)) / 2
        center[part] = np.stack([2 * middle[0] - center[part, 0], center[part, 1], 2 * middle[2] - center[part, 2]], 1)
    yaw[which] += np.float32(math.pi)
    velocity[which] *= -1
    return replace(primitives, center=center, yaw=yaw, velocity=velocity)


def _without_what_is_at_the_camera(primitives: Primitives, stand: Stand, room: float = 0.7) -> np.ndarray:
    """Return bool [n]: primitives of things that leave the camera room, at its own place and time."""
    x, z = stand.x - primitives.center[:, 0], -primitives.center[:, 2]
    cos, sin = np.cos(primitives.yaw), np.sin(primitives.yaw)
    across, along = np.abs(cos * x - sin * z), np.abs(sin * x + cos * z)
    half = primitives.half
    near = (across < half[:, 0] + room) & (along < half[:, 2] + room)
    near &= primitives.center[:, 1] - half[:, 1] < stand.y + 0.4
    near &= primitives.center[:, 1] + half[:, 1] > 0.15  # kerbs may be passed
    return ~np.isin(primitives.instance, np.unique(primitives.instance[near]))


def _with_own_car(layout: Layout, camera: Camera, stand: Stand) -> Layout:
    """Return the layout with the bonnet that covers the lowest part of the image."""
    wide, long, vault, tilt = stand.bonnet_shape
    # The highest ray that still meets the bonnet, in the camera's vertical plane.
    row = (1 - stand.bonnet) * camera.height
    slope = math.tan(math.atan((camera.cy - row) / camera.focal) + camera.pitch)
    ahead = 0.45 + long
    top = camera.y + slope * ahead - math.sqrt(vault**2 + (slope * long) ** 2)
    place = placed(camera.x, camera.z, camera.yaw)
    thing = layout.instances
    own = PrimitiveList(thing + 1)
    x = 0.35 * tilt
    own.add(Kind.ELLIPSOID, Material.OWN_PAINT, thing, place(x, top, ahead), (wide, vault, long), camera.yaw)
    own.add(
        Kind.BOX, Material.OWN_DARK, thing, place(x, top - 0.5, (0.35 + ahead) / 2),
        (wide * 0.8, 0.5, ahead / 2 - 0.175), camera.yaw,
    )  # fmt: skip
    return replace(layout, primitives=layout.primitives.joined(own.build()), instances=thing + 1)
