# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The camera's side of a picture: bloom, blur, exposure, tone curve and noise."""
from __future__ import annotations

import cv2
import numpy as np

from famda_train.world.domains import Style

REFERENCE_WIDTH = 192
_f = np.float32


def develop(radiance: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Turn linear radiance float32 [H, W, 3] into an 8-bit RGB image.

    Args:
        radiance: what reaches the lens; changed in place.
        style: a draw from a domain; radii in it are pixels at width 192.
        rng: source of the noise.
    """
    height, width = radiance.shape[:2]
    scale = width / REFERENCE_WIDTH
    signal = radiance
    signal *= style.gain * _f(style.exposure)
    if style.bloom > 0:
        _bloom(signal, style.bloom, scale)
    if style.blur * scale > 0.2:
        signal = cv2.GaussianBlur(signal, (0, 0), style.blur * scale)
    if style.vignette > 0:
        signal *= vignette(height, width, style.vignette)[..., None]
    if style.shoulder > 0:
        signal = signal * _f(1 + style.shoulder) / (1 + _f(style.shoulder) * signal)
    if style.noise > 0:
        grain = rng.standard_normal(signal.shape, np.float32)
        grain *= (_f(0.4) + np.sqrt(np.maximum(signal, 0))) * _f(style.noise)
        signal = signal + grain
    return to_eight_bits(signal, style)


def _bloom(signal: np.ndarray, strength: float, scale: float) -> None:
    """Add the glow around what is brighter than white."""
    glare = np.minimum(signal - 1, _f(6))
    np.maximum(glare, 0, out=glare)
    if not glare.any():
        return
    # The wide glow is smooth: a quarter of the resolution is enough for it.
    height, width = signal.shape[:2]
    small = cv2.resize(glare, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(1.25 * scale, 0.3)), (width, height))
    signal += _f(0.5 * strength) * cv2.GaussianBlur(glare, (0, 0), 1.5 * scale) + _f(0.6 * strength) * wide


def vignette(height: int, width: int, strength: float) -> np.ndarray:
    """Return float32 [H, W]: 1 in the middle, 1 - strength in the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return 1 - _f(strength / 2) * (x * x + y * y)


def to_eight_bits(signal: np.ndarray, style: Style) -> np.ndarray:
    """Apply saturation and gamma; return uint8 [H, W, 3]."""
    if style.saturation != 1:
        grey = signal @ np.array([0.299, 0.587, 0.114], np.float32)
        signal = grey[..., None] + (signal - grey[..., None]) * _f(style.saturation)
    # Gamma from a table: twelve bits are plenty, the steep dark end is covered by the square root axis.
    index = np.sqrt(np.clip(signal, 0, 1)) * _f(4095)
    table = np.round(255 * (np.arange(4096) / 4095.0) ** (2 / style.gamma)).astype(np.uint8)
    return table[index.astype(np.int32)]
