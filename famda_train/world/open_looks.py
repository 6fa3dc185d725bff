# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The looks of the open streets, from noon over dusk to a night without a sky; weather and sensors of all kinds."""
from __future__ import annotations

from dataclasses import replace

from famda_train.world.looks import OpenLook, Sometimes

_CLEAR = OpenLook(
    palette='real', object_color=(0.6, 1.2), object_saturation=(0.3, 1.2), texture_fine=(0.3, 1.6),
    texture_large=(0.2, 1.6), texture_scale=(20.0, 120.0), texture_fade=(10.0, 120.0), foliage=(0.6, 1.8),
    brick=(0.0, 1.0), joints=(0.0, 1.0), ambient_color=(0.86, 0.96, 1.16), ambient=(0.12, 0.40), sun=(0.6, 1.2),
    sun_color=(1.0, 0.94, 0.84), shadow=(0.85, 1.0), occlusion=(0.4, 1.0), emission=(0.0, 0.4),
    window_lit=(0.0, 0.05), horizon=((0.50, 0.62, 0.80), (1.15, 1.18, 1.20)),
    zenith=((0.09, 0.18, 0.42), (0.40, 0.58, 0.95)), clouds=(1.0, 1.0), fog=Sometimes(0.5, 0.0, 0.003),
    fog_level=(0.7, 1.0), exposure=(1.0, 1.0), gain_jitter=(0.02, 0.10), blur=(0.0, 0.45), bloom=(0.0, 0.5),
    vignette=(0.0, 0.5), shoulder=(0.0, 1.2), saturation=(0.5, 1.4), gamma=(1.8, 2.4), noise=(0.0, 0.015),
    repairs=Sometimes(0.5, 0.1, 0.5), detail=Sometimes(0.7, 0.3, 1.5),
    leaf_gaps=Sometimes(0.6, 0.1, 0.5), gobo=Sometimes(0.4, 0.6, 1.0),
    wet=Sometimes(0.15, 0.2, 1.0), rain=Sometimes(0.06, 0.05, 0.6), drops=Sometimes(0.08, 5.0, 90.0),
    flare=Sometimes(0.2, 0.1, 1.0), veil=Sometimes(0.3, 0.0, 0.12), black=Sometimes(0.4, 0.0, 0.03),
    chroma_noise=Sometimes(0.3, 0.0, 0.02), smear=Sometimes(0.25, 0.5, 2.5), sharpen=Sometimes(0.5, 0.1, 1.2),
    aberration=Sometimes(0.3, 0.0, 0.004), jpeg=Sometimes(0.7, 18.0, 95.0),
)  # fmt: skip

_LOW_SUN = replace(
    _CLEAR, ambient=(0.05, 0.25), sun=(0.6, 1.3), sun_color=(1.0, 0.80, 0.55), sun_elevation=(0.04, 0.30),
    sun_ahead=(0.6, 0.6), sun_glow=(0.2, 2.0), horizon=((0.70, 0.60, 0.48), (1.40, 1.20, 0.95)),
    flare=Sometimes(0.5, 0.2, 1.2), veil=Sometimes(0.5, 0.02, 0.25), wet=Sometimes(0.3, 0.2, 1.0),
)  # fmt: skip

_OVERCAST = replace(
    _CLEAR, ambient_color=(0.98, 1.0, 1.04), ambient=(0.25, 0.80), sun=(0.0, 0.15), gobo=(0.0, 0.0),
    horizon=((0.45, 0.48, 0.52), (1.25, 1.25, 1.25)), zenith=((0.30, 0.34, 0.40), (1.20, 1.22, 1.25)),
    cover=(-2.5, 0.3), cloud_light=(0.7, 1.6), cloud_dark=(0.1, 0.7), sun_glow=(0.0, 0.0),
    fog=Sometimes(0.35, 0.0, 0.008), wet=Sometimes(0.35, 0.2, 1.0), rain=Sometimes(0.12, 0.05, 0.8),
    drops=Sometimes(0.2, 5.0, 120.0), headlights=Sometimes(0.3, 0.02, 0.2), flare=(0.0, 0.0),
)  # fmt: skip

_HAZE = replace(
    _CLEAR, ambient_color=(1.0, 1.0, 1.0), ambient=(0.3, 0.8), sun=(0.0, 0.6),
    horizon=((0.9, 0.9, 0.9), (1.9, 1.9, 1.85)), zenith=((0.7, 0.75, 0.8), (1.9, 1.9, 1.9)), cover=(0.5, 2.5),
    cloud_dark=(0.0, 0.2), fog=(0.002, 0.018), fog_level=(0.8, 1.0), target=(0.2, 0.5), sun_glow=(0.0, 1.0),
)  # fmt: skip

_SNOW = replace(
    _OVERCAST, snow=(0.2, 0.95), flakes=Sometimes(0.6, 0.05, 0.7), fog=(0.0, 0.01), target=(0.2, 0.5),
)  # fmt: skip

