# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Camera calibration: what FAMDA reads from sensor_msgs/CameraInfo and what it makes of it."""

from __future__ import annotations

import array
import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from famda_ros.topics import CAMERA_INFO, COMPRESSED

UINT32_MAX = 2**32 - 1
MOST_FOCAL_WIDTHS = 100.0
"""A telescope has less, in widths of the sensor."""
LEAST_FOCAL_WIDTHS = 0.05
"""A camera with less would see 169 degrees or more without distortion: such a calibration is a mistake."""
MOST_FOCAL_RATIO = 10.0
"""Pixels are no longer than so many times their width."""
FARTHEST_CENTRE = 1.0
"""So far from the middle of the sensor the principal point may lie, in widths and heights; that of a cut-out may lie
outside of it."""
SAME_FOCALS = 1.02
"""Focal lengths of one lens, calibrated twice, differ by no larger factor."""
SHAPE_TOLERANCE = 0.01
"""So far height / width of image and calibration may differ; a driver's sizes are rounded."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera; pixels, the centre of the first pixel is (0, 0).

    Attributes:
        fx, fy: focal lengths.
        cx, cy: principal point.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def centred(cls, focal: float, width: int, height: int) -> Intrinsics:
        """Return the camera to assume where only the focal is known: square pixels, looking through the middle."""
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2)


def pinhole_of(info: Any) -> Intrinsics:
    """Return the numbers, whatever they are, of the matrix that is used: P where P[0] > 0, else K.

    P is the camera of the rectified image, and of a raw image with K in it; beside a
    rectified image K still belongs to the raw one.  As ``image_geometry::PinholeCameraModel``
    and with it depth_image_proc do.
    """
    matrix, (fx, cx, fy, cy) = (info.p, (0, 2, 5, 6)) if info.p[0] > 0 else (info.k, (0, 2, 4, 5))
    return Intrinsics(float(matrix[fx]), float(matrix[fy]), float(matrix[cx]), float(matrix[cy]))


def shown_size(info: Any) -> tuple[int, int]:
    """Return (width, height) of the part of the sensor that the image shows, in pixels of the sensor."""
    return info.roi.width or info.width, info.roi.height or info.height


def calibrated_size(info: Any) -> tuple[float, float]:
    """Return (width, height) of the images that a calibration is for; zeros where it does not say."""
    width, height = shown_size(info)
    return width / max(1, info.binning_x), height / max(1, info.binning_y)


def shape_fault(info: Any, image_width: int, image_height: int) -> str:
    """Return in one sentence that a calibration is for images of another shape; '' = it is not, or does not say."""
    width, height = (0.0, 0.0) if info is None else calibrated_size(info)
    if not (width and height):
        return ''
    expected = image_width * height / width
    # A driver rounds to whole pixels, but not half a pixel up to one.
    if expected >= 0.5 and abs(expected - image_height) <= max(1.0, SHAPE_TOLERANCE * expected):
        return ''
    return (
        f'camera_info is for images of {width:g}x{height:g}, not for {image_width}x{image_height}, which have another '
        'shape: depth and points are off; tell what is cut away in its roi'
    )


def changed_fault(before: float | None, now: float | None) -> str:
    """Return in one sentence that the focal length of a camera changes within a recording; '' = no, or not known.

    Args:
        before, now: focal lengths of two images, in widths of the image.
    """
    if before is None or now is None or max(before, now) <= SAME_FOCALS * min(before, now):
        return ''
    return (
        f'camera_info changes within the recording: focal lengths of {min(before, now):.3g} and {max(before, now):.3g} '
        'widths of the image, and metres change with them; unless the camera zoomed, record again with one calibration'
    )


def intrinsics_of(info: Any, image_width: int, image_height: int) -> Intrinsics | None:
    """Return the pinhole camera of an image of the given size.

    P and K (:func:`pinhole_of`) are for the whole sensor; the image may be a cut-out of it
    (``roi``), binned, or resized by the driver.  What the image shows is stretched to the
    image's size, which covers binning and resizing alike.

    Args:
        info: sensor_msgs/CameraInfo, of rclpy or rosbags, or None.
        image_width, image_height: pixels of the image, 1 or more.

    Returns:
        None where the camera is not calibrated (P[0] and K[0] are 0, as the message
        defines) or the calibration makes no sense (NaN, negative focal, no size).
    """
    if info is None:
        return None
    camera, (width, height) = pinhole_of(info), shown_size(info)
    if not (all(map(math.isfinite, astuple(camera))) and min(camera.fx, camera.fy, width, height) > 0):
        return None
    scale_x, scale_y = image_width / width, image_height / height
    return Intrinsics(
        camera.fx * scale_x,
        camera.fy * scale_y,
        scale_center(camera.cx - info.roi.x_offset, scale_x),
        scale_center(camera.cy - info.roi.y_offset, scale_y),
    )


def calibration_fault(info: Any) -> str:
    """Return in one sentence why a calibration cannot be used; '' = it can, or there is none (P[0] and K are 0)."""
    numbers = [float(value) for value in (*info.k, *info.p)]
    if not all(map(math.isfinite, numbers)):
        return 'camera_info is malformed: K or P holds NaN or infinity'
    camera = pinhole_of(info)
    if not (camera.fx or any(info.k)):
        return ''
    least = LEAST_FOCAL_WIDTHS * info.width
    if min(camera.fx, camera.fy) <= max(0.0, least) or max(camera.fx, camera.fy) > MOST_FOCAL_WIDTHS * info.width > 0:
        return (
            f'camera_info is malformed: focal lengths of {camera.fx:g} and {camera.fy:g} pixels for a sensor that is '
            f'{info.width} wide'
        )
    if max(camera.fx, camera.fy) > MOST_FOCAL_RATIO * min(camera.fx, camera.fy):
        return (
            f'camera_info is malformed: focal lengths of {camera.fx:g} and {camera.fy:g} pixels, which are not of '
            'one lens'
        )
    across, down = abs(camera.cx - info.width / 2), abs(camera.cy - info.height / 2)
    if info.width and info.height and (across > FARTHEST_CENTRE * info.width or down > FARTHEST_CENTRE * info.height):
        return (
            f'camera_info is malformed: its principal point ({camera.cx:g}, {camera.cy:g}) lies far outside of the '
            f'sensor of {info.width}x{info.height} pixels'
        )
    roi = info.roi
    if info.width and (roi.x_offset + roi.width > info.width or roi.y_offset + roi.height > info.height):
        return 'camera_info is malformed: its roi lies outside of the sensor'
    if not all(shown_size(info)):
        return 'camera_info is malformed: an image without width or height'
    return ''


def unusable_because(info: Any) -> str:
    """Return in one sentence why a CameraInfo gives no focal lengths, malformed or not set; '' = it gives them."""
    if fault := calibration_fault(info):
        return fault
    return '' if intrinsics_of(info, 4, 3) is not None else 'camera_info is not set: K and P are 0'


def focal_of(info: Any, image_width: int, image_height: int) -> tuple[float, float] | None:
    """Return (fx, fy) in pixels of an image of the given size.

    A driver may resize or bin its image and leave the calibration as it was; then its size
    disagrees with the image, and the focal lengths are scaled.  With a region of interest the image is a
    cut-out, which sees less but no smaller.

    Args:
        info: sensor_msgs/CameraInfo, of rclpy or rosbags, or None.
        image_width, image_height: of the image, pixels.

    Returns:
        Those of :func:`intrinsics_of`, or None where that is None.  Where the calibration is for images of another
        shape (:func:`shape_fault`) its height says nothing, and fy is fx: square pixels.
    """
    camera = intrinsics_of(info, image_width, image_height)
    if camera is None:
        return None
    return camera.fx, camera.fx if shape_fault(info, image_width, image_height) else camera.fy


def scale_center(center: float, scale: float) -> float:
    """Return where a pixel coordinate is after resizing by ``scale``.

    Coordinates count from the centre of the first pixel, whose edge is at -0.5; the edges
    are what stays in place when an image is resized (by OpenCV as by the student).
    """
    return (center + 0.5) * scale - 0.5


def fill_camera_info(msg: Any, info: Any, header: Any, scale_x: float = 1.0, scale_y: float = 1.0) -> Any:
    """Fill a fresh rclpy sensor_msgs/CameraInfo for an image that was resized, and return it.

    K, P, roi, width and height are scaled as by ``image_proc::ResizeNode``, but the principal
    point by pixel centres (:func:`scale_center`), as the image is; D, R, the distortion
    model and binning do not change with the size.

    Args:
        msg: a new message.
        info: calibration of the image before it was resized, of rclpy or rosbags.
        header: std_msgs/Header of the image, taken over as it is.
        scale_x, scale_y: new size / old size.
    """
    msg.header = header
    msg.width, msg.height = _pixels(info.width, scale_x), _pixels(info.height, scale_y)
    msg.distortion_model = info.distortion_model
    # Arrays of the right type: rclpy takes them over without looking at every number.
    msg.d = array.array('d', info.d)
    msg.r = np.array(info.r, np.float64)
    msg.k = _scale_matrix(info.k, 3, scale_x, scale_y)
    msg.p = _scale_matrix(info.p, 4, scale_x, scale_y)
    msg.binning_x, msg.binning_y = info.binning_x, info.binning_y
    msg.roi.x_offset, msg.roi.width = (_pixels(value, scale_x) for value in (info.roi.x_offset, info.roi.width))
    msg.roi.y_offset, msg.roi.height = (_pixels(value, scale_y) for value in (info.roi.y_offset, info.roi.height))
    msg.roi.do_rectify = info.roi.do_rectify
    return msg


def pinhole_arrays(camera: Intrinsics) -> dict[str, Any]:
    """Return d, k, r and p of the calibration of an undistorted, rectified camera, float64 arrays by field name."""
    k = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]], np.float64)
    p = np.hstack([k, np.zeros((3, 1))])
    return {'distortion_model': 'plumb_bob', 'd': np.zeros(5), 'k': k.ravel(), 'r': np.eye(3).ravel(), 'p': p.ravel()}


def _scale_matrix(values: Any, columns: int, scale_x: float, scale_y: float) -> np.ndarray:
    """Return a flat 3 x ``columns`` projection for the resized image; all zero stays all zero (not calibrated)."""
    matrix = np.array(values, np.float64).reshape(3, columns)
    resize = np.array([[scale_x, 0, scale_center(0, scale_x)], [0, scale_y, scale_center(0, scale_y)], [0, 0, 1]])
    if np.isfinite(matrix).all():
        matrix = resize @ matrix
    return matrix.ravel()


def _pixels(value: int, scale: float) -> int:
    return min(UINT32_MAX, round(value * scale))


def namespace_of(image_topic: str) -> str:
    """Return the camera namespace of an image topic: '/cam0/image/compressed' -> '/cam0'."""
    return image_topic.removesuffix(COMPRESSED).rpartition('/')[0]


def info_topic_of(image_topic: str) -> str:
    """Return the camera_info topic beside an image topic, as image_transport names it."""
    return f'{namespace_of(image_topic)}/{CAMERA_INFO}'
