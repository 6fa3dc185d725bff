# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The domains of the street world as data: palettes, light, weather and sensor.

A pair ``(low, high)`` is drawn uniformly once per image or drive.  Colours are linear RGB.
"""
from __future__ import annotations

import zlib
from dataclasses import dataclass, field, fields, replace

import numpy as np

from famda_ros.errors import choose
from famda_train.world.grammar import PLAIN, Grammar, varied_grammar
from famda_train.world.looks import Color, Look, OpenLook, Sometimes
from famda_train.world.materials import Material
from famda_train.world.open_looks import OPEN_LOOKS, OPEN_NIGHT_LOOKS

_COLORS: dict[str, tuple[Color, Color]] = {
    'ROAD': ((0.20, 0.20, 0.21), (0.26, 0.255, 0.25)), 'LANE_PAINT': ((0.85, 0.85, 0.82), (0.52, 0.51, 0.48)),
    'SIDEWALK': ((0.50, 0.48, 0.46), (0.34, 0.33, 0.31)), 'KERB': ((0.60, 0.60, 0.58), (0.42, 0.41, 0.39)),
    'PAVED': ((0.42, 0.38, 0.34), (0.31, 0.29, 0.26)), 'GRASS': ((0.16, 0.42, 0.08), (0.17, 0.19, 0.08)),
    'BUILDING': ((0.52, 0.40, 0.32), (0.36, 0.31, 0.27)), 'WINDOW': ((0.12, 0.17, 0.24), (0.06, 0.065, 0.07)),
    'CORNICE': ((0.60, 0.56, 0.50), (0.40, 0.37, 0.33)), 'WALL': ((0.50, 0.36, 0.28), (0.32, 0.27, 0.23)),
    'POLE': ((0.33, 0.33, 0.36), (0.21, 0.21, 0.21)), 'SIGN': ((0.75, 0.62, 0.12), (0.55, 0.53, 0.48)),
    'SIGN_RIM': ((0.55, 0.08, 0.06), (0.36, 0.09, 0.07)), 'SIGNAL_BOX': ((0.07, 0.08, 0.07), (0.05, 0.05, 0.05)),
    'SIGNAL_LENS': ((0.10, 0.10, 0.10), (0.07, 0.07, 0.07)), 'LAMP': ((0.70, 0.70, 0.66), (0.45, 0.45, 0.43)),
    'TRUNK': ((0.20, 0.12, 0.07), (0.13, 0.10, 0.08)), 'LEAF': ((0.08, 0.32, 0.06), (0.09, 0.115, 0.045)),
    'SKY': ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), 'SKIN': ((0.62, 0.40, 0.30), (0.45, 0.31, 0.24)),
    'JACKET': ((0.34, 0.16, 0.22), (0.15, 0.13, 0.14)), 'TROUSERS': ((0.10, 0.12, 0.22), (0.07, 0.075, 0.10)),
    'CAR_PAINT': ((0.38, 0.12, 0.12), (0.22, 0.21, 0.22)), 'GLASS': ((0.06, 0.08, 0.10), (0.045, 0.05, 0.055)),
    'UNDERBODY': ((0.04, 0.04, 0.04), (0.03, 0.03, 0.03)), 'TYRE': ((0.025, 0.025, 0.027), (0.02, 0.02, 0.02)),
    'RIM': ((0.35, 0.35, 0.37), (0.14, 0.14, 0.145)), 'TAIL_LIGHT': ((0.45, 0.03, 0.03), (0.28, 0.03, 0.03)),
    'HEADLIGHT': ((0.80, 0.80, 0.78), (0.55, 0.55, 0.54)), 'PLATE': ((0.75, 0.75, 0.65), (0.50, 0.50, 0.44)),
    'TWIG': ((0.14, 0.10, 0.08), (0.10, 0.085, 0.07)), 'FASCIA': ((0.35, 0.28, 0.30), (0.24, 0.20, 0.21)),
    'YELLOW_PAINT': ((0.60, 0.45, 0.12), (0.44, 0.36, 0.16)), 'BICYCLE': ((0.12, 0.10, 0.10), (0.07, 0.07, 0.07)),
    'ROOF': ((0.34, 0.16, 0.12), (0.20, 0.14, 0.12)), 'DOOR': ((0.25, 0.12, 0.08), (0.14, 0.10, 0.08)),
    'FIELD': ((0.42, 0.36, 0.14), (0.28, 0.25, 0.13)), 'DARK_PAINT': ((0.05, 0.05, 0.05), (0.05, 0.05, 0.05)),
    'RAIL': ((0.30, 0.28, 0.27), (0.17, 0.155, 0.145)), 'PUDDLE': ((0.10, 0.11, 0.13), (0.10, 0.105, 0.11)),
    'CANVAS': ((0.62, 0.62, 0.62), (0.46, 0.46, 0.46)), 'LETTERING': ((0.10, 0.15, 0.40), (0.10, 0.12, 0.25)),
    'LIVERY': ((0.40, 0.30, 0.12), (0.28, 0.22, 0.14)), 'HAIR': ((0.10, 0.07, 0.05), (0.06, 0.045, 0.035)),
    'BAG': ((0.20, 0.14, 0.10), (0.12, 0.09, 0.08)), 'BARRIER': ((0.62, 0.60, 0.58), (0.44, 0.43, 0.41)),
    'HEDGE': ((0.07, 0.26, 0.05), (0.075, 0.10, 0.04)), 'GRAVEL': ((0.46, 0.43, 0.40), (0.33, 0.315, 0.29)),
    'OWN_PAINT': ((0.30, 0.30, 0.32), (0.20, 0.20, 0.21)), 'OWN_DARK': ((0.04, 0.04, 0.04), (0.03, 0.03, 0.03)),
}  # fmt: skip
"""Material -> its colour in a clean world, and in the real one."""

REAL_PALETTE = {name: real for name, (_, real) in _COLORS.items()}
PALETTES = {'clean': {name: clean for name, (clean, _) in _COLORS.items()}, 'real': REAL_PALETTE}


SYNTHETIC = Look()

DAY = Look(
    palette='real', palette_jitter=(0.03, 0.07), object_color=(0.8, 0.8), object_saturation=(0.6, 0.6),
    texture_fine=(1.0, 1.0), texture_large=(1.0, 1.0), foliage=(1.0, 1.0), brick=(0.7, 0.7), joints=(1.0, 1.0),
    ambient_color=(0.42, 0.44, 0.50), ambient=(0.7, 1.1), sun=(0.3, 1.1), shadow=(0.85, 0.85), occlusion=(0.8, 0.8),
    horizon=((0.78, 0.80, 0.82), (0.98, 0.98, 0.97)), zenith=((0.42, 0.50, 0.62), (0.80, 0.83, 0.88)),
    clouds=(0.1, 0.6), fog=(0.001, 0.008), fog_level=(0.75, 0.95), exposure=(0.65, 1.0), gain=(1.06, 1.0, 0.91),
    gain_jitter=(0.0, 0.04), blur=(0.35, 0.70), bloom=(0.3, 0.3), vignette=(0.15, 0.40), shoulder=(0.35, 0.35),
    saturation=(0.60, 0.90), gamma=(1.7, 1.7), noise=(0.010, 0.025),
)  # fmt: skip

NIGHT = replace(
    DAY, ambient_color=(0.050, 0.053, 0.070), ambient=(0.6, 1.3), sun=(0.0, 0.0), shadow=(0.0, 0.0),
    headlights=(1.4, 2.6), lamps=(2.5, 5.0), emission=(1.0, 1.0), window_lit=(0.05, 0.30),
    horizon=((0.050, 0.042, 0.040), (0.130, 0.100, 0.085)), zenith=((0.018, 0.020, 0.032), (0.040, 0.044, 0.062)),
    clouds=(0.1, 0.5), fog=(0.002, 0.008), fog_level=(0.6, 0.9), exposure=(0.75, 1.15), gain=(1.04, 0.98, 0.94),
    blur=(0.45, 0.80), bloom=(0.7, 0.7), vignette=(0.2, 0.5), shoulder=(0.8, 0.8), saturation=(0.6, 0.9),
    gamma=(2.0, 2.0), noise=(0.010, 0.022),
)  # fmt: skip

RANDOM_DAY = Look(
    palette_jitter=(0.1, 0.6), object_color=(0.4, 1.4), object_saturation=(0.3, 1.2), texture_fine=(0.0, 1.4),
    texture_large=(0.0, 1.4), texture_scale=(20.0, 120.0), texture_fade=(8.0, 40.0), foliage=(0.0, 1.3),
    brick=(0.0, 1.0), joints=(0.0, 1.0), ambient_color=(0.98, 0.98, 1.05), ambient=(0.3, 0.6), sun=(0.1, 1.1),
    shadow=(0.0, 1.0), occlusion=(0.0, 1.0), horizon=((0.45, 0.45, 0.45), (1.0, 1.0, 1.0)),
    zenith=((0.10, 0.10, 0.10), (0.9, 0.9, 0.95)), clouds=(0.0, 0.6), fog=(0.0, 0.02), fog_level=(0.5, 1.0),
    exposure=(0.6, 1.2), gain_jitter=(0.12, 0.12), blur=(0.0, 0.8), bloom=(0.0, 0.8), vignette=(0.0, 0.5),
    shoulder=(0.0, 0.8), saturation=(0.2, 1.3), gamma=(1.2, 2.2), noise=(0.0, 0.04),
)  # fmt: skip

RANDOM_DARK = replace(
    RANDOM_DAY, ambient=(0.015, 0.20), sun=(0.0, 0.12), headlights=(0.6, 4.0), headlight_width=(0.3, 0.9),
    headlight_reach=(5.0, 14.0), lamps=(0.0, 6.0), lamp_color=((1.0, 0.55, 0.25), (1.0, 0.95, 0.95)),
    emission=(0.3, 1.4), window_lit=(0.0, 0.4),
    horizon=((0.01, 0.01, 0.01), (0.20, 0.17, 0.16)), zenith=((0.002, 0.002, 0.002), (0.10, 0.10, 0.14)),
    fog=(0.0, 0.012), exposure=(0.7, 1.8), gamma=(1.5, 2.3), noise=(0.0, 0.03),
)  # fmt: skip

VARIED_DAY = replace(
    RANDOM_DAY, palette='real', palette_jitter=(0.05, 0.35), object_color=(0.6, 1.6), object_saturation=(0.3, 1.2),
    texture_fine=(0.3, 1.6), texture_large=(0.3, 1.6), foliage=(0.5, 1.6), ambient_color=(0.42, 0.46, 0.55),
    ambient=(0.25, 1.0), sun=(0.0, 1.4), shadow=(0.6, 1.0), occlusion=(0.4, 1.0),
    horizon=((0.70, 0.75, 0.80), (1.50, 1.50, 1.50)), zenith=((0.20, 0.32, 0.60), (1.10, 1.15, 1.20)),
    clouds=(0.0, 0.8), fog=(0.0, 0.006), exposure=(0.6, 1.3), gain_jitter=(0.08, 0.08), blur=(0.0, 0.45),
    bloom=(0.0, 0.5), vignette=(0.0, 0.4), saturation=(0.4, 1.4), gamma=(1.4, 2.2), noise=(0.0, 0.02),
)  # fmt: skip

VARIED_DUSK = replace(
    VARIED_DAY, ambient=(0.06, 0.35), sun=(0.0, 0.05), lamps=(0.0, 1.0), emission=(0.0, 1.0), window_lit=(0.0, 0.2),
    horizon=((0.30, 0.32, 0.38), (1.00, 1.00, 1.00)), zenith=((0.15, 0.18, 0.26), (0.70, 0.75, 0.85)),
    clouds=(0.2, 1.0), noise=(0.0, 0.03),
)  # fmt: skip

DOMAINS: dict[str, tuple[tuple[float, Look], ...]] = {
    'synthetic': ((1.0, SYNTHETIC),),
    'day': ((1.0, DAY),),
    'night': ((1.0, NIGHT),),
    'randomised': ((0.45, RANDOM_DAY), (0.55, RANDOM_DARK)),
    'varied': ((0.75, VARIED_DAY), (0.25, VARIED_DUSK)),
    'open': OPEN_LOOKS,
    'open_night': OPEN_NIGHT_LOOKS,
}
"""Domain -> looks with their probabilities."""

_COLOR_AMPLITUDE = dict.fromkeys(
    ('CAR_PAINT', 'JACKET', 'TROUSERS', 'SIGN', 'FASCIA', 'LIVERY', 'LETTERING', 'BAG', 'DOOR', 'OWN_PAINT'), 0.8
)
_COLOR_AMPLITUDE |= dict.fromkeys(('BUILDING', 'WALL', 'CORNICE', 'ROOF', 'CANVAS', 'FIELD', 'HAIR'), 0.35)
_COLOR_AMPLITUDE |= dict.fromkeys(('LEAF', 'TRUNK', 'TWIG', 'HEDGE'), 0.12)
_RUBBER_AND_GLASS = ('TYRE', 'UNDERBODY', 'GLASS', 'WINDOW')
OBJECT_COLOR_AMPLITUDE = np.array(
    [_COLOR_AMPLITUDE.get(m.name, 0.0 if m.name in _RUBBER_AND_GLASS else 0.04) for m in Material], np.float32
)
"""float32 [materials]: how much the colour differs from thing to thing."""


@dataclass(frozen=True)
class Style:
    """One draw from a domain: the values of ``Look`` and what else is fixed for an image or a drive.

    Attributes:
        values: drawn scalars and colours by the names of ``Look``.
        albedo: float32 [materials, 3].
        thing_grey: float32 [n] and thing_tint: float32 [n, 3], standard normal per instance id.
        sun_direction: float32 [3], unit, towards the sun.
        offsets: float32 [8] random texture offsets in tile pixels.
    """

    values: dict[str, float | np.ndarray] = field(repr=False)
    albedo: np.ndarray = field(repr=False)
    thing_grey: np.ndarray = field(repr=False)
    thing_tint: np.ndarray = field(repr=False)
    sun_direction: np.ndarray = field(repr=False)
    offsets: np.ndarray = field(repr=False)

    @property
    def is_open(self) -> bool:
        """Whether it is a draw from a look of the open streets."""
        return 'target' in self.values

    def __getattr__(self, name: str):
        try:
            return self.__dict__['values'][name]
        except KeyError:
            raise AttributeError(name) from None


VARIED = 'varied'
"""The domain whose streets differ more, for students that are to see photographs."""


def grammar_of(seed: int, domain: str) -> Grammar:
    """Return what stands in the street of a seed."""
    return varied_grammar(seed) if domain == VARIED else PLAIN


OPEN, OPEN_NIGHT = 'open', 'open_night'
"""The domains of open streets and any camera, for students that are to see photographs: any light, and nights alone.

