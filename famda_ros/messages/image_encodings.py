# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The encodings of sensor_msgs/Image that FAMDA reads, named as ``sensor_msgs/image_encodings.hpp`` names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

ToRgb = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Encoding:
    """How the bytes of an encoding lie in memory, and what makes RGB of them.

    Attributes:
        dtype: type of one channel.
        channels: channels per pixel.
        to_rgb: array [H, W] or [H, W, C] -> uint8 [H, W, 3]; None = not a picture for the eye.
        least_side: width and height must be at least this; 3 for a colour mosaic, whose colours
            come from the neighbours (OpenCV makes smaller ones black).
        even_width: two neighbouring pixels share their colour.
    """

    dtype: type
    channels: int
    to_rgb: ToRgb | None = None
    least_side: int = 1
    even_width: bool = False


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _cv(code: int) -> ToRgb:
    return lambda array: cv2.cvtColor(array, code)


def _eight_bits(array: np.ndarray) -> np.ndarray:
    """Return uint8 of uint16, 65535 becoming 255, rounded as cv_bridge does."""
    return cv2.convertScaleAbs(array, alpha=255.0 / 65535.0)


def _sixteen(to_rgb: ToRgb) -> ToRgb:
    """Return the conversion of the 16 bit sister of an encoding."""
    return lambda array: _eight_bits(to_rgb(array))


_TO_RGB = {
    'rgb': _same,
    'bgr': _cv(cv2.COLOR_BGR2RGB),
    'rgba': _cv(cv2.COLOR_RGBA2RGB),
    'bgra': _cv(cv2.COLOR_BGRA2RGB),
    'mono': _cv(cv2.COLOR_GRAY2RGB),
    # OpenCV's own names of the same patterns (BG, RG, GR, GB) begin at the second row.
    'bayer_rggb': _cv(cv2.COLOR_BayerRGGB2RGB),
    'bayer_bggr': _cv(cv2.COLOR_BayerBGGR2RGB),
    'bayer_gbrg': _cv(cv2.COLOR_BayerGBRG2RGB),
    'bayer_grbg': _cv(cv2.COLOR_BayerGRBG2RGB),
}
_UYVY = Encoding(np.uint8, 2, _cv(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
_YUYV = Encoding(np.uint8, 2, _cv(cv2.COLOR_YUV2RGB_YUYV), even_width=True)


def _pictures() -> dict[str, Encoding]:
    pictures = {}
    for name, to_rgb in _TO_RGB.items():
        channels = {'rgb': 3, 'bgr': 3, 'rgba': 4, 'bgra': 4}.get(name, 1)
        least_side = 3 if name.startswith('bayer') else 1
        pictures[f'{name}8'] = Encoding(np.uint8, channels, to_rgb, least_side)
        pictures[f'{name}16'] = Encoding(np.uint16, channels, _sixteen(to_rgb), least_side)
    pictures |= {'yuv422': _UYVY, 'uyvy': _UYVY, 'yuv422_yuy2': _YUYV, 'yuyv': _YUYV}
    # OpenCV's type names say nothing of colours; cv_bridge hands them to programs that expect OpenCV's order.
    pictures |= {'8UC1': pictures['mono8'], '8UC3': pictures['bgr8'], '8UC4': pictures['bgra8']}
    return pictures


ENCODINGS: dict[str, Encoding] = {**_pictures(), '32FC1': Encoding(np.float32, 1), '16UC1': Encoding(np.uint16, 1)}
"""Every encoding that is understood."""

PICTURES = [name for name, encoding in ENCODINGS.items() if encoding.to_rgb]
"""Those that a student can look at."""
