# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""People, plants, buildings and street furniture of the open streets."""

from __future__ import annotations

import math

from famda_train.world.materials import Material
from famda_train.world.primitives import Kind, Role
from famda_train.world.site import Site, placed


# People.
def add_person(site: Site, x: float, z: float, yaw: float, speed: float = 0.0) -> None:
    """Add somebody who stands or walks; speed in metres per second along z."""
    thing, place, moving = site.thing(), placed(x, z, yaw), (0.0, 0.0, speed)
    h = site.U(1.0, 1.4) if site.chance(0.1) else site.U(1.52, 1.92)
    wide, stride = h * site.U(0.105, 0.145), site.U(0.0, 0.22) * h / 1.7
    coat = site.chance(0.3)
    for side in (-1, 1):
        leg = place(side * 0.42 * wide, 0.25 * h, side * stride * 0.6)
        half = (0.36 * wide + 0.01, 0.29 * h, 0.07 + 0.5 * stride)
        site.ball(Material.TROUSERS, thing, leg, half, yaw, moving=moving)
    if coat:
        site.taper(
            Material.JACKET, thing, place(0, 0.46 * h, 0), (wide * 1.1, h * 0.16, 0.62 * wide + 0.04),
            (0.8, 0.8, 0.0), yaw, Role.TORSO, (), moving,
        )  # fmt: skip
    site.ball(
        Material.JACKET,
        thing,
        place(0, 0.66 * h, 0),
        (wide, 0.205 * h, 0.6 * wide + 0.03),
        yaw,
        Role.TORSO,
        moving,
    )
    for side in (-1, 1):
        arm = place(side * wide * 1.02, 0.63 * h, -side * stride * 0.4)
        site.ball(Material.JACKET, thing, arm, (0.05, 0.19 * h, 0.06 + 0.4 * stride), yaw, moving=moving)
    site.ball(Material.SKIN, thing, place(0, 0.925 * h, 0.01), (0.085, 0.072 * h, 0.1), yaw, Role.HEAD, moving)
    site.post(Material.SKIN, thing, x, z, 0.045, 0.8 * h, 0.9 * h, moving=moving)
    if site.chance(0.3):
        bag = place(site.pick((-1, 1)) * wide * site.U(0.6, 1.4), h * site.U(0.35, 0.68), -0.12)
        site.box(Material.BAG, thing, bag, (site.U(0.06, 0.2), site.U(0.1, 0.25), 0.09), yaw, moving=moving)


def add_group(site: Site, x: float, z: float, count: int) -> None:
    """Add some people beside and behind each other."""
    yaw = site.pick((0.0, math.pi, site.U(-math.pi, math.pi)))
    speed = site.U(0.7, 1.5) * math.cos(yaw) if site.chance(0.6) else 0.0
    for _ in range(count):
        turn = yaw + site.N(0.3) if speed else site.U(-math.pi, math.pi)
        add_person(site, x + site.N(0.5), z + site.N(0.6), turn, speed)


def add_cyclist(site: Site, x: float, z: float, yaw: float, speed: float = 0.0, rider: bool = True) -> None:
    """Add a bicycle, with its rider or parked; both are one thing of class human, as CamVid has it."""
    thing, place, h, moving = site.thing(), placed(x, z, yaw), site.U(0.95, 1.08), (0.0, 0.0, speed)
    for along in (-0.52, 0.52):
        site.ball(Material.BICYCLE, thing, place(0, 0.34, along), (0.03, 0.34, 0.34), yaw, Role.WHEEL, moving)
    site.box(Material.BICYCLE, thing, place(0, 0.6, 0), (0.025, 0.1, 0.42), yaw, moving=moving)
    site.box(Material.BICYCLE, thing, place(0, 0.98, 0.42), (0.26, 0.025, 0.03), yaw, moving=moving)
    if not rider:
        return
    for side in (-1, 1):
        leg = place(side * 0.13, site.U(0.62, 0.76) * h, 0.05)
        site.ball(Material.TROUSERS, thing, leg, (0.09, 0.36, 0.16), yaw, moving=moving)
    site.taper(
        Material.JACKET,
        thing,
        place(0, 1.22 * h, 0.12),
        (0.21, 0.3, 0.28),
        (0.95, 0.5, 0.4),
        yaw,
        Role.TORSO,
        (),
        moving,
    )
    site.ball(Material.JACKET, thing, place(0, 1.42 * h, 0.22), (0.24, 0.14, 0.17), yaw, moving=moving)
    for side in (-1, 1):
        site.ball(Material.JACKET, thing, place(side * 0.23, 1.18 * h, 0.32), (0.06, 0.22, 0.14), yaw, moving=moving)
    site.ball(Material.SKIN, thing, place(0, 1.66 * h, 0.3), (0.1, 0.13, 0.12), yaw, Role.HEAD, moving)