See ``open_street`` and ``open_looks``.
"""


def is_open(domain: str) -> bool:
    """Tell whether a domain shows the open streets."""
    return domain in (OPEN, OPEN_NIGHT)


def looks_of(domain: str) -> tuple[tuple[float, Look], ...]:
    """Return a domain's looks.

    Raises:
        FamdaError: no such domain.
    """
    return choose(DOMAINS, domain, 'domain')


def generator(seed: int, domain: str, *more: int) -> np.random.Generator:
    """Return the random generator that belongs to a seed and a domain."""
    return np.random.default_rng([seed, zlib.crc32(domain.encode()), *more])


def draw_style(seed: int, domain: str, instances: int) -> Style:
    """Draw the appearance of one image or drive.

    Args:
        seed: the geometry seed; the style depends on it and on the domain.
        domain: a key of ``DOMAINS``.
        instances: number of instance ids that need a colour.
    """
    looks = looks_of(domain)
    rng = generator(seed, domain)
    look = looks[int(rng.choice(len(looks), p=[weight for weight, _ in looks]))][1]
    values = {f.name: _draw(rng, getattr(look, f.name)) for f in fields(look)}
    later, latest = generator(seed, domain, 2), generator(seed, domain, 3)
    jitter, shift = (values['palette_jitter'] * scale * _per_material(rng, later, latest) for scale in (1.0, 0.25))
    base = np.array([PALETTES[look.palette][m.name] for m in Material])
    albedo = np.clip(base * (1 + jitter) + shift * base.mean(1, keepdims=True), 0.005, 0.95)
    if isinstance(look, OpenLook):
        albedo = base * np.exp(values['grey_jitter'] * rng.standard_normal((len(Material), 1)))
        albedo = np.clip(albedo * (1 + values['hue_jitter'] * rng.uniform(-1, 1, (len(Material), 3))), 0.005, 0.95)
    values['gain'] = values['gain'] * (1 + values['gain_jitter'] * rng.uniform(-1, 1, 3).astype(np.float32))
    return Style(
        values, albedo.astype(np.float32), rng.standard_normal(instances).astype(np.float32),
        rng.standard_normal((instances, 3)).astype(np.float32),
        _draw_open_sun(rng, values) if isinstance(look, OpenLook) else _draw_sun(rng),
        rng.uniform(0, 512, 8).astype(np.float32),
    )  # fmt: skip


def _per_material(*generators: np.random.Generator) -> np.ndarray:
    """Return float [materials, 3] of -1..1; the 30, 4 and further materials leave each other's draws alone."""
    counts = (30, 4, len(Material) - 34)
    return np.concatenate([rng.uniform(-1, 1, (n, 3)) for rng, n in zip(generators, counts, strict=True)])


