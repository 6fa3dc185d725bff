# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Between the size of the camera and that of the network; the centres of pixels stay where they are."""
from __future__ import annotations

import threading

import cv2
import numpy as np

AREA_FROM = 2.0
"""An image that shrinks by less is resized linearly: six times as fast, and every pixel of it still counts."""

_kept = threading.local()


def resize_image(image: np.ndarray, width: int, height: int, out: np.ndarray | None = None) -> np.ndarray:
    """Resize uint8 [H, W, 3]: by area where it shrinks to half or less, else linearly.

    Args:
        image: of any size.
        width, height: wanted, pixels.
        out: contiguous uint8 [height, width, 3] to write to; None = a new array, or the image itself
            if it is contiguous and has the size already.
    """
    if image.shape[:2] == (height, width):
        if out is None:
            return np.ascontiguousarray(image)
        np.copyto(out, image)
        return out
    shrinks = max(image.shape[1] / width, image.shape[0] / height) >= AREA_FROM
    return cv2.resize(
        image, (width, height), dst=out, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def resize_nearest(array: np.ndarray, width: int, height: int, out: np.ndarray | None = None) -> np.ndarray:
    """Resize [H, W] without mixing values.

    Args:
        array: of any size.
        width, height: wanted, pixels.
        out: [height, width] to write to; None = a new array, or the array itself if it has the size already.
    """
    if array.shape == (height, width) and out is None:
        return array
    return cv2.resize(array, (width, height), dst=out, interpolation=cv2.INTER_NEAREST_EXACT)


def resize_depth(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize float32 [H, W] metres linearly, without mixing +inf or NaN into measured values.

    Beside values that are not finite the nearest value is taken: a blend with the sky would be a
    surface that is not there.  A blend of measured values lies between them.
    """
    if depth.shape == (height, width):
        return depth
    large = cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR)
    unmeasured = (~np.isfinite(depth)).view(np.uint8)
    if not unmeasured.any():
        return large
    # A blend reads the nearest pixel and some of its eight neighbours.
    beside = cv2.dilate(unmeasured, np.ones((3, 3), np.uint8))
    beside = resize_nearest(beside, width, height, _scratch('beside', (height, width), np.uint8))
    nearest = resize_nearest(depth, width, height, _scratch('nearest', (height, width), np.float32))
    return cv2.copyTo(nearest, beside, large)


def _scratch(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return this thread's array for intermediate values, with whatever it holds.

    Fresh memory of this size comes from the system page by page, which takes longer than the work on it.
    """
    array = getattr(_kept, name, None)
    if array is None or array.shape != shape:
        array = np.empty(shape, dtype)
        setattr(_kept, name, array)
    return array


def beyond_range(depth: np.ndarray, farthest: float) -> np.ndarray:
    """Return ``depth``, float32 of any shape, with +inf at and beyond ``farthest`` metres; NaN stays NaN."""
    near = depth.copy()
    np.copyto(near, np.float32(np.inf), where=depth >= np.float32(farthest))
    return near
