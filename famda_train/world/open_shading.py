# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Light and weather of the open streets: from a G-buffer and a style to linear radiance."""
from __future__ import annotations

import cv2
import numpy as np

from famda_train.world import noise
from famda_train.world.domains import Style
from famda_train.world.gbuffer import GBuffer
from famda_train.world.layout import Layout
from famda_train.world.materials import CLASS_OF_MATERIAL, Material
from famda_train.world.open_sky import mirrored_light, open_sky
from famda_train.world.shading import add_spot, ambient_access, nearby_spots, own_headlights
from famda_train.world.shadow import sun_transmission
from famda_train.world.surface import albedo

_f = np.float32
_FOLIAGE = np.isin(np.arange(len(Material)), (Material.LEAF, Material.HEDGE, Material.TWIG))
_LYING = (
    Material.ROAD, Material.LANE_PAINT, Material.YELLOW_PAINT, Material.DARK_PAINT, Material.SIDEWALK, Material.KERB,
    Material.PAVED, Material.PUDDLE, Material.RAIL,
)  # fmt: skip
_WETTABLE = np.isin(np.arange(len(Material)), _LYING)
_SNOWY = _WETTABLE | np.isin(np.arange(len(Material)), (Material.GRASS, Material.FIELD, Material.GRAVEL, Material.ROOF))
_RETRO = np.zeros(len(Material), np.float32)
_RETRO[[Material.SIGN, Material.SIGN_RIM, Material.PLATE]] = 3.0, 2.0, 4.0
_RETRO[[Material.LANE_PAINT, Material.YELLOW_PAINT]] = 1.5, 1.0
_GLOSS = np.zeros(len(Material), np.float32)
_GLOSS[[Material.WINDOW, Material.GLASS, Material.CAR_PAINT]] = 0.35, 0.40, 0.10
_GLOSS[[Material.LIVERY, Material.OWN_PAINT, Material.PUDDLE]] = 0.06, 0.2, 0.5


