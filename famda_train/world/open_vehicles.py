# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Vehicles of the open streets; fronts look along local +z."""

from __future__ import annotations

import math

from famda_train.world.materials import Material
from famda_train.world.primitives import Role
from famda_train.world.site import Site, placed


def add_vehicle(site: Site, x: float, z: float, yaw: float, speed: float = 0.0, large: float = 0.2) -> float:
    """Add a car, van, lorry, bus or motorcycle; return its half length in metres.

    Args:
        site: where.
        x, z, yaw: metres and radians.
        speed: metres per second along z.
        large: probability of a lorry or bus.
    """
    kinds = (add_car, add_van, add_lorry, add_bus, add_motorcycle)
    kind = site.pick(kinds, (0.66 * (1 - large), 0.26 * (1 - large), 0.6 * large, 0.4 * large, 0.08 * (1 - large)))
    first = site.next_id()
    half_length = kind(site, x, z, yaw, (0.0, 0.0, speed))
    site.vehicles.append(first)
    if speed and math.cos(yaw) < 0:
        site.headlights.append(first)
    return half_length


def add_car(site: Site, x: float, z: float, yaw: float, moving) -> float:
    """Add a saloon, estate, hatchback or off-road car."""
    thing, place = site.thing(), placed(x, z, yaw)
    shape = site.pick(('saloon', 'hatch', 'estate', 'tall'), (0.3, 0.35, 0.15, 0.2))
    w, long = (
        site.U(0.82, 0.96),
        {'saloon': 2.3, 'hatch': 1.95, 'estate': 2.35, 'tall': 2.2}[shape] * site.U(0.93, 1.06),
    )
    belt, roof = site.U(0.86, 0.96), site.U(1.38, 1.52)
    if shape == 'tall':
        belt, roof = site.U(0.98, 1.12), site.U(1.62, 1.88)
    clear = site.U(0.18, 0.28)
    # Body first: its id stands for the vehicle.
    site.box(
        Material.CAR_PAINT, thing, place(0, (clear + belt) / 2, 0), (w, (belt - clear) / 2, long), yaw, Role.CAR_BODY,
        (), moving,
    )  # fmt: skip
    back = {'saloon': -0.55, 'hatch': -0.94, 'estate': -0.97, 'tall': -0.97}[shape] * long
    front = site.U(0.38, 0.5) * long
    rear_slope = {'saloon': 0.32, 'hatch': 0.22, 'estate': 0.1, 'tall': 0.12}[shape] * site.U(0.7, 1.3)
    glass_half = (front - back) / 2
    wind = site.U(0.45, 0.62) * long / (2 * glass_half) / 1.4
    top = (site.U(0.78, 0.88), 1 - rear_slope / 2 - wind, (rear_slope / 2 - wind))
    site.taper(
        Material.GLASS, thing, place(0, (belt + roof) / 2, (front + back) / 2),
        (0.96 * w, (roof - belt) / 2, glass_half), top, yaw, Role.GLASSHOUSE, (site.U(-0.2, 0.1), 0.0), moving,
    )  # fmt: skip
    # Bonnet and boot fall off a little, so the nose is round.
    site.ball(Material.CAR_PAINT, thing, place(0, belt - 0.22, 0), (0.985 * w, 0.27, long * 1.035), yaw, moving=moving)
    site.box(
        Material.UNDERBODY, thing, place(0, clear, 0), (w * 0.9, 0.08, long * 0.93), yaw, moving=moving
    )  # fmt: skip
    add_wheels(site, thing, place, yaw, w, (-0.6 * long, 0.62 * long), site.U(0.29, 0.37), moving)
    if site.chance(0.5) and z < site.detail / 2:  # mirrors
        for side in (-1, 1):
            mirror = place(side * (w + 0.08), belt + 0.05, front * 0.72)
            site.ball(Material.CAR_PAINT, thing, mirror, (0.1, 0.07, 0.06), yaw, moving=moving)
    return long


def add_wheels(site: Site, thing, place, yaw, x, axles, radius, moving) -> None:
    """Add a pair of wheels at every axle."""
    if place(0, 0, 0)[2] > site.detail:
        return
    for sx in (-x, x):
        for z in axles:
            site.ball(
                Material.TYRE, thing, place(sx * 0.95, radius, z), (0.13, radius, radius), yaw, Role.WHEEL, moving
            )


