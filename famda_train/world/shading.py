# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Light: from a G-buffer and a style to linear radiance.  Reads geometry, never changes it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from famda_train.world import noise
from famda_train.world.domains import Style
from famda_train.world.gbuffer import GBuffer
from famda_train.world.layout import Layout
from famda_train.world.materials import Material
from famda_train.world.raycast import image_bounds
from famda_train.world.shadow import sun_transmission
from famda_train.world.surface import albedo

LAMPS_LIT, VEHICLES_LIT, VEHICLES_SHADED = 7, 3, 16
_f = np.float32


def shade(g: GBuffer, layout: Layout, style: Style) -> np.ndarray:
    """Return linear radiance, float32 [H, W, 3].

    Args:
        g: the view.
        layout: the street that was viewed, for its light sources.
        style: a draw from a domain.
    """
    open_sky = ambient_access(g, layout, style.occlusion)
    light = (_f(0.75) + _f(0.25) * g.normal[1]) * open_sky * _f(style.ambient)
    light = light[..., None] * style.ambient_color
    if style.sun > 0:
        direct = np.maximum(np.tensordot(style.sun_direction, g.normal, 1), 0) * _f(style.sun)
        if style.shadow > 0:
            direct *= 1 - _f(style.shadow) * (1 - sun_transmission(g, style.sun_direction))
        light += direct[..., None] * style.sun_color
    if style.headlights > 0:
        light += (own_headlights(g, style) * open_sky)[..., None] * np.array([1.0, 0.96, 0.86], np.float32)
    for spot in nearby_spots(g, layout, style):
        add_spot(light, g, spot)
    radiance = albedo(g, style)
    radiance *= light
    _add_reflections(radiance, g, style)
    if style.emission > 0:
        _add_emitters(radiance, g, style)
    if style.fog > 0:
        share = 1 - np.exp(-np.minimum(g.depth, _f(1e4)) * _f(style.fog))
        radiance += share[..., None] * (style.horizon * _f(style.fog_level) - radiance)
    is_sky = g.material == Material.SKY
    if is_sky.any():
        radiance[is_sky] = sky(g.rays[:, is_sky], style)
    if g.veil is None:  # else what is between them has been seen already
        _show_sky_between_twigs(radiance, g, style)
    return radiance


def _show_sky_between_twigs(radiance: np.ndarray, g: GBuffer, style: Style) -> None:
    """A bare crown is labelled as a whole, as people label it, but the sky is seen through it."""
    twigs = (g.material == Material.TWIG) & (g.rays[1] > 0)
    if not twigs.any():
        return
    u, v = g.uv[0][twigs] * 45, g.uv[1][twigs] * 45
    strokes = noise.sample(noise.GRAIN, u * _f(2.2), v * _f(0.7)) + noise.sample(noise.GENERAL, u, v)
    through = np.clip(_f(0.40) + _f(0.22) * strokes, 0, 0.8)[:, None]
    radiance[twigs] += through * (sky(g.rays[:, twigs], style) - radiance[twigs])


def ambient_access(g: GBuffer, layout: Layout, strength: float) -> np.ndarray:
    """Return float32 [H, W] share of the surrounding light that is not blocked nearby.

    Dark at the foot of upright things, on the ground close to them and under vehicles.
    """
    if strength <= 0:
        return np.ones(g.depth.shape, np.float32)
    upright = 1 - np.abs(g.normal[1])
    shade = _f(0.5 * strength) * upright * np.exp(g.point[1] * _f(-2.0))
    result = 1 - shade
    p = g.primitives
    bodies = layout.vehicles[np.abs(p.center[layout.vehicles, 2] - g.camera.z) < 60]
    if len(bodies):
        nearest, rectangles = image_bounds(p.take(bodies), g.camera, margin=0.8)
        order = np.argsort(nearest)[:VEHICLES_SHADED]
        for k in order:
            _shade_ground(result, g, int(bodies[k]), rectangles[k], _f(0.75 * strength))
    return result


def _shade_ground(result, g: GBuffer, body: int, rectangle, strength) -> None:
    """Darken the ground under and around one vehicle."""
    r0, r1, c0, c1 = rectangle
    if r0 >= r1 or c0 >= c1:
        return
    p = g.primitives
    center = p.center[body] - [g.camera.x, 0.0, g.camera.z]
    x, z = g.point[0, r0:r1, c0:c1] - _f(center[0]), g.point[2, r0:r1, c0:c1] - _f(center[2])
    cos, sin = np.cos(p.yaw[body]), np.sin(p.yaw[body])
    along = np.maximum(np.abs(sin * x + cos * z) - p.half[body, 2] + _f(0.15), 0)
    across = np.maximum(np.abs(cos * x - sin * z) - p.half[body, 0] + _f(0.15), 0)
    shade = strength * np.exp(-(along + across) * _f(3.0))
    on_ground = g.point[1, r0:r1, c0:c1] < 0.02
    result[r0:r1, c0:c1] *= 1 - shade * on_ground


