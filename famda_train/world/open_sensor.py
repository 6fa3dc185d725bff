# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The camera's side of the open streets: rain on the lens, glare, exposure, noise, tone, sharpening and JPEG."""
from __future__ import annotations

import cv2
import numpy as np

from famda_train.world.domains import Style
from famda_train.world.sensor import REFERENCE_WIDTH, to_eight_bits, vignette

_f = np.float32
BRIGHTEST = np.float32(40.0)
"""Radiance over the mean that still counts for glare, so that one lamp does not drown the picture."""


def develop_open(radiance: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Turn linear radiance float32 [H, W, 3] into an 8-bit RGB image.

    Args:
        radiance: what reaches the lens; changed in place.
        style: a draw from a look of the open streets; radii in it are pixels at width 192.
        rng: source of noise, drops and flakes.
    """
    scale = radiance.shape[1] / REFERENCE_WIDTH
    signal = radiance
    if style.rain > 0:
        _rain(signal, style, scale, rng)
    if style.flakes > 0:
        _flakes(signal, style, scale, rng)
    signal *= style.gain * _f(_exposure(signal, style))
    np.minimum(signal, BRIGHTEST, out=signal)
    if style.smear * scale > 0.5:
        signal = _smear(signal, style, scale, rng)
    if style.blur * scale > 0.2:
        signal = cv2.GaussianBlur(signal, (0, 0), style.blur * scale)
    if style.drops >= 1:
        signal = _drops_on_lens(signal, style, scale, rng)
    _glare(signal, style, scale, rng)
    if style.aberration > 0:
        _aberration(signal, style.aberration)
    if style.vignette > 0:
        signal *= vignette(signal.shape[0], signal.shape[1], style.vignette)[..., None]
    signal = _noisy(signal, style, rng)
    if style.shoulder > 0:
        signal = signal * _f(1 + style.shoulder) / (1 + _f(style.shoulder) * np.maximum(signal, 0))
    if style.black > 0:
        signal = (signal - _f(style.black)) * _f(1 / (1 - style.black))
    image = to_eight_bits(signal, style)
    return _finish(image, style, scale)


def _exposure(signal: np.ndarray, style: Style) -> float:
    """Return the factor that brings the mean of the picture, without its lamps, to the target."""
    luminance = signal[::4, ::4] @ np.array([0.299, 0.587, 0.114], np.float32)
    level = float(np.minimum(luminance, np.quantile(luminance, 0.95)).mean())
    return min(style.target / max(level, 1e-6), style.most_gain)


def _rain(signal: np.ndarray, style: Style, scale: float, rng: np.random.Generator) -> None:
    height, width = signal.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slant = rng.normal(0, 0.25)
    for _ in range(int(style.rain * 200)):
        x, y, long = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(3, 22) * scale
        end = (int(x + slant * long), int(y + long))
        cv2.line(streaks, (int(x), int(y)), end, int(rng.integers(20, 110)), 1, cv2.LINE_AA)
    share = cv2.GaussianBlur(streaks, (0, 0), 0.5 * scale).astype(np.float32)[..., None] * _f(1 / 255)
    light = signal[: height // 2].mean((0, 1)) * _f(1.1)
    signal += share * (light - signal) * _f(0.7)


def _flakes(signal: np.ndarray, style: Style, scale: float, rng: np.random.Generator) -> None:
    height, width = signal.shape[:2]
    flakes = np.zeros((height, width), np.uint8)
    for _ in range(int(style.flakes * 500)):
        place = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = rng.exponential(0.7) * scale
        cv2.circle(flakes, place, round(radius), int(rng.integers(60, 230)), -1, cv2.LINE_AA)
    share = cv2.GaussianBlur(flakes, (0, 0), 0.5 * scale).astype(np.float32)[..., None] * _f(1 / 255)
    light = max(float(np.quantile(signal[::4, ::4], 0.8)), 1e-4)
    signal += share * (_f(light) - signal)


def _smear(signal: np.ndarray, style: Style, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Blur along the way that the picture moved during the exposure."""
    length = style.smear * scale
    size = 2 * int(np.ceil(length / 2)) + 1
    angle = rng.normal(0, 0.2) if rng.random() < style.smear_turn else rng.uniform(0, np.pi)
    kernel = np.zeros((size, size), np.float32)
    for t in np.linspace(-length / 2, length / 2, 4 * size):
        kernel[round(size // 2 + t * np.sin(angle)), round(size // 2 + t * np.cos(angle))] += 1
    return cv2.filter2D(signal, -1, kernel / kernel.sum())


def _drops_on_lens(signal: np.ndarray, style: Style, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Show the street small and upside down in drops on the lens, out of focus."""
    height, width = signal.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    share = np.zeros((height, width), np.float32)
    for _ in range(int(style.drops)):
        cx, cy, radius = rng.uniform(0, width), rng.uniform(0, height), (1.0 + rng.exponential(1.6)) * scale
        r0, r1, c0, c1 = int(max(cy - radius, 0)), int(cy + radius + 1), int(max(cx - radius, 0)), int(cx + radius + 1)
        px, py = x[r0:r1, c0:c1] - _f(cx), y[r0:r1, c0:c1] - _f(cy)
        if not px.size:
            continue
        inside = np.clip(1.5 - 1.5 * (px * px + py * py) / _f(radius * radius), 0, 1)
        share[r0:r1, c0:c1] = np.maximum(share[r0:r1, c0:c1], inside)
        wide = _f(rng.uniform(4, 14))
        x[r0:r1, c0:c1] = np.where(inside > 0, _f(cx) - px * wide, x[r0:r1, c0:c1])
        y[r0:r1, c0:c1] = np.where(inside > 0, _f(cy) - py * wide, y[r0:r1, c0:c1])
    soft = cv2.GaussianBlur(signal, (0, 0), 1.2 * scale)
    seen = cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    share = cv2.GaussianBlur(share, (0, 0), 0.5 * scale)[..., None] * _f(0.85)
    return signal + share * (seen - signal)


def _glare(signal: np.ndarray, style: Style, scale: float, rng: np.random.Generator) -> None:
    """Add what the lens and the windscreen spread of bright light: bloom, rays, ghosts and a veil, in place."""
    height, width = signal.shape[:2]
    if style.veil > 0:
        signal += _f(style.veil) * np.minimum(signal[::4, ::4], 3).mean((0, 1))
    excess = np.maximum(signal - 1, 0)
    if not excess.any():
        return
    small = cv2.resize(excess, (max(width // 4, 8), max(height // 4, 8)), interpolation=cv2.INTER_AREA)
    if style.bloom > 0:
        strength = _f(style.bloom)
        near = cv2.GaussianBlur(small, (0, 0), 0.45 * scale)
        wide = cv2.GaussianBlur(small, (0, 0), 1.5 * scale)
        haze = cv2.GaussianBlur(cv2.resize(wide, (small.shape[1] // 3, small.shape[0] // 3)), (0, 0), 1.6 * scale)
        glow = _f(0.35) * near + _f(0.25) * wide + _f(0.25) * cv2.resize(haze, (small.shape[1], small.shape[0]))
        signal += strength * cv2.resize(glow, (width, height), interpolation=cv2.INTER_LINEAR)
    if style.streaks > 0:
        signal += _f(style.streaks) * cv2.resize(_rays_around(small, scale, rng), (width, height))
    if style.flare > 0:
        _ghosts(signal, small, style, scale, rng)


def _rays_around(small: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    reach = round(9 * scale) | 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    turn = rng.uniform(0, np.pi)
    for angle in turn + np.arange(rng.integers(1, 4)) * np.pi / 3:
        for t in np.linspace(-reach, reach, 4 * reach):
            place = round(reach + t * np.sin(angle)), round(reach + t * np.cos(angle))
            kernel[place] += np.exp(-abs(t) / (0.25 * reach))
    return cv2.filter2D(small, -1, kernel * _f(0.5 / kernel.sum()))


def _ghosts(signal: np.ndarray, small: np.ndarray, style: Style, scale: float, rng: np.random.Generator) -> None:
    """Discs on the line from the brightest light through the middle of the picture."""
    height, width = signal.shape[:2]
    row, column = np.unravel_index(int(small.sum(2).argmax()), small.shape[:2])
    light = np.minimum(small[row, column], 6) * _f(0.012 * style.flare)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dy, dx = height / 2 - row * 4.0, width / 2 - column * 4.0
    for _ in range(int(rng.integers(1, 5))):
        along, radius = rng.uniform(0.4, 2.3), rng.uniform(2, 14) * scale
        distance = np.hypot(x - _f(column * 4 + along * dx), y - _f(row * 4 + along * dy))
        disc = np.clip((_f(radius) - distance) * _f(0.5), 0, 1)
        signal += disc[..., None] * light * rng.uniform(0.3, 1.0, 3).astype(np.float32)


def _aberration(signal: np.ndarray, strength: float) -> None:
    height, width = signal.shape[:2]
    for channel, zoom in ((0, 1 + strength), (2, 1 - strength)):
        shift = np.array([[zoom, 0, (1 - zoom) * width / 2], [0, zoom, (1 - zoom) * height / 2]], np.float32)
        plane = np.ascontiguousarray(signal[..., channel])
        signal[..., channel] = cv2.warpAffine(plane, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _noisy(signal: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    height, width = signal.shape[:2]
    if style.noise > 0 or style.read_noise > 0:
        grain = rng.standard_normal(signal.shape, np.float32)
        if style.smear_turn < 0.5:  # a sensor whose denoiser leaves brightness alone
            grain[..., 1:] = _f(0.4) * grain[..., 1:] + _f(0.9) * grain[..., :1]
        signal = signal + grain * (np.sqrt(np.clip(signal, 0, 2)) * _f(style.noise) + _f(style.read_noise))
    if style.chroma_noise > 0:
        blotches = rng.standard_normal((height // 4 + 1, width // 4 + 1, 3)).astype(np.float32)
        large = np.asarray(cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
        signal = signal + large * (np.sqrt(np.clip(signal, 0.02, 1)) * _f(style.chroma_noise))
    return signal


def _finish(image: np.ndarray, style: Style, scale: float) -> np.ndarray:
    """Contrast curve, the camera's own sharpening, JPEG."""
    if style.contrast != 0:
        x = np.arange(256) / 255.0
        table = np.clip(x + style.contrast * 0.6 * (x - 0.5) * (1 - (2 * x - 1) ** 2), 0, 1)
        image = np.round(255 * table).astype(np.uint8)[image]
    if style.sharpen > 0:
        soft = cv2.GaussianBlur(image, (0, 0), 0.6 * scale)
        image = cv2.addWeighted(image, 1 + style.sharpen, soft, -style.sharpen, 0)
    if style.jpeg >= 1:
        _, data = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(style.jpeg)])
        image = np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])
    return image
