# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Camera calibration: what FAMDA reads from sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import Any


def focal_of(info: Any, image_width: int) -> float | None:
    """Return fx in pixels of an image that is ``image_width`` pixels wide.

    A driver may resize its image and leave the calibration as it was; then width and
    K disagree with the image, and fx is scaled.  With a region of interest the image
    is a cut-out: fx changes with binning only.

    Args:
        info: sensor_msgs/CameraInfo, of rclpy or rosbags, or None.

    Returns:
        fx, or None where the camera is not calibrated (K[0] = 0, as the message asks for).
    """
    if info is None or not info.k[0] > 0 or info.width <= 0:
        return None
    if info.roi.width:
        return float(info.k[0]) / max(1, info.binning_x)
    return float(info.k[0]) * image_width / info.width


def namespace_of(image_topic: str) -> str:
    """Return the camera namespace of an image topic: '/cam0/image/compressed' -> '/cam0'."""
    return image_topic.removesuffix('/compressed').rpartition('/')[0]


def info_topic_of(image_topic: str) -> str:
    """Return the camera_info topic beside an image topic, as image_transport names it."""
    return f'{namespace_of(image_topic)}/camera_info'
