# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A frame and its prediction in some thirty numbers, in less than a millisecond: what the drift monitor compares."""

from __future__ import annotations

import math

import cv2
import numpy as np

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.pipeline.exposure import LUMA
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.road_plane import fit_road_plane, road_ids
from famda_ros.student.runtime import Prediction

GRID = (64, 36)
"""Images and predictions are read at so many (columns, rows) of single pixels, whatever their size."""
GREY_WIDTH = 160
"""Sharpness is measured at this width, so that it does not depend on the camera's resolution."""
DEPTH_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
NEAREST_M, FARTHEST_M = 0.1, 1000.0
LUMA_QUANTILES = (0.05, 0.95)

IMAGE_SCALARS = ('brightness', 'contrast', 'shadows', 'highlights', 'saturation', 'warmth', 'sharpness', 'neighbours')
THIRDS = ('luma_top', 'luma_bottom', 'contrast_top', 'contrast_bottom', 'saturation_top', 'saturation_bottom')
"""Pairs that change places in an image that is upside down."""


CAMERA_HEIGHT = 'camera_height'


def scalar_names(space: LabelSpace) -> tuple[str, ...]:
    """Return what the numbers of :func:`frame_statistics` are, in their order."""
    return (
        *IMAGE_SCALARS,
        *THIRDS,
        'confidence',
        CAMERA_HEIGHT,
        *(f'depth_{round(100 * quantile)}' for quantile in DEPTH_QUANTILES),
        *(f'{what}_{name}' for what in ('share', 'height', 'luma') for name in space.classes),
    )


def frame_statistics(
    image: np.ndarray, prediction: Prediction, space: LabelSpace, camera: Intrinsics | None = None
) -> np.ndarray:
    """Return float32 [S], the numbers that :func:`scalar_names` names; NaN = not predicted, or not in the image.

    * ``brightness``, ``contrast``: mean and standard deviation of the luma, 0..255
    * ``shadows``, ``highlights``: its 5 % and 95 % quantiles
    * ``saturation``: mean difference between the largest and the smallest channel, 0..255
    * ``warmth``: natural logarithm of red over blue
    * ``sharpness``: log10 of :func:`sharpness` at a width of :data:`GREY_WIDTH`
    * ``neighbours``: correlation of pixels beside each other, -1..1; 0 for noise
    * ``luma_top`` .. ``saturation_bottom``: mean and deviation of the luma, and saturation, of the thirds at top and
      bottom
    * ``confidence``: mean, 0..1
    * ``camera_height``: natural logarithm of its metres above the road, see :mod:`famda_ros.student.road_plane`
    * ``depth_10`` .. ``depth_90``: quantiles of the natural logarithm of the metres; the sky counts as far
    * ``share_<class>``: square root of its share of the labelled pixels
    * ``height_<class>``: mean height in the image of its pixels, 0 = at the bottom, 1 = at the top
    * ``luma_<class>``: mean luma of its pixels

    Args:
        image: uint8 [H, W, 3] RGB as the camera gave it.
        prediction: of the student, at the image's size.
        space: of the labels.
        camera: of the image; None = uncalibrated, which leaves the height above the road unknown.
    """
    pixels = sampled(image[:, :-1] if image.shape[1] > 1 else image)
    luma, right = _luma(pixels), _luma(sampled(image[:, 1:] if image.shape[1] > 1 else image))
    labels, confidence, depth = (
        None if array is None else sampled(array)
        for array in (prediction.labels, prediction.confidence, prediction.depth)
    )
    return np.concatenate([
        _of_image(pixels, luma, right, float(np.log10(sharpness(image, GREY_WIDTH) + 0.1))),
        [np.nan if confidence is None else float(confidence.mean()) / 255],
        [_camera_height(labels, depth, camera, image.shape, space)],
        _of_depth(depth), _of_classes(labels, luma, len(space)),
    ]).astype(np.float32)  # fmt: skip