def own_headlights(g: GBuffer, style: Style) -> np.ndarray:
    """Return float32 [H, W] light of the low beam, 0.75 m above the road and 0.5 m ahead of the camera."""
    sy, cy = np.sin(g.camera.yaw), np.cos(g.camera.yaw)
    x, y, z = g.point[0] - _f(0.5 * sy), g.point[1] - _f(0.75), g.point[2] - _f(0.5 * cy)
    ahead, aside = _f(sy) * x + _f(cy) * z, _f(cy) * x - _f(sy) * z
    flat = np.sqrt(ahead * ahead + aside * aside) + _f(1e-3)
    distance2 = flat * flat + y * y
    distance = np.sqrt(distance2)
    azimuth = np.arctan2(aside, ahead)
    beam = np.exp(-np.square(azimuth / _f(style.headlight_width)))
    beam *= np.exp(-np.maximum(y / flat + _f(0.01), 0) * _f(1 / 0.10))
    lambert = -(g.normal[0] * x + g.normal[1] * y + g.normal[2] * z) / distance
    lambert = np.maximum(lambert, _f(0.02)) ** _f(0.6)
    # The beam passes over the road right in front of the bumper.
    beam *= 1 - _f(0.55) * np.exp(distance2 * _f(-1 / 16))
    return beam * np.maximum(lambert, _f(0.15)) * _f(style.headlights) / (1 + distance2 / _f(style.headlight_reach**2))


@dataclass(frozen=True)
class Spot:
    """A lamp with a direction.

    Attributes:
        position: float [3] metres, x and z relative to the camera.
        axis: float [3] unit vector; power: exponent of the cosine to the axis.
        reach: metres at which the light has halved; color: float32 [3] intensity; floor: least Lambert factor.
    """

    position: np.ndarray
    axis: tuple[float, float, float]
    power: int
    reach: float
    color: np.ndarray
    floor: float


def nearby_spots(g: GBuffer, layout: Layout, style: Style) -> list[Spot]:
    """Return the street lamps and oncoming headlights that matter in a view."""
    origin = np.array([g.camera.x, 0.0, g.camera.z])
    spots = []
    if style.lamps > 0 and len(layout.lamps):
        lamps = layout.lamps - origin
        ahead = lamps[(lamps[:, 2] > -6) & (lamps[:, 2] < 80)]
        for lamp in ahead[np.argsort(np.abs(ahead[:, 2]))][:LAMPS_LIT]:
            spots.append(Spot(lamp, (0.0, -1.0, 0.0), 4, 4.0, style.lamp_color * _f(style.lamps), 0.06))
    if style.headlights > 0 and len(layout.headlights):
        p, ids = g.primitives, layout.headlights
        fronts = p.center[ids] - origin - np.stack([0 * ids, 0 * ids, p.half[ids, 2]], 1)
        fronts[:, 1] = 0.7
        ahead = fronts[(fronts[:, 2] > 2) & (fronts[:, 2] < 50)]
        for front in ahead[np.argsort(ahead[:, 2])][:VEHICLES_LIT]:
            color = np.array([1.0, 0.95, 0.85], np.float32) * _f(0.5 * style.headlights)
            spots.append(Spot(front, (0.0, -0.05, -1.0), 16, 5.0, color, 0.1))
    return spots


def add_spot(light: np.ndarray, g: GBuffer, spot: Spot) -> None:
    """Add the light of a lamp to float32 [H, W, 3] ``light``, in place."""
    # Light is negligible six reaches away: compute the depth slab around the lamp only.
    near = np.abs(g.point[2] - _f(spot.position[2])) < 6 * spot.reach
    near &= g.material != Material.SKY
    rows = np.flatnonzero(near.any(1))
    if not len(rows):
        return
    part = slice(rows[0], rows[-1] + 1)
    x, y, z = (g.point[k, part] - _f(spot.position[k]) for k in range(3))
    distance2 = x * x + y * y + z * z + _f(1e-3)
    inverse = 1 / np.sqrt(distance2)
    ax, ay, az = spot.axis
    cosine = np.maximum((_f(ax) * x + _f(ay) * y + _f(az) * z) * inverse, 0)
    nx, ny, nz = g.normal[:, part]
    lambert = np.maximum(-(nx * x + ny * y + nz * z) * inverse, _f(spot.floor))
    for _ in range(int(np.log2(spot.power))):
        cosine = cosine * cosine
    strength = cosine * lambert / (1 + distance2 * _f(1 / spot.reach**2))
    light[part] += strength[..., None] * spot.color


