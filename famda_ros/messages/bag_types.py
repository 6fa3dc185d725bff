# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Message types of recordings, without a ROS installation."""
from __future__ import annotations

from functools import cache
from typing import Any

from rosbags.typesys import Stores, get_typestore

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
STRING = 'std_msgs/msg/String'
TF = 'tf2_msgs/msg/TFMessage'


@cache
def typestore():
    """Return the message types that bags are written with (ROS 2 Kilted)."""
    return get_typestore(Stores.ROS2_KILTED)


def message_type(name: str):
    """Return the class of a message type of :func:`typestore`."""
    return typestore().types[name]


def stamp_ns_of(header: Any) -> int:
    """Return a header's stamp in nanoseconds."""
    return header.stamp.sec * 10**9 + header.stamp.nanosec
