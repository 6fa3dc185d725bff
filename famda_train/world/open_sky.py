# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The sky of the open streets: gradients, sun and moon, clouds of many kinds, stars, and what glass mirrors of it."""
from __future__ import annotations

import numpy as np

from famda_train.world import noise
from famda_train.world.domains import Style

_f = np.float32
SUN_DISC = np.float32(0.9995)
"""Cosine of the angle to the middle of sun and moon within which they are seen; larger than life, as glare makes it."""


def open_sky(rays: np.ndarray, style: Style) -> np.ndarray:
    """Return float32 [n, 3] radiance of the sky along float32 [3, n] directions of any length."""
    flat = np.hypot(rays[0], rays[2]) + _f(1e-6)
    elevation = np.maximum(rays[1] / flat, 0)
    color = style.horizon + (style.zenith - style.horizon) * (1 - np.exp(elevation * _f(-2.5)))[:, None]
    color *= 1 + _f(0.05) * noise.sample(noise.LARGE, rays[0] / flat * 40 + style.offsets[3], elevation * 40)[:, None]
    cosine: np.ndarray = np.zeros_like(flat)
    if style.sun_glow > 0 or style.sun > 0:
        length = np.sqrt(flat * flat + rays[1] * rays[1])
        cosine = np.tensordot(style.sun_direction, rays, 1) / length
    if style.sun_glow > 0:
        halo = _f(0.5) * np.exp((cosine - 1) * 6) + np.exp((cosine - 1) * 60)
        color += (halo * _f(style.sun_glow))[:, None] * style.sun_color
    if style.cover < 2.3:
        _cover(color, rays, flat, elevation, cosine, style)
    if cosine is not None and style.sun > 0:
        disc = (cosine > SUN_DISC) * _f(12 * style.sun)
        color += disc[:, None] * style.sun_color
    if style.stars > 0:
        place = ((rays / np.abs(rays).max(0)) * 180).astype(np.int64)
        color += ((noise.hash_unit(*place) < style.stars) * _f(0.3))[:, None]
    return color


def _cover(color, rays, flat, elevation, cosine, style: Style) -> None:
    """Lay clouds over the sky, in place; they shrink towards the horizon and drown in its haze."""
    scale = _f(style.cloud_scale * 4) / (elevation + _f(0.10))
    turn = _f(style.offsets[6] * 0.0123)
    x, z = rays[0] / flat, rays[2] / flat
    u = (np.cos(turn) * x + np.sin(turn) * z) * scale + style.offsets[7]
    v = (np.cos(turn) * z - np.sin(turn) * x) * scale * _f(style.cloud_stretch) + style.offsets[5]
    shape = _f(0.75) * noise.sample(noise.LARGE, u * _f(0.35), v * _f(0.35))
    shape += _f(0.45) * noise.sample(noise.GENERAL, u, v)
    excess = shape - _f(style.cover)
    amount = np.clip(excess / _f(style.softness) + _f(0.5), 0, 1)
    amount *= np.minimum(elevation * 9, 1) * (amount * (3 - 2 * amount) * _f(0.4) + _f(0.6))
    # Thick parts are dark from below; a second noise keeps an overcast sky from being one grey.
    thick = np.clip(excess * _f(0.35) + _f(0.35) * noise.sample(noise.LARGE, u * _f(0.5) + 91, v * _f(0.6)), 0, 1)
    light = _f(style.cloud_light) * (1 - _f(style.cloud_dark) * thick)
    if cosine is not None:
        light *= 1 + _f(0.5) * np.exp((cosine - 1) * 4)
    white = style.horizon.mean() + _f(0.5) * (style.horizon - style.horizon.mean())
    color += amount[:, None] * (light[:, None] * white - color)


def mirrored_light(rays: np.ndarray, normal: np.ndarray, ground: np.ndarray, style: Style) -> np.ndarray:
    """Return float32 [n, 3] radiance that a smooth surface sees: sky, the other side of the street, or the road.

    Args:
        rays: float32 [3, n] from the camera; normal: float32 [3, n] of the surface.
        ground: float32 [3] mean radiance of what is not sky.
        style: a draw from a domain.
    """
    along = (rays * normal).sum(0)
    bounced = rays - 2 * along * normal
    flat = np.hypot(bounced[0], bounced[2]) + _f(1e-6)
    elevation = bounced[1] / flat
    azimuth = np.arctan2(bounced[0], bounced[2]) * 60
    # Roofs of the houses opposite, and a bright or dark facade below.
    roofs = _f(0.35) + _f(0.25) * noise.sample(noise.LARGE, azimuth + style.offsets[2], azimuth * 0)
    color = open_sky(bounced, style)
    facade = ground * (_f(1.0) + _f(0.5) * noise.sample(noise.GENERAL, azimuth * 2, elevation * 90))[:, None]
    return np.where((elevation < roofs)[:, None], np.maximum(facade, 0), color)