_MIRROR = np.zeros(len(Material), np.float32)
_MIRROR[[Material.WINDOW, Material.GLASS]] = 0.15, 0.20
_MIRROR[Material.CAR_PAINT] = 0.07


def _add_reflections(radiance: np.ndarray, g: GBuffer, style: Style) -> None:
    """Glass and car paint mirror some of the sky: the horizon, or the zenith where they look up."""
    index = np.flatnonzero(_MIRROR[g.material])
    if not len(index):
        return
    u, v = (c.ravel()[index] for c in g.uv)
    cloud = noise.sample(noise.LARGE, u * 14 + style.offsets[5], v * 14 + style.offsets[6])
    up = np.maximum(g.normal[1].ravel()[index], 0)
    strength = _MIRROR[g.material].ravel()[index] * np.clip(1 + _f(0.45) * cloud, 0.1, 2) * (1 + up)
    tint = style.horizon + (style.zenith - style.horizon) * up[:, None] * _f(0.6)
    radiance.reshape(-1, 3)[index] += strength[:, None] * tint


def _add_emitters(radiance: np.ndarray, g: GBuffer, style: Style) -> None:
    strength = _f(style.emission)
    flat = radiance.reshape(-1, 3)
    material = g.material.ravel()
    window = np.flatnonzero(material == Material.WINDOW)
    variation = g.variation.ravel()[window]
    lit = window[variation < style.window_lit]
    if len(lit):
        level = noise.hash_unit((g.variation.ravel()[lit] * 16777216).astype(np.int64), 5)
        warm = np.array([1.0, 0.78, 0.45], np.float32) + level[:, None] * np.array([0, 0.1, 0.3], np.float32)
        curtain = _f(0.75) + _f(0.25) * noise.sample_nearest(noise.LARGE, g.uv[0].ravel()[lit] * 40,
                                                              g.uv[1].ravel()[lit] * 40)  # fmt: skip
        flat[lit] += warm * ((_f(0.25) + level) * curtain * _f(0.55) * strength)[:, None]
    thing = g.instance.ravel()
    towards = np.maximum(-g.normal[2].ravel(), 0)
    for which, color in (
        (Material.LAMP, style.lamp_color * _f(5.0)),
        (Material.TAIL_LIGHT, np.array([1.6, 0.07, 0.05], np.float32)),
        (Material.HEADLIGHT, np.array([4.0, 3.8, 3.3], np.float32)),
    ):
        on = np.flatnonzero(material == which)
        if len(on):
            level = (_f(0.6) + _f(0.8) * noise.hash_unit(thing[on], 9)) * strength
            if which != Material.LAMP:
                moving = np.abs(g.primitives.velocity[g.primitive.ravel()[on], 2]) > 0
                level = level * np.where(moving, towards[on], 0)  # parked cars are dark
            flat[on] += color * level[:, None]
    lens = np.flatnonzero((material == Material.SIGNAL_LENS) & (g.variation.ravel() > 0))
    if len(lens):
        green = g.state.ravel()[lens][:, None] > 0
        flat[lens] += np.where(green, np.array([0.1, 2.2, 1.0], np.float32), np.array([2.6, 0.15, 0.08], np.float32))


def sky(rays: np.ndarray, style: Style) -> np.ndarray:
    """Return float32 [n, 3] radiance of the sky along float32 [3, n] directions."""
    elevation = np.maximum(rays[1] / np.hypot(rays[0], rays[2]), 0)
    color = style.horizon + (style.zenith - style.horizon) * (1 - np.exp(elevation * _f(-2.5)))[:, None]
    if style.clouds > 0:
        scale = _f(90.0) / (elevation + _f(0.12))
        u, v = rays[0] * scale + style.offsets[7], rays[2] * scale + style.offsets[5]
        cover = noise.sample(noise.LARGE, u * _f(0.35), v * _f(0.35))
        cover = np.clip(cover * _f(0.6) + _f(0.2), 0, 1) * _f(style.clouds) * np.minimum(elevation * 6, 1)
        bright = style.horizon * _f(1.08)
        color = color + cover[:, None] * (bright - color)
    return color