# Plants.
def add_tree(site: Site, x: float, z: float, size: float, bare: bool, clear: float | None = None) -> None:
    """Add a broad-leaved tree.

    Args:
        size: radius of the crown in metres.
        bare: without leaves.
        clear: height of the lowest branches in metres; None = any.
    """
    thing, crown = site.thing(), Material.TWIG if bare else Material.LEAF
    clear = site.U(1.6, 2.6) + 0.2 * size if clear is None else clear
    trunk, ragged = 0.03 + 0.05 * size * site.U(0.6, 1.3), site.U(0.35, 0.75) + (0.2 if bare else 0.0)
    tall = size * site.U(0.85, 1.4)
    site.post(Material.TRUNK, thing, x, z, trunk, 0.0, clear + 0.5 * tall)
    # A core, and smaller parts all around it, so that the outline is uneven.
    site.leaves(crown, thing, (x, clear + tall, z), (0.72 * size, 0.8 * tall, 0.72 * size), ragged)
    parts = int(site.rng.integers(3, 6)) if size < 1.6 else int(site.rng.integers(5, 10))
    first = site.U(0, 2 * math.pi)
    if z > site.detail:
        parts = 3 if z < 2 * site.detail else 1
    for k in range(parts):
        turn, up = first + k * 2.4, site.U(-0.65, 0.75)
        far = size * math.sqrt(1 - up * up) * site.U(0.5, 0.8)
        r = size * site.U(0.28, 0.52)
        center = (x + far * math.sin(turn), clear + tall * (1 + up * 0.8), z + far * math.cos(turn))
        site.leaves(crown, thing, center, (r, r * site.U(0.6, 1.0) * tall / size, r), ragged)


def add_conifer(site: Site, x: float, z: float, size: float) -> None:
    """Add a fir, cypress or poplar of ``size`` metres radius."""
    thing, high = site.thing(), size * site.U(2.5, 5.5)
    site.post(Material.TRUNK, thing, x, z, 0.08 + 0.05 * size, 0.0, 0.5 * high)
    layers = int(site.rng.integers(1, 6))
    for k in range(layers):
        low = 0.08 + 0.75 * k / layers
        r = size * (1 - 0.85 * low)
        half = high * (0.98 - low) / 2
        site.leaves(Material.LEAF, thing, (x, high * low + half, z), (r, half, r), site.U(0.25, 0.5))


def add_bush(site: Site, x: float, z: float, size: float) -> None:
    """Add one or more round bushes."""
    thing = site.thing()
    for _ in range(int(site.rng.integers(1, 4))):
        r = size * site.U(0.5, 1.0)
        center = (x + site.N(0.7 * size), 0.5 * r, z + site.N(0.7 * size))
        site.leaves(Material.HEDGE, thing, center, (r, r * site.U(0.6, 1.1), r), site.U(0.2, 0.5))


def add_hedge(site: Site, x: float, z0: float, z1: float) -> None:
    """Add a hedge along the street, clipped or grown out."""
    thing, high, wide, middle = site.thing(), site.U(0.7, 2.4), site.U(0.3, 0.7), (z0 + z1) / 2
    half = (z1 - z0) / 2
    site.box(Material.HEDGE, thing, (x, high / 2, middle), (wide, high / 2, half), role=Role.PLAIN)
    if site.chance(0.6):
        for z in site.along(z0, z1, 1.0, 3.0):
            r = site.U(0.4, 1.1)
            center = (x + site.N(0.1), high * 0.8, z)
            site.leaves(Material.HEDGE, thing, center, (wide * 1.3, high * site.U(0.25, 0.6), r), site.U(0.1, 0.4))