_DUSK = replace(
    _OVERCAST, ambient_color=(0.88, 0.97, 1.15), ambient=(0.03, 0.20), sun=(0.0, 0.0),
    lamps=Sometimes(0.5, 0.02, 0.25), lamp_color=((1.0, 0.55, 0.22), (1.0, 0.95, 0.90)), emission=(0.0, 1.0),
    window_lit=(0.0, 0.25), headlights=Sometimes(0.4, 0.02, 0.25), horizon=((0.20, 0.24, 0.28), (1.10, 0.85, 0.65)),
    zenith=((0.06, 0.09, 0.16), (0.60, 0.66, 0.78)), cover=(-1.5, 2.0), cloud_light=(0.5, 1.4), cloud_dark=(0.2, 0.9),
    target=(0.04, 0.25), noise=(0.0, 0.03), read_noise=(0.0, 0.012), lamp_dots=(0.0, 6.0),
    black=Sometimes(0.6, 0.0, 0.03), street_glow=(0.0, 0.02), headlight_glare=(3.0, 8.0), saturation=(0.3, 1.2),
)  # fmt: skip

# A camera that exposes for the sky: everything below the roofs is nearly black.
_GLOOM = replace(
    _DUSK, ambient=(0.02, 0.14), lamps=Sometimes(0.2, 0.02, 0.15), emission=(0.0, 0.6), window_lit=(0.0, 0.08),
    headlights=(0.0, 0.0), horizon=((0.35, 0.38, 0.42), (1.00, 0.95, 0.85)),
    zenith=((0.18, 0.22, 0.28), (0.70, 0.76, 0.85)),
    cover=(-2.2, 0.6), cloud_dark=(0.3, 0.9), target=(0.06, 0.20), noise=(0.0, 0.012), read_noise=(0.0, 0.004),
    black=Sometimes(0.3, 0.0, 0.008), contrast=(-0.2, 0.3), saturation=(0.3, 1.0), lamp_dots=(0.0, 1.0),
    street_glow=(0.0, 0.0), fog=Sometimes(0.3, 0.0, 0.003),
)  # fmt: skip

_BLACK_NIGHT = replace(
    _CLEAR, ambient_color=(0.90, 0.95, 1.15), ambient=(0.0005, 0.012), sun=(0.0, 0.0), gobo=(0.0, 0.0),
    sun_glow=(0.0, 0.0), headlights=Sometimes(0.8, 0.08, 1.2), headlight_width=(0.3, 0.9),
    headlight_reach=(7.0, 22.0), lamps=(0.15, 2.2), lamp_color=((1.0, 0.50, 0.16), (1.0, 0.97, 0.95)),
    street_glow=(0.0, 0.06), emission=(0.3, 1.6), window_lit=(0.02, 0.45),
    horizon=((0.0002, 0.0002, 0.0003), (0.007, 0.006, 0.006)),
    zenith=((0.0001, 0.0001, 0.0002), (0.003, 0.003, 0.004)), cover=(1.0, 2.5), cloud_dark=(0.0, 0.3),
    stars=Sometimes(0.15, 0.0003, 0.002), fog=Sometimes(0.4, 0.0, 0.004), fog_level=(0.6, 1.0),
    wet=Sometimes(0.4, 0.2, 1.0), rain=Sometimes(0.12, 0.05, 0.5), drops=Sometimes(0.2, 5.0, 100.0),
    lamp_dots=(0.0, 28.0), headlight_glare=(6.0, 40.0), flare=Sometimes(0.5, 0.1, 1.0),
    veil=Sometimes(0.4, 0.0, 0.05), streaks=Sometimes(0.4, 0.1, 1.0), bloom=(0.1, 1.0), target=(0.02, 0.14),
    most_gain=(3.0, 30.0), contrast=(-0.1, 0.6), black=Sometimes(0.6, 0.0, 0.03), noise=(0.0, 0.035),
    read_noise=(0.001, 0.022), chroma_noise=Sometimes(0.6, 0.0, 0.03), smear=Sometimes(0.4, 0.5, 4.0),
    sharpen=Sometimes(0.4, 0.1, 1.0), saturation=(0.3, 1.4), gain_jitter=(0.02, 0.16),
    jpeg=Sometimes(0.75, 14.0, 90.0),
)  # fmt: skip

_GLOWING_NIGHT = replace(
    _BLACK_NIGHT, horizon=((0.008, 0.006, 0.005), (0.09, 0.055, 0.030)),
    zenith=((0.002, 0.002, 0.002), (0.04, 0.026, 0.018)), cover=(-2.0, 1.5), cloud_light=(0.8, 1.8),
    cloud_dark=(0.1, 0.7), ambient=(0.003, 0.03), ambient_color=(1.1, 0.92, 0.75),
)  # fmt: skip

_MOON_NIGHT = replace(
    _BLACK_NIGHT, horizon=((0.005, 0.006, 0.009), (0.05, 0.055, 0.070)),
    zenith=((0.004, 0.006, 0.012), (0.04, 0.05, 0.08)), cover=(-1.5, 1.2), cloud_light=(0.8, 2.5),
    cloud_dark=(0.2, 0.9), ambient=(0.002, 0.02), sun=(0.0, 0.01),
)  # fmt: skip

OPEN_LOOKS = (
    (0.22, _CLEAR), (0.09, _LOW_SUN), (0.19, _OVERCAST), (0.08, _HAZE), (0.03, _SNOW), (0.10, _DUSK), (0.10, _GLOOM),
    (0.10, _BLACK_NIGHT), (0.05, _GLOWING_NIGHT), (0.04, _MOON_NIGHT),
)  # fmt: skip
"""(probability, look) of all of them."""

OPEN_NIGHT_LOOKS = ((0.5, _BLACK_NIGHT), (0.3, _GLOWING_NIGHT), (0.2, _MOON_NIGHT))
"""(probability, look) of the nights alone."""
