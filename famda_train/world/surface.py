# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Albedo: palette, colours of single things, noise, bricks, joints and leaves."""
from __future__ import annotations

import numpy as np

from famda_train.world import noise
from famda_train.world.camera import REFERENCE_FOCAL
from famda_train.world.domains import OBJECT_COLOR_AMPLITUDE, Style
from famda_train.world.gbuffer import GBuffer
from famda_train.world.materials import Material
from famda_train.world.open_surface import color_of_things, fine_detail, repaired_road


def _per_material(default: float, **values: float) -> np.ndarray:
    return np.array([values.get(m.name, default) for m in Material], np.float32)


_SMOOTH = dict.fromkeys(('CAR_PAINT', 'POLE', 'SIGN', 'SIGN_RIM', 'SIGNAL_BOX', 'RIM', 'SKIN', 'PLATE'), 0.30)
_NO_TEXTURE = dict.fromkeys(('WINDOW', 'GLASS', 'HEADLIGHT', 'TAIL_LIGHT', 'SIGNAL_LENS', 'LAMP', 'SKY', 'TYRE'), 0.0)
TEXTURE_AMPLITUDE = _per_material(1.0, ROAD=0.45, LANE_PAINT=0.45, YELLOW_PAINT=0.45, **_SMOOTH, **_NO_TEXTURE)
FOLIAGE = _per_material(0.0, LEAF=1.0, GRASS=0.7, TWIG=1.0)


def fade(g: GBuffer, metres: float) -> np.ndarray:
    """Return float32 [H, W]: how much of a fine pattern is left at a distance.

    ``metres`` is meant at the reference focal: a sharper camera sees patterns from farther away.
    """
    scale = np.float32(-REFERENCE_FOCAL / (g.camera.focal * metres))
    return np.exp(np.minimum(g.depth, np.float32(1e4)) * scale)


def albedo(g: GBuffer, style: Style) -> np.ndarray:
    """Return float32 [H, W, 3] linear reflectance."""
    material, thing = g.material, g.instance
    amplitude = OBJECT_COLOR_AMPLITUDE * np.float32(style.object_color)
    color = _colored(g, style, amplitude)
    u, v = g.uv
    scale = np.float32(style.texture_scale)
    shift_u = style.offsets[0] + np.float32(61) * thing
    modulation = np.zeros(g.depth.shape, np.float32)
    if style.texture_fine > 0:
        fine = noise.sample(noise.GENERAL, u * scale + shift_u, v * scale + style.offsets[1])
        modulation += fine * fade(g, style.texture_fade) * np.float32(0.25 * style.texture_fine)
    if style.texture_large > 0:
        large = noise.sample(noise.LARGE, u * 9 + shift_u, v * 9 + style.offsets[2])
        modulation += large * np.float32(0.14 * style.texture_large)
    if style.is_open and style.detail > 0:
        modulation += fine_detail(g, style)
    modulation *= TEXTURE_AMPLITUDE[material]
    if style.foliage > 0:
        grain = noise.sample(noise.GRAIN, u * 60 + shift_u, v * 60)
        modulation += FOLIAGE[material] * grain * fade(g, 60.0) * np.float32(0.35 * style.foliage)
    factor = np.maximum(1 + modulation, np.float32(0.15))
    if style.brick > 0:
        _lay_bricks(g, style, factor)
    if style.joints > 0:
        _cut_joints(g, style, factor)
    if style.is_open and style.repairs > 0:
        repaired_road(g, style, factor)
    color *= factor[..., None]
    return np.clip(color, 0.004, 0.95, out=color)


def _colored(g: GBuffer, style: Style, amplitude: np.ndarray) -> np.ndarray:
    """Palette colour changed by what is peculiar to the thing."""
    # A table per (thing, material) pair in the picture is far smaller than the picture.
    key = g.instance.astype(np.int32) * len(Material) + g.material
    pairs, inverse = _unique(key)
    things, materials = pairs // len(Material), pairs % len(Material)
    if style.is_open:
        return color_of_things(things, materials, style)[inverse]
    # Jacket and trousers of one person differ: roll the tint by the material.
    strength = amplitude[materials][:, None]
    turn = (materials == Material.TROUSERS) | (materials == Material.CORNICE)
    grey = np.where(turn, -style.thing_tint[things, 0], style.thing_grey[things])[:, None]
    tint = style.thing_tint[things] * np.float32(style.object_saturation)
    tint = np.where(turn[:, None], tint[:, ::-1], tint)
    base = style.albedo[materials]
    color = base * np.exp(strength * np.float32(0.75) * grey)
    color = color * (1 + strength * np.float32(0.45) * np.clip(tint, -2, 2))
    return np.clip(color, 0.01, 0.9).astype(np.float32)[inverse]


def _unique(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.unique with inverse for small integers, without sorting."""
    seen = np.zeros(int(key.max()) + 1, bool)
    seen[key] = True
    pairs = np.flatnonzero(seen)
    position = np.zeros(len(seen), np.int32)
    position[pairs] = np.arange(len(pairs), dtype=np.int32)
    return pairs, position[key]


def _lay_bricks(g: GBuffer, style: Style, factor: np.ndarray) -> None:
    wall = (g.material == Material.BUILDING) | (g.material == Material.WALL)
    wall &= (g.instance % 3 != 0) & (g.depth < 60 * g.camera.focal / REFERENCE_FOCAL)
    index = np.flatnonzero(wall)
    if not len(index):
        return
    u, v = g.uv[0].ravel()[index], g.uv[1].ravel()[index] / np.float32(0.35)
    row = np.floor(v)
    course = u / np.float32(0.8) + np.float32(0.5) * (row % 2)
    brick = np.floor(course)
    mortar = ((v - row) < 0.16) | ((course - brick) < 0.08)
    single = noise.hash_unit(g.instance.ravel()[index], row, brick) - np.float32(0.5)
    change = np.where(mortar, np.float32(0.35), single * np.float32(0.55))
    factor.ravel()[index] *= 1 + change * fade(g, 18.0).ravel()[index] * np.float32(style.brick)


def _cut_joints(g: GBuffer, style: Style, factor: np.ndarray) -> None:
    strength = np.float32(style.joints)
    paving = np.flatnonzero((g.material == Material.SIDEWALK) | (g.material == Material.PAVED))
    u, v = g.uv[0].ravel()[paving] / np.float32(0.9), g.uv[1].ravel()[paving] / np.float32(0.9)
    cu, cv = np.floor(u), np.floor(v)
    joint = ((u - cu) < 0.07) | ((v - cv) < 0.07)
    change = np.where(joint, np.float32(-0.35), (noise.hash_unit(cu, cv) - np.float32(0.5)) * np.float32(0.25))
    factor.ravel()[paving] *= 1 + change * fade(g, 12.0).ravel()[paving] * strength
    # Cracks run along the zero level of a smooth noise; tyre tracks are a little darker and smoother.
    road = np.flatnonzero((g.material == Material.ROAD) | (g.material == Material.LANE_PAINT))
    u, v = g.uv[0].ravel()[road], g.uv[1].ravel()[road]
    level = np.abs(noise.sample(noise.LARGE, u * 11 + style.offsets[3], v * 11 + style.offsets[4]))
    crack = np.maximum(1 - level * 18, 0) * fade(g, 20.0).ravel()[road]
    track = np.exp(-np.square((np.abs(u - np.float32(1.7)) - np.float32(0.75)) * np.float32(3)))
    factor.ravel()[road] *= 1 - (np.float32(0.45) * crack + np.float32(0.10) * track) * strength