def add_tree_belt(site: Site, x0: float, x1: float, z0: float, z1: float, step: float, bare: bool) -> None:
    """Add a wood's edge from (x0, z0) to (x1, z1): large crowns that reach the ground."""
    count = max(int(math.hypot(x1 - x0, z1 - z0) / step), 1)
    high = site.U(4, 11)
    for k in range(count):
        t = (k + site.U(0.1, 0.9)) / count
        x, z = x0 + t * (x1 - x0) + site.N(2), z0 + t * (z1 - z0) + site.N(2)
        thing, r = site.thing(), step * site.U(0.6, 1.1)
        tall = high * site.U(0.6, 1.2)
        crown = Material.TWIG if bare and site.chance(0.8) else Material.LEAF
        ragged = site.U(0.3, 0.6)
        site.leaves(crown, thing, (x, tall * 0.45, z), (r, tall * 0.6, r), ragged)
        for _ in range(2 if z < site.detail else 0):
            part, up = r * site.U(0.35, 0.6), tall * site.U(0.5, 0.95)
            center = (x + site.N(0.5 * r), up, z - site.U(0, 0.7) * r)
            site.leaves(crown, thing, center, (part, part * site.U(0.8, 1.5), part), ragged)


def add_hill(site: Site, x: float, z: float) -> None:
    """Add a wooded or grassy hill far away."""
    material = site.pick((Material.GRASS, Material.LEAF, Material.FIELD))
    half = (site.U(80, 260), site.U(8, 32), site.U(60, 120))
    center = (x, -half[1] * site.U(0.0, 0.3), z + half[2])
    site.ball(material, site.thing(), center, half, role=Role.LEAVES if material == Material.LEAF else Role.PLAIN)


# Buildings.
def facade(site: Site, shop: bool = False) -> tuple:
    """Return random parameters of ``Role.FACADE``."""
    ribbon = site.chance(0.25)
    wide, high = (0.96, site.U(0.45, 0.85)) if ribbon else (site.U(0.25, 0.7), site.U(0.35, 0.75))
    return site.U(2.0, 4.2), site.U(2.7, 3.6), wide, high, float(shop), site.rng.random()


def add_house(site: Site, x: float, z: float, front: float, yaw: float = 0.0) -> None:
    """Add a house with a pitched roof.

    Args:
        x, z: metres; its middle.
        front: -1 or 1, the side in x on which the door is.
        yaw: radians.
    """
    thing, place = site.thing(), placed(x, z, yaw)
    across, along, eaves = (
        site.U(3.5, 5.5),
        site.U(3.5, 8.0),
        site.pick((site.U(2.5, 3.2), site.U(4.8, 6.2)), (0.35, 0.65)),
    )
    pitch = site.U(1.2, 3.2)
    site.box(
        Material.BUILDING, thing, place(0, eaves / 2, 0), (across, eaves / 2, along), yaw, Role.FACADE, facade(site)
    )
    # The ridge runs along the street, or the gable faces it; some roofs are hipped.
    hip = site.U(0.3, 0.8) if site.chance(0.3) else 1.0
    top = (0.02, hip, 0.0) if site.chance(0.6) else (hip, 0.02, 0.0)
    gable = hip == 1.0
    half = (across + 0.3, pitch / 2, along + (0.1 if gable and top[0] < 0.1 else 0.3))
    site.taper(Material.ROOF, thing, place(0, eaves + pitch / 2, 0), half, top, yaw)
    if gable and top[0] > 0.5:
        site.taper(
            Material.BUILDING, thing, place(0, eaves + pitch / 2 - 0.12, 0), (across + 0.34, pitch / 2, along), top, yaw
        )
    door = site.U(-0.6, 0.6) * along
    site.box(Material.DOOR, thing, place(front * across, 1.05, door), (0.06, 1.05, 0.5), yaw)
    for _ in range(int(site.rng.integers(0, 3))):
        stack = place(site.U(-0.3, 0.3) * across, eaves + pitch + 0.2, site.U(-0.9, 0.9) * along)
        site.box(Material.BUILDING, thing, stack, (0.3, 0.9, 0.45), yaw)
    if site.chance(0.35):  # porch, bay or garage
        bay = place(front * (across + 0.5), 1.3, site.U(-0.7, 0.7) * along)
        site.box(
            Material.BUILDING, thing, bay, (site.U(0.4, 1.5), 1.3, site.U(0.8, 1.6)), yaw, Role.FACADE, facade(site)
        )


