# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Colours of the things of the open streets: facades, paints, clothes, leaves, and a road with repairs."""
from __future__ import annotations

import numpy as np

from famda_train.world import noise
from famda_train.world.domains import REAL_PALETTE, Style
from famda_train.world.gbuffer import GBuffer
from famda_train.world.materials import Material

FACADES = (
    (0.30, 0.13, 0.09), (0.22, 0.12, 0.08), (0.24, 0.17, 0.12), (0.42, 0.33, 0.20), (0.62, 0.55, 0.42),
    (0.78, 0.76, 0.72), (0.86, 0.85, 0.82), (0.55, 0.55, 0.54), (0.36, 0.35, 0.33), (0.24, 0.24, 0.24),
    (0.11, 0.11, 0.12), (0.50, 0.40, 0.28), (0.62, 0.50, 0.25), (0.50, 0.56, 0.62), (0.60, 0.45, 0.40),
    (0.45, 0.52, 0.42), (0.13, 0.17, 0.21), (0.40, 0.30, 0.24),
)  # fmt: skip
PAINTS = (
    (0.75, 0.75, 0.74), (0.75, 0.75, 0.74), (0.46, 0.47, 0.48), (0.46, 0.47, 0.48), (0.28, 0.29, 0.30),
    (0.13, 0.135, 0.14), (0.05, 0.05, 0.055), (0.018, 0.018, 0.02), (0.018, 0.018, 0.02), (0.02, 0.03, 0.08),
    (0.04, 0.09, 0.28), (0.12, 0.20, 0.35), (0.35, 0.02, 0.02), (0.18, 0.015, 0.02), (0.02, 0.07, 0.04),
    (0.10, 0.16, 0.10), (0.40, 0.34, 0.24), (0.16, 0.10, 0.06), (0.60, 0.40, 0.03),
)  # fmt: skip
CLOTHES = (
    (0.02, 0.02, 0.022), (0.03, 0.03, 0.035), (0.06, 0.06, 0.065), (0.02, 0.03, 0.07), (0.05, 0.08, 0.18),
    (0.16, 0.16, 0.17), (0.35, 0.35, 0.35), (0.65, 0.65, 0.63), (0.36, 0.03, 0.04), (0.30, 0.22, 0.14),
    (0.12, 0.14, 0.08), (0.55, 0.65, 0.05), (0.75, 0.22, 0.03), (0.10, 0.25, 0.40), (0.45, 0.15, 0.25),
)  # fmt: skip
LEAVES = (
    (0.05, 0.09, 0.025), (0.07, 0.12, 0.035), (0.04, 0.065, 0.022), (0.09, 0.13, 0.04), (0.03, 0.05, 0.025),
    (0.12, 0.12, 0.035), (0.20, 0.13, 0.03), (0.16, 0.08, 0.03),
)  # fmt: skip
SKINS = ((0.60, 0.40, 0.31), (0.50, 0.32, 0.23), (0.32, 0.19, 0.12), (0.12, 0.07, 0.05))
BOARDS = (
    (0.02, 0.02, 0.02), (0.70, 0.68, 0.62), (0.35, 0.03, 0.03), (0.03, 0.06, 0.22), (0.03, 0.15, 0.06),
    (0.60, 0.45, 0.05), (0.20, 0.08, 0.15), (0.05, 0.25, 0.30), (0.30, 0.30, 0.30),
)  # fmt: skip
SIGNS = (
    (0.80, 0.80, 0.78), (0.80, 0.80, 0.78), (0.03, 0.09, 0.40), (0.02, 0.18, 0.08), (0.70, 0.50, 0.03),
    (0.45, 0.03, 0.03),
)  # fmt: skip
GRASS = (
    (0.10, 0.15, 0.04), (0.14, 0.20, 0.06), (0.20, 0.20, 0.09), (0.26, 0.23, 0.13), (0.07, 0.10, 0.035),
)  # fmt: skip

_COLORS_OF = {
    FACADES: 'BUILDING WALL', PAINTS: 'CAR_PAINT LIVERY OWN_PAINT', CLOTHES: 'JACKET TROUSERS BAG',
    LEAVES: 'LEAF HEDGE', SKINS: 'SKIN', BOARDS: 'FASCIA DOOR LETTERING', SIGNS: 'SIGN', GRASS: 'GRASS FIELD',
}  # fmt: skip
_SPREAD = {
    'LEAF': 0.25, 'HEDGE': 0.25, 'GRASS': 0.2, 'CAR_PAINT': 0.15, 'SIGN': 0.1, 'TRUNK': 0.4, 'TWIG': 0.3, 'ROOF': 0.4,
}  # fmt: skip
SPREAD = np.array([_SPREAD.get(m.name, 0.12) for m in Material], np.float32)
"""float32 [materials]: deviation of the logarithm of the brightness from thing to thing."""


