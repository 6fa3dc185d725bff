# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera of the street world.

World axes: x right of the street, y up, z along the street.  Pixel (column u, row v)
has its centre at integer coordinates, as OpenCV and ``sensor_msgs/CameraInfo`` have it.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

FOCAL_PER_WIDTH = 0.7
HORIZON_ROW = 0.47
REFERENCE_FOCAL = 134.4
"""Focal in pixels at 96 x 192, where texture fades and blur radii are defined."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics in pixels and pose in the world.

    Attributes:
        width, height: image size in pixels.
        focal: fx = fy in pixels.
        cx, cy: principal point in pixels; integer coordinates are pixel centres.
        x, y, z: position in metres; y is the height above the road.
        yaw: radians, positive looks to the right; pitch: radians, positive looks up; roll: radians, positive
            tilts the camera to its right.  Yaw first, then pitch, then roll.
    """

    width: int
    height: int
    focal: float
    cx: float
    cy: float
    x: float = 1.7
    y: float = 1.5
    z: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def position(self) -> np.ndarray:
        """float64 [3] world position in metres."""
        return np.array([self.x, self.y, self.z])

    def axes(self) -> np.ndarray:
        """Return float64 [3, 3]; rows are the camera's right, up and forward in world axes."""
        sy, cy, sp, cp = math.sin(self.yaw), math.cos(self.yaw), math.sin(self.pitch), math.cos(self.pitch)
        axes = np.array([[cy, 0.0, -sy], [-sy * sp, cp, -cy * sp], [sy * cp, sp, cy * cp]])
        if self.roll:
            s, c = math.sin(self.roll), math.cos(self.roll)
            axes = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ axes
        return axes

    def rays(self) -> np.ndarray:
        """Return float32 [3, H, W] world directions with unit component along the optical axis.

        ``position + depth * ray`` is therefore the seen point: the ray parameter *is* planar depth.
        """
        right, up, forward = self.axes()
        x = (np.arange(self.width) - self.cx) / self.focal
        y = (self.cy - np.arange(self.height)) / self.focal
        rays = forward[:, None, None] + right[:, None, None] * x[None, None, :] + up[:, None, None] * y[None, :, None]
        return rays.astype(np.float32)

    def points(self, depth: np.ndarray) -> np.ndarray:
        """Return float64 [3, H, W] world points seen at ``depth`` metres (+inf stays infinite or NaN)."""
        return self.position[:, None, None] + depth.astype(np.float64) * self.rays()

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Project world points [3, ...] metres; return (u, v, depth along the optical axis)."""
        local = np.tensordot(self.axes(), points - self.position.reshape((3,) + (1,) * (points.ndim - 1)), 1)
        with np.errstate(divide='ignore', invalid='ignore'):
            return self.cx + self.focal * local[0] / local[2], self.cy - self.focal * local[1] / local[2], local[2]


def default_camera(width: int = 192, height: int = 96, focal: float | None = None, **pose) -> Camera:
    """Return a camera with focal 0.7 x width (pixels) unless given, horizon at 0.47 x height, and ``pose``."""
    focal = FOCAL_PER_WIDTH * width if focal is None else float(focal)
    # Half a pixel less because 0.47 x height counts from the image border, pixel coordinates from a pixel centre.
    return Camera(width, height, focal, (width - 1) / 2, HORIZON_ROW * height - 0.5, **pose)