def add_block(site: Site, x: float, z: float, half_x: float, half_z: float, high: float, shop: bool) -> None:
    """Add a building with a flat or pitched roof; its front is on both sides in x."""
    thing = site.thing()
    site.box(
        Material.BUILDING, thing, (x, high / 2, z), (half_x, high / 2, half_z), 0.0, Role.FACADE, facade(site, shop)
    )
    side = -1 if x > 0 else 1
    front = x + side * half_x
    if shop:
        add_shop_front(site, front, side, z, half_z)
    if site.chance(0.45):
        pitch = site.U(1.5, 4.0)
        top = (0.02, site.U(0.7, 1.0), 0) if site.chance(0.7) else (0.6, 0.9, 0)
        site.taper(Material.ROOF, thing, (x, high + pitch / 2, z), (half_x + 0.25, pitch / 2, half_z + 0.1), top)
    elif site.chance(0.5):
        site.box(Material.CORNICE, thing, (x, high + 0.15, z), (half_x + 0.2, 0.2, half_z + 0.1))
    for _ in range(int(site.rng.integers(0, 3))):  # chimneys and plant on the roof
        chimney = (x + site.U(-0.6, 0.6) * half_x, high + 1.2, z + site.U(-0.9, 0.9) * half_z)
        site.box(Material.BUILDING, thing, chimney, (site.U(0.3, 0.6), site.U(0.8, 2.0), site.U(0.35, 0.9)))
    for _ in range(int(site.rng.integers(0, 3))):  # bays, pillars and balconies
        reach = high * site.U(0.15, 0.48)
        bay = (front, site.U(reach, high - reach), z + site.U(-0.8, 0.8) * half_z)
        site.box(
            site.pick((Material.BUILDING, Material.CORNICE)), thing, bay,
            (site.U(0.1, 0.9), site.pick((reach, 0.5), (0.6, 0.4)), site.U(0.2, 1.6)), 0.0, Role.FACADE, facade(site),
        )  # fmt: skip


def add_shop_front(site: Site, front: float, side: int, z: float, half_z: float) -> None:
    """Add shop windows, boards and awnings along the ground floor of a building."""
    start, end = z - half_z, z + half_z
    while start < end - 2:
        wide = min(site.U(4, 9), end - start)
        thing, middle, high = site.thing(), start + wide / 2, site.U(2.9, 3.6)
        site.box(
            Material.DOOR, thing, (front + side * 0.04, high / 2, middle), (0.08, high / 2, wide / 2 * 0.95), 0.0,
            Role.SHOP_FRONT, (site.U(0.9, 2.2), site.U(0.15, 0.7), high, site.U(0.12, 0.25), site.rng.random()),
        )  # fmt: skip
        if site.chance(0.3):
            awning = (front + side * 0.6, high - 0.5, middle)
            site.box(Material.FASCIA, thing, awning, (0.7, 0.1, wide / 2 * 0.9), 0.0, Role.STRIPED,
                     (site.U(0.4, 1.2), float(site.pick((Material.FASCIA, Material.CORNICE)))))  # fmt: skip
        if site.chance(0.3):  # a board that stands out into the street
            site.box(
                Material.FASCIA, thing, (front + side * 0.5, high + 0.5, start + 0.3), (0.4, site.U(0.25, 0.6), 0.06)
            )
        start += wide