def add_van(site: Site, x: float, z: float, yaw: float, moving) -> float:
    """Add a delivery van or people carrier: a box with a sloping nose."""
    thing, place = site.thing(), placed(x, z, yaw)
    w, long, high = site.U(0.92, 1.06), site.U(2.1, 3.2), site.U(1.75, 2.75)
    nose = site.U(0.35, 0.5) * min(long, 2.4)
    back = 2 * long - nose
    clear = 0.32
    windows = site.chance(0.35)
    middle = -nose / 2
    cargo = Role.COACH if windows else Role.CARGO
    params = (1.0, 0.0, 0.0, site.rng.random()) if windows else lettering(site, 0.45)
    site.box(
        Material.CAR_PAINT, thing, place(0, (clear + high) / 2, middle), (w, (high - clear) / 2, back / 2), yaw, cargo,
        params, moving,
    )  # fmt: skip
    # The cab leans from the bonnet up to the roof.
    cab_z, cab_half = long - nose, nose
    belt = site.U(0.95, 1.2)
    site.taper(
        Material.CAR_PAINT, thing, place(0, (belt + high) / 2, cab_z), (0.985 * w, (high - belt) / 2, cab_half * 0.8),
        (0.93, 0.42, -0.52), yaw, Role.CAB, (1.0,), moving,
    )  # fmt: skip
    site.taper(
        Material.CAR_PAINT, thing, place(0, (clear + belt) / 2, long - nose), (0.99 * w, (belt - clear) / 2, nose),
        (0.98, 0.94, -0.03), yaw, Role.CAR_BODY, (), moving,
    )  # fmt: skip
    site.box(Material.UNDERBODY, thing, place(0, clear, 0), (w * 0.9, 0.1, long * 0.93), yaw, moving=moving)
    add_wheels(site, thing, place, yaw, w, (-0.6 * long, 0.66 * long), site.U(0.32, 0.38), moving)
    return long


def lettering(site: Site, share: float) -> tuple:
    """Return parameters of ``Role.CARGO``: text or not, its middle height, size, width, kind, salt."""
    text = float(site.chance(share))
    return text, site.U(-0.3, 0.6), site.U(0.1, 0.35), site.U(0.4, 0.9), site.U(0, 1), site.rng.random()


def add_lorry(site: Site, x: float, z: float, yaw: float, moving) -> float:
    """Add a lorry: cab, load and often a trailer."""
    thing, place = site.thing(), placed(x, z, yaw)
    w, long = site.U(1.1, 1.27), site.pick((site.U(3.0, 4.5), site.U(5.0, 8.0)), (0.6, 0.4))
    cab, floor = site.U(0.85, 1.15), site.U(0.85, 1.15)
    cab_high, load_high = site.U(2.4, 3.4), site.U(2.7, 4.0)
    gap = site.U(0.05, 0.5)
    load = (2 * long - 2 * cab - gap) / 2
    kind = site.pick(('box', 'curtain', 'open', 'tank', 'tipper'), (0.4, 0.25, 0.15, 0.1, 0.1))
    material = Material.CANVAS if site.chance(0.6) else Material.CAR_PAINT
    middle = -long + load
    if kind in ('open', 'tipper'):
        load_high = floor + (site.U(0.5, 0.9) if kind == 'open' else site.U(0.9, 1.5))
    if kind == 'tank':
        material = Material.CANVAS
        site.ball(material, thing, place(0, floor + 0.95, middle), (0.95 * w, 0.95, load * 1.1), yaw, moving=moving)
        load_high = floor + 0.3
    site.box(
        material, thing, place(0, (floor + load_high) / 2, middle), (w, (load_high - floor) / 2, load), yaw, Role.CARGO,
        lettering(site, 0.6), moving,
    )  # fmt: skip
    if kind == 'open':
        for _ in range(site.count(2.5)):
            h = site.U(0.3, 0.9)
            site.box(
                site.pick((Material.CANVAS, Material.LIVERY, Material.LETTERING)), thing,
                place(site.U(-0.4, 0.4), floor + h + 0.1, middle + site.U(-0.7, 0.7) * load),
                (0.6, h, site.U(0.3, 1.0)), yaw, moving=moving,
            )  # fmt: skip
    site.taper(
        Material.CAR_PAINT, thing, place(0, (0.45 + cab_high) / 2, long - cab), (0.98 * w, (cab_high - 0.45) / 2, cab),
        (0.96, site.U(0.86, 0.97), -0.02), yaw, Role.CAB, (0.0,), moving,
    )  # fmt: skip
    site.box(Material.UNDERBODY, thing, place(0, floor - 0.18, 0), (w * 0.5, 0.16, long * 0.97), yaw, moving=moving)
    if site.chance(0.5):  # guards between the axles
        site.box(
            Material.UNDERBODY, thing, place(0, 0.6, 0.05 * long), (w * 0.97, 0.2, long * 0.25), yaw, moving=moving
        )
    axles = (
        [long - cab * 0.95, -0.62 * long]
        + ([-0.62 * long - 1.2] if long > 4 else [])
        + ([-0.05 * long] if long > 6 else [])
    )
    add_wheels(site, thing, place, yaw, w, axles, site.U(0.42, 0.52), moving)
    return long


