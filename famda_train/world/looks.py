# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges of appearance: what a domain draws its light, weather and sensor from.

A pair ``(low, high)`` is drawn uniformly once per image or drive, a :class:`Sometimes` only in a share of them.
Colours are linear RGB.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Range = tuple[float, float]
Color = tuple[float, float, float]


class Sometimes(NamedTuple):
    """A number between ``low`` and ``high`` in a ``share`` of all images, 0 in the others."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Look:
    """Ranges of one appearance; see the defaults for units.

    Attributes:
        palette: 'clean' or 'real'.
        palette_jitter: relative change of every material's colour channels, uniform +-.
        object_color, object_saturation: amplitude and saturation of per-object colour differences.
        texture_fine, texture_large: amplitudes; 1 = 25 % and 14 % of the albedo.
        texture_scale: pixels of the noise tile per metre; texture_fade: metres at the reference focal.
        foliage, brick, joints: strength of leaf modulation, brick courses, paving joints and road cracks.
        ambient_color, ambient: light from everywhere; sun, sun_color: direct light.
        shadow, occlusion: 0..1 strength of sun shadows and of contact shade.
        headlights, headlight_width, headlight_reach: own headlights; Gaussian width in azimuth, radians; metres
            at which the light has halved.
        lamps, lamp_color: street lamps.
        emission: strength of everything that glows; window_lit: share of lit window panes.
        horizon, zenith: low and high colour of the sky; clouds: amplitude.
        fog: extinction per metre; fog takes the horizon's colour times fog_level.
        exposure, gain, gain_jitter: scalar, per-channel colour, relative +- per channel.
        blur: sigma in pixels at width 192; bloom, vignette: strengths.
        shoulder, saturation, gamma, noise: tone curve, colour, output gamma and noise sigma before it.
    """

    palette: str = 'clean'
    palette_jitter: Range = (0.0, 0.0)
    object_color: Range = (1.0, 1.0)
    object_saturation: Range = (1.0, 1.0)
    texture_fine: Range = (0.15, 0.15)
    texture_large: Range = (0.0, 0.0)
    texture_scale: Range = (45.0, 45.0)
    texture_fade: Range = (20.0, 20.0)
    foliage: Range = (0.0, 0.0)
    brick: Range = (0.0, 0.0)
    joints: Range = (0.0, 0.0)
    ambient_color: Color = (0.50, 0.50, 0.55)
    ambient: Range = (0.9, 1.1)
    sun: Range = (0.6, 0.9)
    sun_color: Color = (1.0, 0.97, 0.90)
    shadow: Range = (0.0, 0.0)
    occlusion: Range = (0.0, 0.0)
    headlights: Range | Sometimes = (0.0, 0.0)
    headlight_width: Range = (0.42, 0.60)
    headlight_reach: Range = (7.0, 11.0)
    lamps: Range | Sometimes = (0.0, 0.0)
    lamp_color: tuple[Color, Color] = ((1.0, 0.72, 0.38), (1.0, 0.72, 0.38))
    emission: Range = (0.0, 0.0)
    window_lit: Range = (0.0, 0.0)
    horizon: tuple[Color, Color] = ((0.62, 0.74, 0.92), (0.70, 0.80, 0.95))
    zenith: tuple[Color, Color] = ((0.15, 0.34, 0.78), (0.22, 0.42, 0.85))
    clouds: Range = (0.0, 0.2)
    fog: Range | Sometimes = (0.0, 0.0)
    fog_level: Range = (1.0, 1.0)
    exposure: Range = (0.9, 1.1)
    gain: Color = (1.0, 1.0, 1.0)
    gain_jitter: Range = (0.0, 0.0)
    blur: Range = (0.0, 0.0)
    bloom: Range = (0.0, 0.0)
    vignette: Range = (0.0, 0.0)
    shoulder: Range = (0.0, 0.0)
    saturation: Range = (1.15, 1.15)
    gamma: Range = (1.5, 1.5)
    noise: Range = (0.0, 0.0)


@dataclass(frozen=True)
class OpenLook(Look):
    """Ranges of one appearance of the open streets; light is relative to a sun of 1, and the camera exposes by itself.

    Attributes:
        grey_jitter, hue_jitter: deviation of the logarithm of a material's brightness, relative change of its channels.
        repairs: share of the road that was laid anew, in another grey.
        detail: amplitude of texture that is as fine as the pixels at every distance, as real surfaces have it.
        foliage_depth: strength of light and dark clumps in leaves; leaf_gaps: how much is seen through a crown's rim.
        sun_elevation: radians; sun_ahead: share of images in which the sun is before the camera.
        sun_glow: brightness of the sky around the sun, and of the veil that it lays over the picture.
        gobo: strength of the shadows of trees and houses that are not in the street's list; gobo_scale: their metres.
        street_glow: light from all lamps and windows together, near the ground.
        cover: threshold of the clouds; 2.5 = none, -2.5 = overcast; softness: width of their edges.
        cloud_scale, cloud_stretch: size and direction of clouds.
        cloud_light, cloud_dark: brightness of their tops relative to the horizon, darkness of their thick parts.
        stars: share of the sky's pixels that are stars.
        wet: how much the road mirrors; puddles: share of it under water; snow: share of the ground that is white.
        rain, flakes: streaks and flakes in the air, thousands per image; drops: number on the lens.
        lamp_dots: number of far lights that are no things; headlight_glare: radiance of oncoming headlights.
        flare, veil, streaks: ghosts of the lens, haze of the windscreen, rays around lamps.
        target: mean brightness that the camera exposes for; most_gain: the most that it amplifies.
        contrast, black: S-curve and crushed blacks; read_noise, chroma_noise: of the sensor, in its linear signal.
        smear: length of motion blur, pixels at width 192; smear_turn: share of it that is sideways.
        sharpen: strength of the camera's own sharpening; aberration: shift of red against blue in the corners, shares.
        jpeg: quality; 0 = none.
    """

    grey_jitter: Range = (0.05, 0.35)
    hue_jitter: Range = (0.0, 0.08)
    repairs: Range | Sometimes = (0.0, 0.0)
    detail: Range | Sometimes = (0.0, 0.0)
    foliage_depth: Range = (0.5, 1.4)
    leaf_gaps: Range | Sometimes = (0.0, 0.0)
    sun_elevation: Range = (0.35, 1.25)
    sun_ahead: Range = (0.5, 0.5)
    sun_glow: Range | Sometimes = (0.0, 0.5)
    gobo: Range | Sometimes = (0.0, 0.0)
    gobo_scale: Range = (1.0, 6.0)
    street_glow: Range = (0.0, 0.0)
    cover: Range = (0.0, 2.5)
    softness: Range = (0.1, 1.0)
    cloud_scale: Range = (4.0, 40.0)
    cloud_stretch: Range = (0.35, 1.0)
    cloud_light: Range = (0.9, 1.5)
    cloud_dark: Range = (0.0, 0.5)
    stars: Range | Sometimes = (0.0, 0.0)
    wet: Range | Sometimes = (0.0, 0.0)
    puddles: Range | Sometimes = (0.0, 0.6)
    snow: Range | Sometimes = (0.0, 0.0)
    rain: Range | Sometimes = (0.0, 0.0)
    flakes: Range | Sometimes = (0.0, 0.0)
    drops: Range | Sometimes = (0.0, 0.0)
    lamp_dots: Range = (0.0, 0.0)
    headlight_glare: Range = (4.0, 10.0)
    flare: Range | Sometimes = (0.0, 0.0)
    veil: Range | Sometimes = (0.0, 0.0)
    streaks: Range | Sometimes = (0.0, 0.0)
    target: Range = (0.13, 0.42)
    most_gain: Range = (50.0, 50.0)
    contrast: Range = (-0.1, 0.7)
    black: Range | Sometimes = (0.0, 0.0)
    read_noise: Range = (0.0, 0.006)
    chroma_noise: Range | Sometimes = (0.0, 0.0)
    smear: Range | Sometimes = (0.0, 0.0)
    smear_turn: Range = (0.0, 1.0)
    sharpen: Range | Sometimes = (0.0, 0.0)
    aberration: Range | Sometimes = (0.0, 0.0)
    jpeg: Range | Sometimes = (0.0, 0.0)