def add_fence(site: Site, x: float, z0: float, z1: float) -> None:
    """Add a wall, a board fence, a railing or a barrier along the street."""
    thing, middle, half = site.thing(), (z0 + z1) / 2, (z1 - z0) / 2
    kind = site.pick(('wall', 'boards', 'railing', 'barrier'), (0.35, 0.2, 0.3, 0.15))
    if kind == 'wall':
        high = site.U(0.4, 2.3)
        site.box(Material.WALL, thing, (x, high / 2, middle), (0.12, high / 2, half))
        if site.chance(0.5):
            site.box(Material.CORNICE, thing, (x, high + 0.04, middle), (0.17, 0.05, half))
    elif kind == 'boards':
        high = site.U(0.9, 1.9)
        site.box(Material.DOOR, thing, (x, high / 2, middle), (0.04, high / 2, half), 0.0, Role.STRIPED,
                 (site.U(0.2, 0.5), float(Material.WALL)))  # fmt: skip
    elif kind == 'railing':
        high = site.U(0.8, 1.3)
        for level in (0.15, 0.55, 0.97):
            site.box(Material.WALL, thing, (x, high * level, middle), (0.025, 0.03, half))
        for z in site.along(z0, z1, 1.2, 2.2):
            site.post(Material.WALL, thing, x, z, 0.03, 0.0, high)
    else:
        high = site.U(0.7, 1.0)
        site.taper(
            Material.BARRIER, thing, (x, high / 2, middle), (0.28, high / 2, half), (0.4, 1.0, 0.0), 0.0, Role.STRIPED,
            (site.U(2.0, 4.0), float(site.pick((Material.BARRIER, Material.ROOF)))),
        )  # fmt: skip


def add_bridge(site: Site, left: float, right: float, z: float) -> None:
    """Add a bridge over the road with walls on both sides: an underpass."""
    thing, deep, clear, deck = site.thing(), site.U(2.5, 12), site.U(4.3, 6.0), site.U(0.6, 1.6)
    out = site.U(0.5, 6)
    for x0, x1 in ((left - out - 30, left - out), (right + out, right + out + 30)):
        site.box(
            Material.WALL, thing, ((x0 + x1) / 2, (clear + deck) / 2, z), ((x1 - x0) / 2, (clear + deck) / 2, deep)
        )
    site.box(
        Material.BARRIER, thing, ((left + right) / 2, clear + deck / 2, z), ((right - left) / 2 + out, deck / 2, deep)
    )
    for dz in (-deep, deep):
        site.box(Material.WALL, thing, ((left + right) / 2, clear + deck + 0.5, z + dz * 0.98),
                 ((right - left) / 2 + out + 30, 0.5, 0.1))  # fmt: skip


# Street furniture.
def add_lamp(site: Site, x: float, z: float, side: int) -> None:
    """Add a street lamp whose arm reaches over the road; ``side`` is that of the road's edge."""
    high, radius = site.U(4.0, 10.0), site.U(0.04, 0.10)
    thing, arm = site.thing(), 0.0 if site.chance(0.2) else site.U(0.5, 2.6)
    site.post(Material.POLE, thing, x, z, radius, 0.0, high)
    if site.chance(0.4):
        site.post(Material.POLE, thing, x, z, radius * 1.6, 0.0, 1.2)
    if arm:
        site.box(Material.POLE, thing, (x - side * arm / 2, high, z), (arm / 2, 0.035, 0.035))
    head = (x - side * (arm + 0.25 if arm else 0.0), high - 0.02, z)
    site.box(Material.LAMP, thing, head, (0.32, 0.09, 0.15), role=Role.LAMP_HEAD)
    site.lamps.append((head[0], head[1] - 0.12, z))


def add_sign(site: Site, x: float, z: float, away: bool = False) -> None:
    """Add a traffic sign on a thin post: round, square, triangular or a large board."""
    thing, radius = site.thing(), site.U(0.022, 0.05)
    high, size = site.U(2.0, 3.2), site.U(0.25, 0.42)
    kind = site.pick(('round', 'square', 'triangle', 'board'), (0.38, 0.32, 0.22, 0.08))
    if kind == 'board' and z > 7:
        size, high = site.U(0.5, 1.3), site.U(2.2, 4.0)
    face = -1 if not away else 1
    at = (x, high - size * 0.6, z + face * (radius + 0.03))
    if kind == 'round':
        site.ball(Material.SIGN, thing, at, (size, size, 0.025), role=Role.SIGN)
    elif kind == 'triangle':
        half = (size, size * 0.85, 0.02)
        site.taper(Material.SIGN_RIM, thing, at, half, (0.03, 1.0, 0.0))
        site.taper(Material.SIGN, thing, (x, at[1] - 0.05 * size, at[2] + face * 0.01),
                   (size * 0.62, size * 0.53, 0.02), (0.03, 1.0, 0.0))  # fmt: skip
    else:
        site.box(Material.SIGN, thing, at, (size, size * site.U(0.5, 1.2), 0.025), role=Role.SIGN)
        if kind == 'board' and size > 0.9:
            site.post(Material.POLE, thing, x - 0.7 * size, z, radius, 0.0, high)
            site.post(Material.POLE, thing, x + 0.7 * size, z, radius, 0.0, high)
            return
    site.post(Material.POLE, thing, x, z, radius, 0.0, high)


