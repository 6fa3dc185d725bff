# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How bright an image is, and a gamma curve towards a wanted brightness."""

from __future__ import annotations

import math

import cv2
import numpy as np

SAMPLES_PER_SIDE = 128
"""Brightness is measured on a grid of about so many pixels a side."""

GAMMA_STEPS = 12
"""Halvings of the search interval of gamma: 1/4096 of it is finer than a grey value."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601, as OpenCV's RGB to grey)."""

_LEVELS = np.arange(256) / 255.0


def brightness(image: np.ndarray) -> float:
    """Return the mean luma, 0..255, of uint8 [H, W, 3] RGB, measured on a grid of its pixels."""
    return float(_luma_shares(image) @ _LEVELS * 255)


def normalize_exposure(image: np.ndarray, target_brightness: float, max_gamma: float) -> np.ndarray:
    """Return ``image`` with a gamma curve that takes its brightness to ``target_brightness``.

    Args:
        image: uint8 [H, W, 3] RGB.
        target_brightness: wanted mean luma, 0..255; 0 = leave the image as it is.
        max_gamma: the exponent stays within 1 / max_gamma .. max_gamma (1 or more).

    Returns:
        uint8 [H, W, 3]; the image itself where nothing is to be done.
    """
    if not target_brightness > 0:
        return image
    gamma = exposure_gamma(image, target_brightness, max_gamma)
    if gamma == 1.0:
        return image
    return cv2.LUT(image, np.rint(255 * _LEVELS**gamma).astype(np.uint8))


def exposure_gamma(image: np.ndarray, target_brightness: float, max_gamma: float) -> float:
    """Return the exponent whose curve takes the mean luma nearest to ``target_brightness``.

    Arguments: see :func:`normalize_exposure`.
    """
    shares = _luma_shares(image)
    target = target_brightness / 255
    # The mean falls as gamma grows: halve the interval, on a logarithmic scale.
    low, high = -math.log(max_gamma), math.log(max_gamma)
    if abs(shares @ _LEVELS - target) < 0.5 / 255:
        return 1.0
    for _ in range(GAMMA_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if shares @ _LEVELS ** math.exp(middle) > target else (low, middle)
    return math.exp((low + high) / 2)


def _luma_shares(image: np.ndarray) -> np.ndarray:
    """Return float [256]: how much of the sampled luma's weight lies on channel values of each level.

    Luma is a weighted sum of the channels, so its mean under any curve of the levels is the sum of these
    shares times the curve.
    """
    step_y, step_x = (max(1, size // SAMPLES_PER_SIDE) for size in image.shape[:2])
    pixels = image[::step_y, ::step_x].reshape(-1, 3)
    counts = [weight * np.bincount(pixels[:, channel], minlength=256) for channel, weight in enumerate(LUMA)]
    return np.sum(counts, axis=0) / len(pixels)