def _table() -> tuple[np.ndarray, np.ndarray]:
    most = max(len(colors) for colors in _COLORS_OF)
    counts, table = np.zeros(len(Material), np.int64), np.zeros((len(Material), most, 3), np.float32)
    for colors, names in _COLORS_OF.items():
        for name in names.split():
            counts[Material[name]] = len(colors)
            table[Material[name], : len(colors)] = colors
    return counts, table


_COUNTS, _TABLE = _table()
_REAL = np.maximum(np.array([REAL_PALETTE[m.name] for m in Material], np.float32), 1e-3)
_f = np.float32


def color_of_things(things: np.ndarray, materials: np.ndarray, style: Style) -> np.ndarray:
    """Return float32 [n, 3] reflectance of parts of things.

    Args:
        things, materials: int [n] instance ids and ``Material``.
        style: a draw from a look of the open streets.
    """
    base = style.albedo[materials]
    count = _COUNTS[materials]
    salt = int(style.offsets[0] * 4096)
    # In one street houses and trees resemble each other: some pick from a part of the list.
    drawn = noise.hash_unit(things, materials, salt)
    narrow = np.isin(materials, (Material.BUILDING, Material.LEAF, Material.GRASS, Material.HEDGE))
    drawn = np.where(narrow, (drawn * _f(0.5) + style.offsets[1] / 512) % 1, drawn)
    listed = _TABLE[materials, np.minimum((drawn * count).astype(np.int64), np.maximum(count - 1, 0))]
    # What the list has is varied by the palette's own draw, too.
    color = np.where((count > 0)[:, None], listed * np.clip(base / _REAL[materials], 0.6, 1.6), base)
    turn = np.where(materials == Material.TROUSERS, style.thing_tint[things, 0], style.thing_grey[things])
    color = color * np.exp(SPREAD[materials] * style.object_color * turn)[:, None]
    tint = np.clip(style.thing_tint[things], -2, 2) * _f(0.05 * style.object_saturation)
    return np.clip(color * (1 + tint), 0.008, 0.92).astype(np.float32)


def repaired_road(g: GBuffer, style: Style, factor: np.ndarray) -> None:
    """Give a share of the road another grey, in lanes and patches with tarred edges, in place."""
    road = np.flatnonzero(g.material == Material.ROAD)
    u, v = g.uv[0].ravel()[road] / _f(2.3) + _f(0.1), g.uv[1].ravel()[road] / _f(9.0)
    cu, cv = np.floor(u), np.floor(v)
    there = noise.hash_unit(cu, cv, 3) < style.repairs
    end = noise.hash_unit(cu, cv, 4) * _f(0.9) + _f(0.1)
    inside = there & ((v - cv) < end)
    edge = inside & (((u - cu) < 0.03) | ((u - cu) > 0.97) | ((end - (v - cv)) < 0.012))
    shade = _f(0.55) + _f(0.8) * noise.hash_unit(cu, cv, 5)
    factor.ravel()[road] *= np.where(edge, _f(0.55), np.where(inside, shade, _f(1)))


def fine_detail(g: GBuffer, style: Style) -> np.ndarray:
    """Return float32 [H, W] relative changes of reflectance about as fine as the pixels, whatever the distance.

    A texture with one grain would give the distance away, and the student would rely on it.
    """
    facing = np.abs((g.normal * g.rays).sum(0)) / np.sqrt((g.rays * g.rays).sum(0))
    octave = np.log2(_f(g.camera.focal / 3.0) / np.clip(g.depth, _f(0.5), _f(400)) * np.maximum(facing, _f(0.1)))
    whole = np.floor(octave)
    part, scale = octave - whole, np.exp2(whole)
    u, v = g.uv[0] * scale, g.uv[1] * scale
    coarse = noise.sample(noise.GENERAL, u * _f(4), v * _f(4) + style.offsets[1])
    finer = noise.sample(noise.GENERAL, u * _f(8) + _f(130), v * _f(8))
    return (coarse + part * (finer - coarse)) * np.sqrt(facing) * _f(0.14 * style.detail)