def add_traffic_light(site: Site, x: float, z: float, side: int) -> None:
    """Add a traffic light, some with a second head on an arm over the road."""
    thing, high, green = site.thing(), site.U(2.8, 3.8), (float(site.chance(0.5)),)
    arm = site.U(2.0, 5.5) if site.chance(0.25) else 0.0
    top = site.U(5.2, 6.2) if arm else high
    site.post(Material.POLE, thing, x, z, site.U(0.045, 0.09), 0.0, top)
    heads = [(x, high - 0.4)] + ([(x - side * arm, top)] if arm else [])
    if arm:
        site.box(Material.POLE, thing, (x - side * arm / 2, top, z), (arm / 2, 0.05, 0.05))
    turn = math.pi if site.chance(0.3) else 0.0
    for hx, hy in heads:
        site.list.add(
            Kind.BOX,
            Material.SIGNAL_BOX,
            thing,
            (hx, hy, z - 0.15),
            (0.16, 0.45, 0.13),
            turn,
            Role.TRAFFIC_LIGHT,
            green,
        )


def add_posts(site: Site, x: float, z: float) -> None:
    """Add a row of bollards or one thick post."""
    thing, high, radius = site.thing(), site.U(0.6, 1.2), site.U(0.04, 0.16)
    step = site.U(1.2, 2.5)
    for k in range(int(site.rng.integers(1, 6))):
        site.post(Material.POLE, thing, x, z + k * step, radius, 0.0, high)


def add_gantry(site: Site, left: float, right: float, z: float) -> None:
    """Add signs over the road on a gantry."""
    thing, high = site.thing(), site.U(5.4, 6.5)
    for x in (left - 0.8, right + 0.8):
        site.post(Material.POLE, thing, x, z, 0.14, 0.0, high + 0.8)
    site.box(Material.POLE, thing, ((left + right) / 2, high + 0.5, z), ((right - left) / 2 + 0.8, 0.12, 0.12))
    for _ in range(int(site.rng.integers(1, 4))):
        at = (site.U(left, right), high + 0.3, z - 0.2)
        site.box(Material.SIGN, thing, at, (site.U(0.8, 2.0), site.U(0.5, 1.1), 0.03), role=Role.SIGN)


def add_shelter(site: Site, x: float, z: float, side: int) -> None:
    """Add a bus stop's shelter."""
    thing = site.thing()
    site.box(Material.FASCIA, thing, (x, 2.45, z), (0.8, 0.06, 2.0))
    site.box(Material.WINDOW, thing, (x + side * 0.75, 1.3, z), (0.02, 1.0, 1.9))
    for dx in (-0.7, 0.7):
        for dz in (-1.9, 1.9):
            site.post(Material.WALL, thing, x + dx, z + dz, 0.04, 0.0, 2.4)


def add_kerb(site: Site, x: float, z0: float, z1: float, striped: bool, half: float = 0.13) -> None:
    """Add a raised kerb along the street, striped black and white or not."""
    thing = site.thing()
    stripe = (site.U(0.8, 2.4), float(Material.DARK_PAINT if striped else Material.KERB))
    paint = Material.LANE_PAINT if striped else Material.KERB
    for z in site.along(z0, z1, 8.0, 8.0):
        site.box(paint, thing, (x, 0.06, z + 4), (half, 0.06, 4.05), 0.0, Role.STRIPED, stripe)
