# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mask and depth as an organised point cloud, pixel-aligned with the image.

The camera is a pinhole with K; lens distortion is not undone: give rectified images
where it matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from famda_ros.messages.camera_info import Intrinsics

POINT = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('rgb', '<u4'), ('label', '<u4')])
"""One point, 20 bytes without padding: metres in the optical frame (x right, y down, z forward); 0x00RRGGBB;
train id.  The fields are those of ``pcl::PointXYZRGBL``, which PCL finds by name."""

FLOAT32, UINT32 = 7, 6
"""Codes of sensor_msgs/PointField."""

FIELDS = {'x': FLOAT32, 'y': FLOAT32, 'z': FLOAT32, 'rgb': FLOAT32, 'label': UINT32}
"""Field types on the wire; PCL packs the three bytes of rgb into a float32."""


UNLABELLED = 255
"""Train id of pixels without a label in every label space."""

_FARTHEST = np.float32(1e3)
"""Stands for what is unknown or beyond range, beside which an edge is one like any other."""


def organised_points(
    image: np.ndarray,
    labels: np.ndarray,
    depth: np.ndarray,
    intrinsics: Intrinsics,
    stride: int = 1,
    edge_filter: float = 0.0,
) -> np.ndarray:
    """Return one point for every ``stride``-th pixel of every ``stride``-th row.

    Point [i, j] belongs to the pixel in column ``stride * j`` and row ``stride * i``: projected
    with the same intrinsics it falls on that pixel's centre.

    Args:
        image: uint8 [H, W, 3] RGB.
        labels: uint8 [H, W] train ids; 255 = unlabelled.
        depth: float32 [H, W] metres along the optical axis.
        intrinsics: of images of this size.
        stride: pixels from point to point, 1 or more.
        edge_filter: degrees, see :func:`flying`; 0 = keep points at depth edges.

    Returns:
        [ceil(H / stride), ceil(W / stride)] of :data:`POINT`; x, y and z are NaN where the depth is unknown (NaN),
        beyond range (+inf) or not positive, where the pixel is unlabelled, and where the edge filter takes it away.
    """
    if stride < 1:
        raise ValueError(f'stride must be 1 or more, not {stride}')
    if not image.shape[:2] == labels.shape == depth.shape:
        raise ValueError(f'sizes differ: image {image.shape}, labels {labels.shape}, depth {depth.shape}')
    z, ids = depth[::stride, ::stride], labels[::stride, ::stride]
    kept = (z > 0) & (z < np.inf) & (ids != UNLABELLED)
    if edge_filter > 0:
        kept &= ~flying(depth, intrinsics, edge_filter)[::stride, ::stride]
    z = np.where(kept, z, np.float32(np.nan))
    right, down = _rays(intrinsics, *depth.shape, stride)
    points = np.empty(z.shape, POINT)
    np.multiply(right, z, out=points['x'])
    np.multiply(down, z, out=points['y'])
    points['z'] = z
    # In memory a little-endian 0x00RRGGBB is B, G, R, 0.
    bgra = cv2.cvtColor(np.ascontiguousarray(image[::stride, ::stride]), cv2.COLOR_RGB2BGRA)
    np.bitwise_and(bgra.view('<u4')[..., 0], np.uint32(0x00FFFFFF), out=points['rgb'])
    points['label'] = ids
    return points


def flying(depth: np.ndarray, intrinsics: Intrinsics, degrees: float) -> np.ndarray:
    """Return bool [H, W]: where a surface would be seen so flatly that it is no surface but the edge of one.

    A network's depth is smooth: between a near and a far surface lie points that are on neither.  The ray meets what
    they make at a small angle, as laser_filters' ScanShadowsFilter finds them.  The angle does not depend on the
    resolution; level ground is seen as flatly from far away, from h / tan(degrees) for a camera at height h.

    Args:
        depth: float32 [H, W] metres along the optical axis; NaN = unknown, +inf = beyond range.
        intrinsics: of images of this size.
        degrees: least angle between ray and surface, measured over 3 x 3 pixels.
    """
    z = np.fmin(depth, _FARTHEST)  # NaN, too
    step = 2 / math.sqrt(intrinsics.fx * intrinsics.fy)  # two pixels, at a distance of 1 m
    change = cv2.morphologyEx(z, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return change > z * np.float32(step / math.tan(math.radians(degrees)))


@lru_cache(maxsize=32)
def _rays(intrinsics: Intrinsics, height: int, width: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x / z of the columns, float32 [1, w], and y / z of the rows, float32 [h, 1]."""
    right = (np.arange(0, width, stride) - intrinsics.cx) / intrinsics.fx
    down = (np.arange(0, height, stride) - intrinsics.cy) / intrinsics.fy
    return right.astype(np.float32)[None, :], down.astype(np.float32)[:, None]


def fill_point_cloud(msg: Any, points: np.ndarray, header: Any, point_field: Callable[..., Any]) -> Any:
    """Fill a *fresh* rclpy sensor_msgs/PointCloud2 and return it.

    Args:
        msg: a new, empty message; its ``data`` is appended to, so never a used one.
        points: [h, w] of :data:`POINT`.
        header: std_msgs/Header, taken over as it is.
        point_field: the class sensor_msgs/PointField.
    """
    points = np.ascontiguousarray(points)
    msg.header = header
    msg.height, msg.width = points.shape
    layout = POINT.fields
    assert layout is not None
    msg.fields = [
        point_field(name=name, offset=layout[name][1], datatype=datatype, count=1) for name, datatype in FIELDS.items()
    ]
    msg.is_bigendian = False
    msg.point_step = POINT.itemsize
    msg.row_step = POINT.itemsize * msg.width
    msg.is_dense = False
    # array('B').frombytes of a byte view is the fastest way, as in convert.fill_image.
    msg.data.frombytes(memoryview(points.view(np.uint8).data).cast('B'))
    return msg
