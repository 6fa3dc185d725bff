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
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
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


def full_type_name(msgtype: str) -> str:
    """Return a message type as ROS 2 writes it: some recorders leave 'msg' out of 'sensor_msgs/msg/Image'."""
    package, _, name = msgtype.partition('/')
    return msgtype if name.startswith('msg/') or not name else f'{package}/msg/{name}'


def ros2_camera_info(message: Any) -> Any:
    """Return a CameraInfo of ROS 1 as one of ROS 2, which has other names and no sequence number."""
    stamp = message_type('builtin_interfaces/msg/Time')(message.header.stamp.sec, message.header.stamp.nanosec)
    header, roi = message_type('std_msgs/msg/Header')(stamp, message.header.frame_id), message.roi
    return message_type(CAMERA_INFO)(
        header=header,
        height=message.height,
        width=message.width,
        distortion_model=message.distortion_model,
        d=message.D,
        k=message.K,
        r=message.R,
        p=message.P,
        binning_x=message.binning_x,
        binning_y=message.binning_y,
        roi=message_type('sensor_msgs/msg/RegionOfInterest')(
            roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify
        ),
    )
