# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What is known about the surface behind every pixel, before any light falls on it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from famda_ros.student.label_space import IGNORE
from famda_train.world import noise
from famda_train.world.camera import Camera
from famda_train.world.layout import Ground, Layout
from famda_train.world.materials import CLASS_OF_MATERIAL, Material
from famda_train.world.open_ground import OpenGround
from famda_train.world.primitives import Kind, Primitives, Role
from famda_train.world.raycast import GROUND, SKY, Veil, cast, frustum_planes

ROAD_INSTANCE, WALK_INSTANCES, VERGE_INSTANCES = 1, (2, 3), (4, 5)


@dataclass(frozen=True)
class GBuffer:
    """Geometry and materials of one view; all arrays [H, W] unless noted otherwise.

    Attributes:
        camera: the view.
        primitives: where they are at the moment of the view.
        rays: float32 [3, H, W], see ``Camera.rays``.
        depth: float32 metres along the optical axis, +inf for sky.
        primitive: int32 primitive id, or ``raycast.SKY`` or ``raycast.GROUND``.
        material: uint8 ``Material``.
        instance: uint16, 0 for sky.
        normal: float32 [3, H, W] world axes; zero for sky.
        point: float32 [3, H, W] metres relative to the camera's x and z; y is the height above the road.
        uv: float32 [2, H, W] surface coordinates in metres, fixed to the surface.
        variation: float32 0..1, constant on a part such as one window pane.
        state: float32, what a part shows: 0 or 1 for the red or green lens of a traffic light.
        veil: crowns whose gaps show what lies behind them; None = there are none.
    """

    camera: Camera
    primitives: Primitives
    rays: np.ndarray
    depth: np.ndarray
    primitive: np.ndarray
    material: np.ndarray
    instance: np.ndarray
    normal: np.ndarray
    point: np.ndarray
    uv: np.ndarray
    variation: np.ndarray
    state: np.ndarray
    veil: Veil | None = None

    @property
    def labels(self) -> np.ndarray:
        """uint8 [H, W] train ids of ``flat7``; 255 = ignored: the own car."""
        return CLASS_OF_MATERIAL[self.material]

    def truth(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (labels, depth, instances) as they are written.

        Crowns count as a whole, as people label them, also where something is seen between their branches;
        on the own car the depth is NaN.
        """
        labels, depth, instance = self.labels, self.depth, self.instance
        own = labels == IGNORE
        if own.any():
            depth = np.where(own, np.float32(np.nan), depth)
        if self.veil is not None:
            front = np.isfinite(self.veil.depth)
            which = self.veil.primitive[front]
            labels, depth, instance = labels.copy(), depth.copy(), instance.copy()
            labels[front] = CLASS_OF_MATERIAL[self.primitives.material[which]]
            depth[front] = self.veil.depth[front]
            instance[front] = self.primitives.instance[which]
        return labels, depth, instance


def make_gbuffer(layout: Layout, camera: Camera, seconds: float = 0.0) -> GBuffer:
    """Look at a street.

    Args:
        layout: the street.
        camera: the view.
        seconds: time that moving objects have moved since the start.
    """
    primitives = layout.primitives.at(seconds)
    rays = camera.rays()
    depth, ids, veil = cast(primitives, camera, rays)
    shape = depth.shape
    point = np.where(np.isfinite(depth), depth, np.float32(0)) * rays
    point[1] += np.float32(camera.y)
    g = GBuffer(
        camera, primitives, rays, depth, ids,
        material=np.full(shape, Material.SKY, np.uint8), instance=np.zeros(shape, np.uint16),
        normal=np.zeros((3, *shape), np.float32), point=point, uv=np.zeros((2, *shape), np.float32),
        variation=np.zeros(shape, np.float32), state=np.zeros(shape, np.float32), veil=veil,
    )  # fmt: skip
    _fill_ground(g, layout.ground)
    _fill_primitives(g)
    return g


def _fill_ground(g: GBuffer, ground: Ground | OpenGround) -> None:
    """Split the ground plane into road, paint, sidewalk and verge by x and z."""
    index = np.flatnonzero(g.primitive.ravel() == GROUND)
    x = g.point[0].ravel()[index] + np.float32(g.camera.x)
    z = g.point[2].ravel()[index] + np.float32(g.camera.z)
    if isinstance(ground, OpenGround):
        x, material, instance = ground.paint(x, z)
    else:
        material, instance = _paint_plain(ground, x, z)
    g.material.ravel()[index] = material
    g.instance.ravel()[index] = instance
    g.normal[1].ravel()[index] = 1.0
    g.uv[0].ravel()[index] = x
    g.uv[1].ravel()[index] = z


def _paint_plain(ground: Ground, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (material, instance) [n] of ground points."""
    material = np.full(x.shape, Material.ROAD, np.uint8)
    instance = np.full(x.shape, ROAD_INSTANCE, np.uint16)
    dash, period = ground.dash
    centre_line = (np.abs(x + 0.25) < 0.09) & (np.mod(z + ground.dash_phase, period) < dash)
    edge_lines = (np.abs(x - ground.left - 0.31) < 0.06) | (np.abs(x - ground.right + 0.31) < 0.06)
    material[edge_lines] = ground.edge_paint
    material[centre_line] = Material.LANE_PAINT
    for px, pz, half_x, half_z in ground.patches:
        material[(np.abs(x - px) < half_x) & (np.abs(z - pz) < half_z)] = Material.LANE_PAINT
    for crossing in ground.crossings:
        stripes = (np.abs(z - crossing) < 1.6) & (np.mod(x, 1.0) < 0.5)
        material[stripes & (x > ground.left + 0.4) & (x < ground.right - 0.4)] = Material.LANE_PAINT
    sides = (
        (ground.left - x, ground.walk_left, ground.verge_left),
        (x - ground.right, ground.walk_right, ground.verge_right),
    )
    for side, (beyond, walk, verge) in enumerate(sides):
        on_walk, on_verge = beyond > 0, beyond > walk
        material[on_walk] = Material.SIDEWALK
        material[on_walk & (beyond < 0.16)] = Material.KERB
        material[on_verge] = verge
        instance[on_walk] = WALK_INSTANCES[side]
        instance[on_verge] = VERGE_INSTANCES[side]
    return material, instance


def _fill_primitives(g: GBuffer) -> None:
    """Compute normals, surface coordinates and materials of all pixels on primitives at once."""
    p = g.primitives
    index = np.flatnonzero(g.primitive.ravel() >= 0)
    ids = g.primitive.ravel()[index]
    offset = (p.center - np.array([g.camera.x, 0.0, g.camera.z])).astype(np.float32)
    cos, sin = np.cos(p.yaw)[ids], np.sin(p.yaw)[ids]
    x, y, z = (g.point[k].ravel()[index] - offset[:, k][ids] for k in range(3))
    x, z = cos * x - sin * z, sin * x + cos * z
    half = p.half[ids].T
    kind = p.kind[ids]
    face = _box_face(x, y, z, half)
    nx, ny, nz = _local_normal(kind, face, x, y, z, half)
    tapered = np.flatnonzero(kind == Kind.FRUSTUM)
    if len(tapered):
        local = np.stack([x[tapered], y[tapered], z[tapered]])
        face[tapered], (nx[tapered], ny[tapered], nz[tapered]) = _frustum_faces(
            local, half[:, tapered], p.taper[ids[tapered]]
        )
    g.normal[0].ravel()[index] = cos * nx + sin * nz
    g.normal[1].ravel()[index] = ny
    g.normal[2].ravel()[index] = cos * nz - sin * nx
    is_box = (kind == Kind.BOX) | (kind == Kind.FRUSTUM)
    g.uv[0].ravel()[index] = np.where(is_box, np.where(face == 0, z, x), x + 0.6 * z)
    g.uv[1].ravel()[index] = np.where(is_box, np.where(face == 1, z, y + half[1]), y + 0.4 * z)
    material = p.material[ids]
    variation = np.zeros(len(index), np.float32)
    state = np.zeros(len(index), np.float32)
    role = p.role[ids]
    for part, split in _SPLITS.items():
        on = np.flatnonzero(role == part)
        if len(on):
            which = ids[on]
            surface = _Part(which, face[on], x[on], y[on], z[on], half[:, on], p.params[which].T, p.taper[which].T)
            result = split(surface, material[on])
            material[on], variation[on] = result[0], result[1]
            if len(result) > 2:
                state[on] = result[2]
    g.material.ravel()[index] = material
    g.instance.ravel()[index] = p.instance[ids]
    g.variation.ravel()[index] = variation
    g.state.ravel()[index] = state


def _box_face(x, y, z, half) -> np.ndarray:
    """Return the axis (0, 1, 2) of the box face that a surface point is on."""
    ax, ay, az = np.abs(x) - half[0], np.abs(y) - half[1], np.abs(z) - half[2]
    return np.where((ax >= ay) & (ax >= az), 0, np.where(ay >= az, 1, 2)).astype(np.uint8)


def _frustum_faces(point, half, taper) -> tuple[np.ndarray, np.ndarray]:
    """Return the axis of the face that points [3, n] are on, uint8 [n], and its unit normal, float32 [3, n]."""
    normals, offsets = frustum_planes(half.T, taper)
    length = np.sqrt((normals**2).sum(1))
    outside = ((normals * point).sum(1) - offsets) / length
    nearest = outside.argmax(0)
    every = np.arange(point.shape[1])
    return (nearest // 2).astype(np.uint8), (normals[nearest, :, every] / length[nearest, every][:, None]).T


def _local_normal(kind, face, x, y, z, half) -> tuple:
    box = kind == Kind.BOX
    upright = kind == Kind.CYLINDER
    nx, ny, nz = x / (half[0] * half[0]), np.where(upright, 0, y / (half[1] * half[1])), z / (half[2] * half[2])
    scale = 1 / np.sqrt(np.maximum(nx * nx + ny * ny + nz * nz, 1e-12))
    return tuple(
        np.where(box, np.where(face == axis, np.sign(c), np.float32(0)), n * scale)
        for axis, (n, c) in enumerate(((nx, x), (ny, y), (nz, z)))
    )


@dataclass(frozen=True)
class _Part:
    """Surface points of all primitives of one role; metres in local axes."""

    ids: np.ndarray
    face: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    half: np.ndarray
    params: np.ndarray
    taper: np.ndarray

    def across(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where points are between the sides, -1..1 in x and z at their height."""
        up = (self.y / self.half[1] + 1) / 2
        width = self.half[0] * (1 + (self.taper[0] - 1) * up)
        length = self.half[2] * (1 + (self.taper[1] - 1) * up)
        return self.x / np.maximum(width, 1e-3), (self.z - self.half[2] * self.taper[2] * up) / np.maximum(length, 1e-3)


def _split_facade(s: _Part, material):
    """Windows on a grid that fits the face; params: see ``layout._building``."""
    period_u, period_v, share_u, share_v, shop, salt = s.params
    along, half = np.where(s.face == 0, s.z, s.x), np.where(s.face == 0, s.half[2], s.half[0])
    columns = np.maximum(np.round(2 * half / period_u), 1)
    u = (along + half) / (2 * half) * columns
    height, top = s.y + s.half[1], 2 * s.half[1]
    v = (height - 0.8) / period_v
    column, row = np.floor(u), np.floor(v)
    fu, fv = np.abs(u - column - 0.5), np.abs(v - row - 0.5)
    window = (fu < share_u / 2) & (fv < share_v / 2) & (v > 0) & (height < top - 0.7)
    ground_floor = (shop > 0) & (height < 3.1)
    window = np.where(ground_floor, (fu < 0.43) & (height > 0.45) & (height < 2.6), window)
    row = np.where(ground_floor, -7, row)
    window &= s.face != 1
    variation = noise.hash_unit((salt * 16777216).astype(np.int64), column, row, s.face)
    cornice = (height > top - 0.35) | ((shop > 0) & (np.abs(height - 3.1) < 0.16))
    material = np.where(cornice, Material.CORNICE, material)
    return np.where(window, Material.WINDOW, material), np.where(window, variation, 0)


def _split_car_body(s: _Part, material):
    side, high, end = np.abs(s.x) / s.half[0], s.y / s.half[1], s.face == 2
    light = np.where(s.z > 0, Material.HEADLIGHT, Material.TAIL_LIGHT)
    lamps = end & (side > 0.66) & (side < 0.97) & (high > 0.1) & (high < 0.72)
    plate = end & (np.abs(s.x) < 0.27) & (high < 0.0) & (high > -0.4)
    bumper = (high < -0.45) & (s.face != 1)
    material = np.where(bumper, Material.UNDERBODY, material)
    return np.where(lamps, light, np.where(plate, Material.PLATE, material)), 0


def _split_car_cabin(s: _Part, material):
    along = np.where(s.face == 0, np.abs(s.z) / s.half[2], np.abs(s.x) / s.half[0])
    high = s.y / s.half[1]
    pillar = (along > 0.9) | (high > 0.78) | ((s.face == 0) & (np.abs(s.z + 0.1) < 0.05))
    return np.where(pillar | (s.face == 1), Material.CAR_PAINT, Material.GLASS), 0


def _split_van(s: _Part, material):
    side, high, end = np.abs(s.x) / s.half[0], s.y / s.half[1], s.face == 2
    banded = s.params[0] > 0
    front = end & (s.z > 0)
    glass = (high > 0.1) & (high < 0.72) & np.where(front, side < 0.9, banded & (s.face != 1))
    pane = np.abs(np.mod(s.z, 1.5) - 0.75) < 0.66
    glass &= end | pane
    lamps = end & (side > 0.72) & (side < 0.95) & (high > -0.78) & (high < -0.5)
    light = np.where(s.z > 0, Material.HEADLIGHT, Material.TAIL_LIGHT)
    plate = end & (np.abs(s.x) < 0.27) & (high > -0.8) & (high < -0.68)
    material = np.where(glass, Material.GLASS, material)
    return np.where(lamps, light, np.where(plate, Material.PLATE, material)), 0


def _split_wheel(s: _Part, material):
    radial = (s.y * s.y + s.z * s.z) / (s.half[1] * s.half[1])
    return np.where((radial < 0.26) & (material == Material.TYRE), Material.RIM, material), 0


def _split_traffic_light(s: _Part, material):
    slot = np.round(s.y / 0.31)
    lens = (s.face == 2) & (s.z < 0) & (s.x**2 + (s.y - 0.31 * slot) ** 2 < 0.016)
    green = s.params[0]
    lit = slot == np.where(green > 0, -1, 1)
    return np.where(lens, Material.SIGNAL_LENS, material), np.where(lens & lit, 1.0, 0.0), green


def _split_sign(s: _Part, material):
    radial = np.maximum(np.abs(s.x) / s.half[0], np.abs(s.y) / s.half[1])
    round_radial = np.hypot(s.x / s.half[0], s.y / s.half[1])
    rim = np.where(np.abs(s.half[0] - s.half[1]) < 1e-6, round_radial, radial) > 0.78
    return np.where(rim | (s.z > 0.024), Material.SIGN_RIM, material), 0


def _split_glasshouse(s: _Part, material):
    """Upper half of a car; params: where the middle pillar is."""
    u, v = s.across()
    high = s.y / s.half[1]
    side = s.face == 0
    pillar = np.where(side, (np.abs(v) > 0.9) | (np.abs(v - s.params[0]) < 0.05), np.abs(u) > 0.9)
    roof = (s.face == 1) | (high > np.where(side, 0.72, 0.86))
    return np.where(pillar | roof, Material.CAR_PAINT, Material.GLASS), 0


def _split_cab(s: _Part, material):
    """Cab of a van (params: 1) or lorry (0): windscreen, side windows, grille and lamps."""
    u, v = s.across()
    high, front = s.y / s.half[1], (s.face == 2) & (s.z > 0)
    van = s.params[0] > 0
    low = np.where(van, -0.92, 0.05)
    screen = front & (high > low) & (high < 0.86) & (np.abs(u) < 0.9)
    door = (s.face == 0) & (high > low) & (high < 0.75) & (v > -0.5) & (v < 0.85)
    lower = front & ~van
    grille = lower & (high > -0.6) & (high < -0.15) & (np.abs(u) < 0.6)
    lamps = lower & (high > -0.85) & (high < -0.6) & (np.abs(u) > 0.6)
    plate = lower & (high > -0.9) & (high < -0.78) & (np.abs(s.x) < 0.26)
    material = np.where(screen | door, Material.GLASS, material)
    material = np.where(grille, Material.UNDERBODY, np.where(lamps, Material.HEADLIGHT, material))
    return np.where(plate, Material.PLATE, material), 0


def _split_coach(s: _Part, material):
    """Bus, tram or minibus; params: decks, two colours, how high the second reaches, salt."""
    u, _ = s.across()
    decks, colours, share, salt = s.params[:4]
    high, side, front = s.y / s.half[1], s.face == 0, (s.face == 2) & (s.z > 0)
    rear = (s.face == 2) & (s.z < 0)
    level = np.where(decks > 1, np.mod(high + 1.0, 1.0), (high + 1) / 2)
    pane = np.abs(np.mod(s.z + 8 * salt, 1.45) - 0.725) < 0.67
    band = (level > 0.45) & (level < 0.84)
    ends = np.abs(s.z) < s.half[2] - 0.12
    doors = side & (np.abs(np.mod(s.z + 3 * salt, 4.2) - 2.1) < 0.55) & (high < 0.5) & (high > -0.85) & (s.x > 0)
    glass = (side & band & pane & ends) | (doors & (np.mod(s.z, 0.6) > 0.06))
    screen = np.where(decks > 1, (level > 0.3) & (level < 0.86), (high > -0.25) & (high < 0.68))
    glass |= front & (np.abs(u) < 0.92) & screen
    glass |= rear & (np.abs(u) < 0.8) & band & ((decks > 1) | (share > 0.3))
    board = front & (np.abs(u) < 0.6) & (high > 0.74) & (high < 0.93) & (decks < 2)
    lamps = (front | rear) & (np.abs(u) > 0.66) & (np.abs(u) < 0.95) & (high > -0.86) & (high < -0.66)
    plate = (front | rear) & (np.abs(s.x) < 0.26) & (high > -0.9) & (high < -0.8)
    second = (colours > 0) & (s.face != 1) & ((level < 0.15 + 0.3 * share) | ((share > 0.6) & (level > 0.86)))
    material = np.where(second, Material.LIVERY, material)
    material = np.where(glass, Material.GLASS, np.where(board, Material.UNDERBODY, material))
    material = np.where(lamps, np.where(front, Material.HEADLIGHT, Material.TAIL_LIGHT), material)
    return np.where(plate, Material.PLATE, material), 0


def _split_cargo(s: _Part, material):
    """Load of a lorry or van; params: see ``open_vehicles.lettering``."""
    text, middle, size, wide, kind, salt = s.params
    high, side, rear = s.y / s.half[1], s.face == 0, (s.face == 2) & (s.z < 0)
    along = np.where(side, s.z / s.half[2], s.x / s.half[0])
    metres = np.where(side, s.z, s.x)
    letter = noise.hash_unit((salt * 16777216).astype(np.int64), np.floor(metres / 0.11), np.floor(s.y / 0.12)) < 0.55
    words = (text > 0) & (s.face != 1) & (np.abs(high - middle) < size) & (np.abs(along) < wide)
    words &= np.where(kind < 0.6, letter, np.mod(high * 4 + along * 3 * kind, 1.0) < 0.5)
    stripe = (kind > 0.8) & (s.face != 1) & (high < -0.7)
    seam = rear & ((np.abs(s.x) < 0.025) | (np.abs(s.x) > s.half[0] - 0.05))
    lamps = rear & (np.abs(s.x) > s.half[0] - 0.32) & (s.y + s.half[1] < 0.22)
    plate = rear & (np.abs(s.x) < 0.26) & (s.y + s.half[1] < 0.14)
    material = np.where(words, Material.LETTERING, np.where(stripe, Material.LIVERY, material))
    material = np.where(seam, Material.UNDERBODY, np.where(lamps, Material.TAIL_LIGHT, material))
    return np.where(plate, Material.PLATE, material), 0


def _split_striped(s: _Part, material):
    """Two materials in turn along the thing; params: period in metres, second material."""
    along = np.where(s.face == 2, s.x, s.z)
    second = np.mod(along, np.maximum(s.params[0], 0.05)) < 0.5 * s.params[0]
    return np.where(second, s.params[1].astype(np.uint8), material), 0


def _split_shop_front(s: _Part, material):
    """Shop windows; params: width of a pane in metres, height of the sill, of the front, of its board, salt."""
    period, sill, high, board, salt = s.params[:5]
    up = s.y + s.half[1]
    column = np.floor(s.z / period)
    pane = (np.abs(s.z / period - column - 0.5) < 0.46) & (up > sill) & (up < high * (1 - board) - 0.1)
    variation = noise.hash_unit((salt * 16777216).astype(np.int64), column)
    letter = noise.hash_unit((salt * 16777216).astype(np.int64), np.floor(s.z / 0.22), 3) < 0.55
    name = (np.abs(up - high * (1 - board / 2)) < high * board * 0.25) & (np.abs(s.z) < 0.6 * s.half[2]) & letter
    material = np.where(up > high * (1 - board), np.where(name, Material.CORNICE, Material.FASCIA), material)
    return np.where(pane, Material.WINDOW, material), np.where(pane, variation, 0)


def _split_head(s: _Part, material):
    return np.where((s.y > 0.35 * s.half[1]) | (s.z < -0.25 * s.half[2]), Material.HAIR, material), 0


_SPLITS = {
    Role.GLASSHOUSE: _split_glasshouse,
    Role.CAB: _split_cab,
    Role.COACH: _split_coach,
    Role.CARGO: _split_cargo,
    Role.STRIPED: _split_striped,
    Role.SHOP_FRONT: _split_shop_front,
    Role.HEAD: _split_head,
    Role.FACADE: _split_facade,
    Role.CAR_BODY: _split_car_body,
    Role.CAR_CABIN: _split_car_cabin,
    Role.VAN: _split_van,
    Role.WHEEL: _split_wheel,
    Role.TRAFFIC_LIGHT: _split_traffic_light,
    Role.SIGN: _split_sign,
}

__all__ = ['GROUND', 'SKY', 'GBuffer', 'make_gbuffer']