def add_bus(site: Site, x: float, z: float, yaw: float, moving) -> float:
    """Add a bus with one deck or two."""
    thing, place = site.thing(), placed(x, z, yaw)
    decks = 2.0 if site.chance(0.3) else 1.0
    w, long, high = site.U(1.15, 1.28), site.U(3.6, 6.2), 4.2 if decks > 1 else site.U(2.7, 3.2)
    params = (decks, site.pick((0.0, 1.0)), site.U(0, 1), site.rng.random())
    site.taper(
        Material.CAR_PAINT, thing, place(0, (0.3 + high) / 2, 0), (w, (high - 0.3) / 2, long), (0.96, 0.985, 0.0), yaw,
        Role.COACH, params, moving,
    )  # fmt: skip
    site.box(Material.UNDERBODY, thing, place(0, 0.28, 0), (w * 0.9, 0.1, long * 0.95), yaw, moving=moving)
    if site.chance(0.4):
        site.box(
            Material.CANVAS, thing, place(0, high + 0.1, -0.3 * long), (w * 0.6, 0.14, long * 0.3), yaw, moving=moving
        )
    add_wheels(site, thing, place, yaw, w * 0.99, (-0.45 * long, 0.58 * long), site.U(0.44, 0.52), moving)
    return long


def add_tram(site: Site, x: float, z: float, yaw: float, speed: float) -> float:
    """Add a tram of one to four cars; return its half length in metres."""
    thing, count, half = site.thing(), int(site.rng.integers(1, 5)), site.U(3.2, 4.6)
    w, high, params = site.U(1.15, 1.3), site.U(3.1, 3.6), (1.0, 1.0, site.U(0, 1), site.rng.random())
    moving, long = (0.0, 0.0, speed), count * (half + 0.15)
    place = placed(x, z, yaw)
    for k in range(count):
        middle = -long + (2 * k + 1) * (half + 0.15)
        site.vehicles.append(site.next_id())
        site.taper(
            Material.CAR_PAINT, thing, place(0, (0.25 + high) / 2, middle), (w, (high - 0.25) / 2, half),
            (0.94, 0.97, 0), yaw, Role.COACH, params, moving,
        )  # fmt: skip
        site.box(Material.UNDERBODY, thing, place(0, 0.25, middle), (w * 0.85, 0.2, half * 0.8), yaw, moving=moving)
        site.box(Material.CANVAS, thing, place(0, high + 0.15, middle), (w * 0.6, 0.18, half * 0.6), yaw, moving=moving)
    if speed and math.cos(yaw) < 0:
        site.headlights.append(site.vehicles[-1])
    return long


def add_motorcycle(site: Site, x: float, z: float, yaw: float, moving) -> float:
    """Add a motorcycle or scooter; its rider, where there is one, is a thing of class human."""
    thing, place = site.thing(), placed(x, z, yaw)
    site.box(
        Material.CAR_PAINT, thing, place(0, 0.62, 0.05), (site.U(0.1, 0.18), 0.17, 0.5), yaw, moving=moving
    )  # fmt: skip
    for along in (-0.65, 0.68):
        site.ball(Material.TYRE, thing, place(0, 0.31, along), (0.07, 0.31, 0.31), yaw, Role.WHEEL, moving)
    site.box(Material.UNDERBODY, thing, place(0, 0.4, 0), (0.12, 0.16, 0.34), yaw, moving=moving)
    site.ball(Material.UNDERBODY, thing, place(0, 0.82, -0.3), (0.13, 0.08, 0.42), yaw, moving=moving)
    site.box(Material.UNDERBODY, thing, place(0, 1.02, 0.45), (0.36, 0.03, 0.04), yaw, moving=moving)
    site.ball(Material.HEADLIGHT, thing, place(0, 0.9, 0.62), (0.1, 0.1, 0.08), yaw, moving=moving)
    site.ball(Material.TAIL_LIGHT, thing, place(0, 0.75, -0.78), (0.08, 0.05, 0.05), yaw, moving=moving)
    if moving[2] or site.chance(0.3):
        rider = site.thing()
        for dx in (-0.17, 0.17):
            site.ball(Material.TROUSERS, rider, place(dx, 0.72, 0.02), (0.1, 0.34, 0.22), yaw, moving=moving)
        site.ball(Material.JACKET, rider, place(0, 1.15, -0.08), (0.25, 0.36, 0.2), yaw, Role.TORSO, moving)
        for dx in (-0.24, 0.24):
            site.ball(Material.JACKET, rider, place(dx, 1.14, 0.2), (0.07, 0.1, 0.3), yaw, moving=moving)
        site.ball(Material.BAG, rider, place(0, 1.6, 0.0), (0.14, 0.16, 0.16), yaw, moving=moving)
    return 1.0


def add_trailer(site: Site, x: float, z: float, yaw: float) -> None:
    """Add a parked trailer or caravan."""
    thing, place = site.thing(), placed(x, z, yaw)
    w, long, high = site.U(0.8, 1.15), site.U(1.2, 2.8), site.U(0.9, 2.6)
    site.vehicles.append(site.next_id())
    material = site.pick((Material.CANVAS, Material.CAR_PAINT))
    params = lettering(site, 0.3)
    site.box(material, thing, place(0, (0.5 + high) / 2, 0), (w, (high - 0.5) / 2, long), yaw, Role.CARGO, params)
    site.box(Material.UNDERBODY, thing, place(0, 0.45, long * 0.4), (0.06, 0.06, long * 1.1), yaw)
    add_wheels(site, thing, place, yaw, w * 1.03, (0.0,), 0.32, (0, 0, 0))