def _draw(rng: np.random.Generator, value):
    if isinstance(value, str):
        return value
    if isinstance(value, Sometimes):
        drawn = float(rng.uniform(value.low, value.high))
        return drawn if rng.random() < value.share else 0.0
    if isinstance(value[0], tuple):
        low, high = np.array(value[0]), np.array(value[1])
        # One common draw and a little per channel: skies differ in brightness more than in hue.
        weight = np.clip(rng.random() + rng.uniform(-0.15, 0.15, 3), 0, 1)
        return (low + (high - low) * weight).astype(np.float32)
    if len(value) == 3:
        return np.array(value, np.float32)
    return float(rng.uniform(*value))


def _draw_sun(rng: np.random.Generator) -> np.ndarray:
    # Behind or above the camera more often than in front: cameras are rarely blinded.
    azimuth = rng.normal(np.pi, 1.1)
    elevation = rng.uniform(0.45, 1.15)
    direction = [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)]
    return np.array(direction, np.float32)


def _draw_open_sun(rng: np.random.Generator, values: dict) -> np.ndarray:
    azimuth = rng.uniform(-np.pi / 2, np.pi / 2) + (0 if rng.random() < values['sun_ahead'] else np.pi)
    elevation = values['sun_elevation']
    direction = [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)]
    return np.array(direction, np.float32)