def sampled(array: np.ndarray) -> np.ndarray:
    """Return the pixels of [H, W] or [H, W, 3] at :data:`GRID`."""
    return cv2.resize(array, GRID, interpolation=cv2.INTER_NEAREST_EXACT)


def sharpness(image: np.ndarray, width: int) -> float:
    """Return the variance of the Laplacian, grey levels squared, of uint8 [H, W, 3] as it looks at this width."""
    height = max(3, round(width * image.shape[0] / image.shape[1]))
    if image.shape[1] > 2 * width:  # every pixel of a large image would take milliseconds
        image = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    way = cv2.INTER_AREA if grey.shape[1] > width else cv2.INTER_LINEAR
    grey = cv2.resize(grey, (width, height), interpolation=way)
    return float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1].item() ** 2)


def _luma(pixels: np.ndarray) -> np.ndarray:
    return pixels @ np.array(LUMA, np.float32)


def _together(luma: np.ndarray, right: np.ndarray) -> float:
    """Return the correlation of pixels with their neighbours; 1 where all are equal."""
    spread = float(luma.std() * right.std())
    return float(((luma - luma.mean()) * (right - right.mean())).mean()) / spread if spread > 1e-6 else 1.0


def _of_image(pixels: np.ndarray, luma: np.ndarray, right: np.ndarray, sharp: float) -> list[float]:
    red, _, blue = pixels.reshape(-1, 3).mean(axis=0)
    saturation = pixels.max(axis=2) - pixels.min(axis=2)
    third = max(1, len(luma) // 3)
    ends = [
        (luma[part].mean(), luma[part].std(), saturation[part].mean()) for part in (slice(third), slice(-third, None))
    ]
    return [
        luma.mean(), luma.std(), *_quantiles(luma.ravel(), LUMA_QUANTILES), saturation.mean(),
        np.log((red + 1) / (blue + 1)), sharp, _together(luma, right),
        *(number for pair in zip(*ends, strict=True) for number in pair),
    ]  # fmt: skip


def _camera_height(
    labels: np.ndarray | None, depth: np.ndarray | None, camera: Intrinsics | None, shape: tuple[int, ...],
    space: LabelSpace,
) -> float:  # fmt: skip
    """Return the logarithm of the height above the road as the sampled pixels show it; NaN = they do not."""
    if labels is None or depth is None or camera is None:
        return np.nan
    across, down = GRID[0] / shape[1], GRID[1] / shape[0]
    sparse = Intrinsics(
        across * camera.fx, down * camera.fy, across * (camera.cx + 0.5) - 0.5, down * (camera.cy + 0.5) - 0.5
    )
    plane = fit_road_plane(labels, depth, sparse, road_ids(space))
    return np.nan if plane is None else math.log(plane.height)


def _of_depth(depth: np.ndarray | None) -> list[float]:
    metres = np.empty(0) if depth is None else depth[~np.isnan(depth)]
    if not len(metres):
        return [np.nan] * len(DEPTH_QUANTILES)
    return np.log(np.clip(_quantiles(metres, DEPTH_QUANTILES), NEAREST_M, FARTHEST_M)).tolist()


def _quantiles(values: np.ndarray, levels: tuple[float, ...]) -> list[float]:
    """Return quantiles without interpolation, which infinite depth would not survive."""
    ordered = np.sort(values)
    return [float(ordered[round(level * (len(ordered) - 1))]) for level in levels]


def _of_classes(labels: np.ndarray | None, luma: np.ndarray, classes: int) -> np.ndarray:
    if labels is None:
        return np.full(3 * classes, np.nan)
    height = np.broadcast_to(np.linspace(1, 0, labels.shape[0])[:, None], labels.shape)
    known = labels < classes  # 255 is not
    ids = labels[known]
    counts = np.bincount(ids, minlength=classes)
    there = np.where(counts > 0, counts, np.nan)
    heights, lumas = (np.bincount(ids, values[known], minlength=classes) / there for values in (height, luma))
    return np.concatenate([np.sqrt(counts / max(1, len(ids))), heights, lumas])
