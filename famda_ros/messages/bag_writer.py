# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings (rosbag2, MCAP) written without a ROS installation."""
from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_types import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, STRING, TF, message_type, typestore
from famda_ros.messages.camera_info import Intrinsics, pinhole_arrays
from famda_ros.messages.depth_image import COMPRESSED_FORMAT, compress_depth
from famda_ros.messages.image_messages import check_layout, encode_image

REGION_OF_INTEREST = 'sensor_msgs/msg/RegionOfInterest'
_FOREVER = QosTime(9223372036, 854775807)
LATCHED = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    False,
)
"""Reliable and transient_local: without it a replayed latched topic is not latched any more."""


def _time(stamp_ns: int):
    return message_type('builtin_interfaces/msg/Time')(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


def _header(stamp_ns: int, frame_id: str):
    return message_type('std_msgs/msg/Header')(stamp=_time(stamp_ns), frame_id=frame_id)


class BagWriter:
    """Write an MCAP bag; use as a context manager.

    The bag appears under its name when it is complete.  Until then, and after an
    error, there is at most a hidden folder beside it.
    """

    def __init__(self, path: str | Path, custom_data: dict[str, str] | None = None, compress: bool = False):
        """Prepare a bag.

        Args:
            path: folder of the bag; must not exist, or be empty.
            custom_data: written into the bag's metadata.yaml.
            compress: compress chunks of the file with zstd, which every reader of MCAP undoes; for raw images.

        Raises:
            FamdaError: ``path`` exists and is not an empty folder.
        """
        self.path = Path(os.path.abspath(path))
        if self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise FamdaError(f"'{path}' exists already; remove it or choose another name for the bag")
        # The data file carries the folder's name and metadata.yaml names the data file.  So the bag is
        # written under its own name inside a temporary folder, and moved out as a whole.
        self._temporary = self.path.with_name(f'.{self.path.name}.{os.getpid()}.tmp')
        self._custom_data, self._compress = dict(custom_data or {}), compress
        self._connections: dict[str, Any] = {}
        self._time_ns: int | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> BagWriter:
        try:
            self._temporary.mkdir(parents=True)
            self._writer = Writer(self._temporary / self.path.name, version=9, storage_plugin=StoragePlugin.MCAP)
            for key, value in self._custom_data.items():
                self._writer.set_custom_data(key, str(value))
            if self._compress:
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except OSError as error:
            raise FamdaError(f"cannot write the bag '{self.path}' ({error.strerror}); choose another place") from error
        return self

    def __exit__(self, kind, error, traceback) -> None:
        assert self._writer is not None
        writer, self._writer = self._writer, None
        try:
            if kind is None:
                writer.close()
                os.replace(self._temporary / self.path.name, self.path)
            else:
                with contextlib.suppress(Exception):
                    writer.abort()
        except OSError as fault:
            raise FamdaError(f"cannot finish the bag '{self.path}' ({fault.strerror})") from fault
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    @contextlib.contextmanager
    def at(self, time_ns: int) -> Iterator[None]:
        """Write messages at this time of the recording, nanoseconds, whatever their headers say."""
        before, self._time_ns = self._time_ns, time_ns
        try:
            yield
        finally:
            self._time_ns = before

    def write_image(self, topic: str, stamp_ns: int, frame_id: str, rgb: np.ndarray) -> None:
        """Write uint8 [H, W, 3] RGB as an rgb8 image."""
        self._write_array(topic, stamp_ns, frame_id, rgb, 'rgb8')

    def write_mono8(self, topic: str, stamp_ns: int, frame_id: str, array: np.ndarray) -> None:
        """Write uint8 [H, W] as a mono8 image."""
        self._write_array(topic, stamp_ns, frame_id, array, 'mono8')

    def write_depth(self, topic: str, stamp_ns: int, frame_id: str, depth: np.ndarray) -> None:
        """Write float32 [H, W] metres as a 32FC1 image (NaN = unknown, +inf = beyond range)."""
        self._write_array(topic, stamp_ns, frame_id, depth, '32FC1')

    def write_compressed_depth(self, topic: str, stamp_ns: int, frame_id: str, depth: np.ndarray) -> None:
        """Write float [H, W] metres as a PNG of whole millimetres, see :func:`.depth_image.compress_depth`."""
        self.write_compressed_bytes(topic, stamp_ns, frame_id, compress_depth(depth), COMPRESSED_FORMAT)

    def write_compressed_image(
        self, topic: str, stamp_ns: int, frame_id: str, rgb: np.ndarray, quality: int = 95
    ) -> None:
        """Write uint8 [H, W, 3] RGB as a JPEG of ``quality`` 0..100."""
        self.write_compressed_bytes(topic, stamp_ns, frame_id, encode_image(rgb, '.jpg', quality), 'jpeg')

    def write_compressed_bytes(self, topic: str, stamp_ns: int, frame_id: str, data: bytes, format: str) -> None:
        """Write an image file's bytes as they are; ``format`` is 'jpeg', 'png' or one of image_transport."""
        message = message_type(COMPRESSED_IMAGE)(
            header=_header(stamp_ns, frame_id), format=format, data=np.frombuffer(data, np.uint8)
        )
        self.write_message(topic, stamp_ns, message)

    def write_camera_info(
        self,
        topic: str,
        stamp_ns: int,
        frame_id: str,
        width: int,
        height: int,
        fx: float,
        fy: float | None = None,
        cx: float | None = None,
        cy: float | None = None,
    ) -> None:
        """Write the calibration of an undistorted pinhole camera.

        Args:
            width, height: image size in pixels.
            fx, fy: focal lengths in pixels; ``fy`` None = ``fx``.
            cx, cy: principal point in pixels; None = image centre.
        """
        centred = Intrinsics.centred(fx, width, height)
        given = {name: value for name, value in (('fy', fy), ('cx', cx), ('cy', cy)) if value is not None}
        message = message_type(CAMERA_INFO)(
            header=_header(stamp_ns, frame_id),
            height=height,
            width=width,
            **pinhole_arrays(replace(centred, **given)),
            binning_x=0,
            binning_y=0,
            roi=message_type(REGION_OF_INTEREST)(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
        )
        self.write_message(topic, stamp_ns, message)

    def write_static_transform(
        self,
        stamp_ns: int,
        parent: str,
        child: str,
        translation_xyz: tuple[float, float, float] = (0.0, 0.0, 0.0),
        quaternion_xyzw: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0),
        topic: str = '/tf_static',
    ) -> None:
        """Write a fixed transform (metres, unit quaternion), latched as tf2 expects it."""
        x, y, z = map(float, translation_xyz)
        qx, qy, qz, qw = map(float, quaternion_xyzw)
        transform = message_type('geometry_msgs/msg/TransformStamped')(
            header=_header(stamp_ns, parent),
            child_frame_id=child,
            transform=message_type('geometry_msgs/msg/Transform')(
                translation=message_type('geometry_msgs/msg/Vector3')(x=x, y=y, z=z),
                rotation=message_type('geometry_msgs/msg/Quaternion')(x=qx, y=qy, z=qz, w=qw),
            ),
        )
        self.write_message(topic, stamp_ns, message_type(TF)(transforms=[transform]), latched=True)

    def write_string(self, topic: str, stamp_ns: int, text: str, latched: bool = False) -> None:
        """Write a std_msgs/String."""
        self.write_message(topic, stamp_ns, message_type(STRING)(data=text), latched)

    def write_message(self, topic: str, stamp_ns: int, message: Any, latched: bool = False) -> None:
        """Write a message object of :func:`typestore` at ``stamp_ns`` of the recording, or at that of :meth:`at`."""
        data = typestore().serialize_cdr(message, message.__msgtype__)
        self.write_raw(topic, message.__msgtype__, data, stamp_ns, latched)

    def write_raw(
        self, topic: str, msgtype: str, cdr: bytes | memoryview, stamp_ns: int, latched: bool = False
    ) -> None:
        """Write serialised bytes, as a raw subscription delivers them.

        Args:
            topic: resolved name with leading '/'.
            msgtype: for example 'sensor_msgs/msg/Image'; must be in :func:`typestore`.
        """
        if self._writer is None:
            raise ValueError('the bag is not open')
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._connections[topic] = self._writer.add_connection(
                topic, msgtype, typestore=typestore(), offered_qos_profiles=[LATCHED] if latched else []
            )
        try:
            self._writer.write(connection, stamp_ns if self._time_ns is None else self._time_ns, cdr)
        except OSError as error:
            raise FamdaError(f"cannot write the bag '{self.path}' ({error.strerror}); is the disk full?") from error

    def _write_array(self, topic: str, stamp_ns: int, frame_id: str, array: np.ndarray, encoding: str) -> None:
        array = check_layout(array, encoding)
        message = message_type(IMAGE)(
            header=_header(stamp_ns, frame_id),
            height=array.shape[0],
            width=array.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=array.strides[0],
            data=array.reshape(-1).view(np.uint8),
        )
        self.write_message(topic, stamp_ns, message)
