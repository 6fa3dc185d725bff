# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The plane that the road lies in, and with it the height of the camera above the road; pure functions.

A monocular network may be wrong by a factor in a place that it was not trained for.  How high a camera is mounted is
known, and the road is nearly always in the picture: the ratio of both heights is that factor (Zhou, Dai and Li,
"Ground-plane-based absolute scale estimation for monocular visual odometry", T-ITS 2020, for visual odometry).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.student.label_space import LabelSpace

LEAST_ROAD = 0.02
"""Share of the image that must be road."""
LEAST_INLIERS = 0.5
"""Share of the road's pixels that must lie in the plane."""
TOLERANCE = 0.1
"""A point lies in the plane where its depth is off by no more than this share."""
STEEPEST = math.radians(60)
"""Angle between the plane's normal and the camera's vertical axis beyond which the plane is no road."""
NEAREST_SHARE = 0.8
"""Share of the road's pixels that are used, the nearest ones: far ones are seen too flatly."""

_GRID, _SAMPLES = 40_000, 2000
"""So many pixels of an image are looked at, about, and of those that are road so many used."""
_HYPOTHESES, _STEPS = 100, 6
_TUKEY = 4.685
"""Tukey's constant in standard deviations: 95 % efficiency under normal noise."""


@dataclass(frozen=True)
class RoadPlane:
    """The plane of the road as one frame shows it.

    Attributes:
        height: distance from the camera to the plane, metres.
        normal: unit vector from the camera to the plane, in the optical frame (x right, y down, z forward).
        inliers: share 0..1 of the road's pixels that lie in it, see :data:`TOLERANCE`.
    """

    height: float
    normal: tuple[float, float, float]
    inliers: float


def road_ids(space: LabelSpace) -> tuple[int, ...]:
    """Return the train ids of the classes that a robot stands on; () where a label space has none."""
    return tuple(index for index, name in enumerate(space.classes) if name in space.ground)


def fit_road_plane(
    labels: np.ndarray, depth: np.ndarray, intrinsics: Intrinsics, road: Sequence[int]
) -> RoadPlane | None:
    """Fit a plane to the road: RANSAC, then iteratively reweighted least squares of relative errors.

    In a plane the inverse depth is linear in the pixel's coordinates.  Scaled depth gives the height scaled alike.

    Args:
        labels: uint8 [H, W] train ids.
        depth: float32 [H, W] metres along the optical axis; NaN = unknown, +inf = beyond range.
        intrinsics: of images of this size.
        road: train ids of the road, see :func:`road_ids`.

    Returns:
        None where too little road is in the picture, or what is labelled so is no plane below the camera.
    """
    step = max(1, math.isqrt(labels.size // _GRID))
    labels, depth = labels[::step, ::step], depth[::step, ::step]
    rows, columns = np.nonzero(np.isin(labels, road) & (depth > 0) & (depth < np.inf))
    if rows.size < max(3, LEAST_ROAD * labels.size):
        return None
    chosen = np.linspace(0, rows.size - 1, min(rows.size, _SAMPLES)).astype(int)
    rows, columns = rows[chosen], columns[chosen]
    z = depth[rows, columns].astype(np.float64)
    right, down = step * columns - intrinsics.cx, step * rows - intrinsics.cy
    rays = np.stack([right / intrinsics.fx, down / intrinsics.fy, np.ones_like(z)], 1)
    near = z <= np.quantile(z, NEAREST_SHARE)
    points = rays[near] * z[near, None]
    plane = _refine(points, _most_agreed(points))
    length = float(np.linalg.norm(plane))
    if not (math.isfinite(length) and length > 0):
        return None
    inliers = float(np.mean(np.abs(points @ plane - 1) <= TOLERANCE))
    normal = plane / length
    if inliers < LEAST_INLIERS or normal[1] < math.cos(STEEPEST):
        return None
    return RoadPlane(1 / length, (float(normal[0]), float(normal[1]), float(normal[2])), inliers)


def _most_agreed(points: np.ndarray) -> np.ndarray:
    """Return the plane q (points on it have p · q = 1) through three of the points that most of them lie in."""
    triples = np.random.default_rng(0).integers(0, len(points), (_HYPOTHESES, 3))
    corners = points[triples]
    regular = np.abs(np.linalg.det(corners)) > 1e-9 * np.abs(corners).max(axis=(1, 2)) ** 3
    if not regular.any():
        return np.full(3, np.nan)
    planes = np.linalg.solve(corners[regular], np.ones((int(regular.sum()), 3, 1)))[..., 0]
    agreed = (np.abs(points @ planes.T - 1) <= TOLERANCE).sum(axis=0)
    return planes[agreed.argmax()]


def _refine(points: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the plane that fits best, with less and less weight (Tukey's) for what is far from it."""
    for _ in range(_STEPS):
        error = points @ plane - 1
        spread = float(np.clip(1.4826 * np.median(np.abs(error)), 1e-6, TOLERANCE / 2))
        weight = np.clip(1 - (error / (_TUKEY * spread)) ** 2, 0, None) ** 2
        weighted = points * weight[:, None]
        normal = weighted.T @ points
        if not np.isfinite(normal).all() or np.linalg.cond(normal) > 1e12:
            return np.full(3, np.nan)
        plane = np.linalg.solve(normal, weighted.sum(axis=0))
    return plane