def shade_open(g: GBuffer, layout: Layout, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Return linear radiance, float32 [H, W, 3].

    Args:
        g: the view.
        layout: the street that was viewed, for its light sources.
        style: a draw from a look of the open streets.
        rng: places of what is no thing: far lights, rain.
    """
    is_sky = g.material == Material.SKY
    foliage = _FOLIAGE[g.material]
    normal, gaps = _leafy_normals(g, foliage, style)
    access = ambient_access(g, layout, style.occlusion)
    light = (_f(0.65) + _f(0.35) * normal[1]) * access
    light = light[..., None] * (style.ambient_color * _f(style.ambient))
    if style.street_glow > 0:
        glow = np.exp(np.maximum(g.point[1], 0) * _f(-0.25)) * access * _f(style.street_glow)
        light += glow[..., None] * style.lamp_color
    if style.sun > 0:
        light += _sunlight(g, normal, foliage, style)[..., None] * style.sun_color
    color = albedo(g, style)
    if style.snow > 0:
        _lay_snow(color, g, style)
    wet = _wetness(g, style) if style.wet > 0 else None
    if wet is not None:
        color *= (1 - _f(0.55) * wet)[..., None]
    if style.headlights > 0:
        beam = own_headlights(g, style) * (_f(1.0) + _RETRO[g.material])
        light += beam[..., None] * np.array([1.0, 0.96, 0.88], np.float32)
    for spot in nearby_spots(g, layout, style):
        add_spot(light, g, spot)
    radiance = color
    radiance *= light
    radiance *= gaps[..., None]
    _mirror(radiance, g, is_sky, style)
    if style.emission > 0:
        _glow(radiance, g, style)
    if style.lamp_dots >= 1:
        _far_lights(radiance, g, style, rng)
    if style.fog > 0:
        share = 1 - np.exp(-np.minimum(g.depth, _f(1e4)) * _f(style.fog))
        radiance += share[..., None] * (style.horizon * _f(style.fog_level) - radiance)
    if is_sky.any():
        radiance[is_sky] = open_sky(g.rays[:, is_sky], style)
    _see_through_leaves(radiance, g, style)
    if wet is not None:
        _mirror_road(radiance, g, wet, style)
    return radiance


def _leafy_normals(g: GBuffer, foliage: np.ndarray, style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Return normals that lean with clumps of leaves, and float32 [H, W] darkness between the clumps."""
    gaps = np.ones(g.depth.shape, np.float32)
    index = np.flatnonzero(foliage)
    if not len(index):
        return g.normal, gaps
    u, v = g.uv[0].ravel()[index] * 22, g.uv[1].ravel()[index] * 22
    salt = g.instance.ravel()[index].astype(np.float32) * 37
    first = noise.sample(noise.GENERAL, u + salt, v)
    second = noise.sample(noise.GENERAL, v + salt, u + 200)
    deep = _f(style.foliage_depth)
    normal = g.normal.copy()
    for axis, lean in ((0, first), (1, second), (2, first - second)):
        normal[axis].ravel()[index] += _f(0.45) * deep * lean
    # The lower half of a crown lies in its own shade.
    below = _f(0.75) + _f(0.25) * np.clip(g.normal[1].ravel()[index] + _f(0.3), -1, 1)
    gaps.ravel()[index] = np.clip(1 + deep * (_f(0.35) * first + _f(0.25) * second), 0.12, 2.0) * below
    return normal, gaps


def _sunlight(g: GBuffer, normal: np.ndarray, foliage: np.ndarray, style: Style) -> np.ndarray:
    """Return float32 [H, W] direct light: Lambert, shadows of the street and of others, light through leaves."""
    facing = np.tensordot(style.sun_direction, normal, 1)
    direct = np.maximum(facing, 0)
    direct += foliage * (_f(0.25) * np.maximum(-facing, 0))
    dark = sun_transmission(g, style.sun_direction) if style.shadow > 0 else 1
    if style.gobo > 0:
        dark = dark * (1 - _f(style.gobo) * _shadows_of_others(g, style))
    return direct * (1 - _f(style.shadow) * (1 - dark)) * _f(style.sun)


def _shadows_of_others(g: GBuffer, style: Style) -> np.ndarray:
    """Return float32 [H, W] 0..1: shadows of crowns and houses outside the picture, along the sun's direction."""
    sx, sy, sz = style.sun_direction
    # Everything on one ray to the sun meets the plane y = 8 m at one point.
    rise = (_f(8.0) - g.point[1]) / _f(max(sy, 0.1))
    scale = _f(5.0 / style.gobo_scale)
    u = (g.point[0] + _f(g.camera.x) + rise * sx) * scale + style.offsets[0]
    v = (g.point[2] + _f(g.camera.z) + rise * sz) * scale + style.offsets[4]
    crowns = noise.sample(noise.LARGE, u * _f(0.5), v * _f(0.5)) + _f(0.25) * noise.sample(noise.GENERAL, u * 3, v * 3)
    return np.clip((crowns - _f(0.3)) * 4 / (1 + g.depth * _f(0.02)), 0, 1) * (g.point[1] < 8)


def _lay_snow(color: np.ndarray, g: GBuffer, style: Style) -> None:
    where = _SNOWY[g.material] & (g.normal[1] > 0.5)
    index = np.flatnonzero(where)
    u, v = g.uv[0].ravel()[index], g.uv[1].ravel()[index]
    level = noise.sample(noise.GENERAL, u * 12 + style.offsets[1], v * 5) * _f(0.7)
    # Wheels clear the road, and leave slush along its lines.
    driven = np.isin(g.material.ravel()[index], (Material.ROAD, Material.LANE_PAINT)) * _f(0.8)
    amount = np.clip(_f(3.0 * style.snow - 1.0) + level - driven, 0, 1)[:, None]
    flat = color.reshape(-1, 3)
    flat[index] += amount * (np.array([0.80, 0.82, 0.86], np.float32) - flat[index])


def _wetness(g: GBuffer, style: Style) -> np.ndarray:
    """Return float32 [H, W] 0..1: how much of a mirror the ground is."""
    wet = np.zeros(g.depth.shape, np.float32)
    index = np.flatnonzero(_WETTABLE[g.material] & (g.normal[1] > 0.9))
    u, v = g.uv[0].ravel()[index], g.uv[1].ravel()[index]
    level = noise.sample(noise.LARGE, u * 10 + style.offsets[2], v * 4 + style.offsets[3])
    pools = np.clip((level + _f(2.2 * style.puddles - 1.6)) * 4, 0, 1)
    wet.ravel()[index] = np.clip(_f(style.wet) * (_f(0.55) + _f(0.12) * level) + _f(style.wet) * pools, 0, 1)
    return wet


def _mirror_road(radiance: np.ndarray, g: GBuffer, wet: np.ndarray, style: Style) -> None:
    """Add what a wet road mirrors: the picture itself, upside down and drawn out downwards."""
    rows = np.flatnonzero(wet.any(1))
    if not len(rows):
        return
    part = slice(rows[0], rows[-1] + 1)
    rays, camera = g.rays[:, part], g.camera
    # Things stand on the road some way behind the mirroring point: look from there, not from infinity.
    down = -rays[1]
    mirrored = np.stack([rays[0], down * _f(0.8), rays[2]])
    local = np.tensordot(camera.axes().astype(np.float32), mirrored, 1)
    u = _f(camera.cx) + _f(camera.focal) * local[0] / np.maximum(local[2], _f(0.05))
    v = _f(camera.cy) - _f(camera.focal) * local[1] / np.maximum(local[2], _f(0.05))
    ripple = noise.sample(noise.GENERAL, g.uv[0, part] * 40, g.uv[1, part] * 12)
    height, width = g.depth.shape
    size = height / 96
    blurred = cv2.blur(np.minimum(radiance, _f(30)), (1 + 2 * round(size / 2), 1 + 2 * round(4 * size)))
    seen = cv2.remap(
        blurred, np.clip(u + _f(0.6 * size) * ripple, 0, width - 1), np.clip(v, 0, height - 1), cv2.INTER_LINEAR
    )
    steep = down / np.sqrt((rays * rays).sum(0))
    share = (_f(0.03) + _f(0.85) * np.clip(1 - steep, 0, 1) ** 5) * wet[part]
    radiance[part] += share[..., None] * (seen - radiance[part] * _f(0.5))


def _mirror(radiance: np.ndarray, g: GBuffer, is_sky: np.ndarray, style: Style) -> None:
    """Glass and paint mirror sky and street, more so at grazing angles."""
    gloss = _GLOSS[g.material].ravel()
    index = np.flatnonzero(gloss)
    if not len(index):
        return
    rays, normal = g.rays.reshape(3, -1)[:, index], g.normal.reshape(3, -1)[:, index]
    solid = radiance[::8, ::8][~is_sky[::8, ::8]]
    ground = solid.mean(0) if len(solid) else np.zeros(3, np.float32)
    length = np.sqrt((rays * rays).sum(0))
    rays = rays / length
    cosine = np.clip(-(rays * normal).sum(0), 0, 1)
    share = gloss[index] * (_f(0.35) + _f(2.5) * (1 - cosine) ** 4)
    radiance.reshape(-1, 3)[index] += np.minimum(share, 0.8)[:, None] * mirrored_light(rays, normal, ground, style)


def _glow(radiance: np.ndarray, g: GBuffer, style: Style) -> None:
    """Add the light of windows, shops, lamps, vehicles and traffic lights."""
    strength = _f(style.emission)
    night = _f(min(1.0, 0.02 + 20 * style.street_glow + 0.2 * style.lamps))
    flat, material = radiance.reshape(-1, 3), g.material.ravel()
    window = np.flatnonzero(material == Material.WINDOW)
    variation = g.variation.ravel()[window]
    shop = (g.point[1].ravel()[window] < 3.2) * _f(0.35)
    lit = window[variation < style.window_lit * (1 + 3 * shop) + shop * min(style.window_lit, 0.3)]
    if len(lit):
        level = noise.hash_unit((g.variation.ravel()[lit] * 16777216).astype(np.int64), 5)
        warm = np.array([1.0, 0.72, 0.38], np.float32) + level[:, None] * np.array([-0.1, 0.25, 0.6], np.float32)
        inside = _f(0.7) + _f(0.3) * noise.sample_nearest(
            noise.GENERAL, g.uv[0].ravel()[lit] * 60, g.uv[1].ravel()[lit] * 60
        )
        level = (_f(0.1) + level * level * 2) * np.maximum(inside, 0.1) * _f(0.35) * strength * night
        flat[lit] += warm * level[:, None]
    thing = g.instance.ravel()
    board = np.flatnonzero(material == Material.FASCIA)
    if len(board):
        lit_up = (noise.hash_unit(thing[board], 3) < 0.5) * strength * night
        flat[board] *= 1 + (lit_up * 4)[:, None]
        flat[board] += lit_up[:, None] * _hue(thing[board], 4) * _f(0.25)
    towards = np.maximum(-(g.normal * g.rays).sum(0).ravel(), 0)
    rear = np.array([1.0, 0.05, 0.03], np.float32)
    front = np.array([1.0, 0.95, 0.85], np.float32) * _f(style.headlight_glare)
    lamp = style.lamp_color * _f(10)
    for which, glow in ((Material.LAMP, lamp), (Material.TAIL_LIGHT, rear), (Material.HEADLIGHT, front)):
        lit = np.flatnonzero(material == which)
        if not len(lit):
            continue
        level = (_f(0.4) + _f(1.2) * noise.hash_unit(thing[lit], 9)) * strength
        if which == Material.LAMP:
            level = level * _f(min(style.lamps * 3, 1.0))
        else:
            moving = np.abs(g.primitives.velocity[g.primitive.ravel()[lit]]).max(1) > 0
            moving |= noise.hash_unit(thing[lit], 13) < 0.12
            level = level * np.where(moving, towards[lit], 0)
            if which == Material.TAIL_LIGHT:  # some brake
                level = level * np.where(noise.hash_unit(thing[lit], 17) < 0.35, 4.0, 1.0)
        flat[lit] += glow * level[:, None].astype(np.float32)
    lens = np.flatnonzero((material == Material.SIGNAL_LENS) & (g.variation.ravel() > 0))
    if len(lens):
        green = g.state.ravel()[lens][:, None] > 0
        color = np.where(green, np.array([0.05, 2.2, 1.2], np.float32), np.array([2.6, 0.12, 0.05], np.float32))
        flat[lens] += color * max(float(strength), 0.3)


def _hue(thing: np.ndarray, salt: int) -> np.ndarray:
    """Return float32 [n, 3] saturated colours of things."""
    return np.stack([noise.hash_unit(thing, salt + k) for k in range(3)], 1) ** 2 * 2


def _far_lights(radiance: np.ndarray, g: GBuffer, style: Style, rng: np.random.Generator) -> None:
    """Put lights of what is too far or too small to be a thing on distant surfaces and facades."""
    height, width = g.depth.shape
    number = int(style.lamp_dots)
    rows = rng.normal(g.camera.cy, height * 0.08, number).astype(int)
    columns = rng.integers(0, width, number)
    colors = np.array([[1, 0.6, 0.25], [1, 0.95, 0.9], [1, 0.06, 0.04], [0.1, 1, 0.6], [0.3, 0.5, 1]], np.float32)
    which = rng.choice(5, number, p=[0.4, 0.3, 0.18, 0.07, 0.05])
    radius, level = rng.uniform(0.4, 1.6, number) * width / 320, rng.uniform(0.3, 8.0, number) ** 1.2
    for r, c, k, size, bright in zip(rows, columns, which, radius, level, strict=True):
        if not (0 <= r < height) or g.material[r, c] == Material.SKY:
            continue
        if g.depth[r, c] < 25 and CLASS_OF_MATERIAL[g.material[r, c]] != CLASS_OF_MATERIAL[Material.BUILDING]:
            continue
        reach = int(3 * size) + 1
        part = (slice(max(r - reach, 0), r + reach + 1), slice(max(c - reach, 0), c + reach + 1))
        y = np.arange(part[0].start, min(part[0].stop, height), dtype=np.float32)[:, None] - _f(r)
        x = np.arange(part[1].start, min(part[1].stop, width), dtype=np.float32)[None] - _f(c)
        spot = np.exp(-(x * x + y * y) / _f(2 * size * size)) * _f(bright * min(1.0, style.emission))
        radiance[part] += (spot * (g.material[part] != Material.SKY))[..., None] * colors[k]


def _see_through_leaves(radiance: np.ndarray, g: GBuffer, style: Style) -> None:
    """What is around crowns shows through the gaps at their rims; crowns are labelled as a whole, as people do."""
    index = np.flatnonzero(g.material == Material.LEAF)
    if not len(index) or style.leaf_gaps <= 0:
        return
    rays, normal = g.rays.reshape(3, -1)[:, index], g.normal.reshape(3, -1)[:, index]
    middle = np.clip(-(rays * normal).sum(0) / np.sqrt((rays * rays).sum(0)), 0, 1)
    salt = g.instance.ravel()[index].astype(np.float32) * 29
    u, v = g.uv[0].ravel()[index] * 24 + salt, g.uv[1].ravel()[index] * 24
    holes = noise.sample(noise.GENERAL, u, v) + _f(0.5) * noise.sample(noise.GRAIN, u * 2, v * 2)
    through = np.clip((holes + _f(1.6 * style.leaf_gaps - 0.6) - _f(1.6) * middle) * 3, 0, 0.9)
    flat = radiance.reshape(-1, 3)
    flat[index] += through[:, None] * (_behind_crowns(radiance, g).reshape(-1, 3)[index] - flat[index])


def _behind_crowns(radiance: np.ndarray, g: GBuffer) -> np.ndarray:
    """Return float32 [H, W, 3]: what is around the crowns, spread into them."""
    height, width = g.depth.shape
    small = (max(width // 4, 1), max(height // 4, 1))
    solid = (~_FOLIAGE[g.material]).astype(np.float32)
    reach = (2 * (small[1] // 8) + 1, 2 * (small[1] // 10) + 1)
    weight = cv2.blur(cv2.resize(solid, small, interpolation=cv2.INTER_AREA), reach) + _f(1e-4)
    mean = cv2.blur(cv2.resize(np.minimum(radiance, 4) * solid[..., None], small, interpolation=cv2.INTER_AREA), reach)
    return cv2.resize(mean / weight[..., None], (width, height), interpolation=cv2.INTER_LINEAR)
