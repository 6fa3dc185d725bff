# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings (rosbag2) read and written without a ROS installation."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from famda_ros.errors import FamdaError
from famda_ros.messages.camera_info import focal_of, info_topic_of
from famda_ros.messages.image_messages import (
    MalformedImage,
    check_layout,
    compressed_to_rgb,
    encode_image,
    image_to_rgb,
)

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
STRING = 'std_msgs/msg/String'
TF = 'tf2_msgs/msg/TFMessage'
DISTORTION_MODEL = 'plumb_bob'

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


@cache
def typestore():
    """Return the message types that bags are written with (ROS 2 Kilted)."""
    return get_typestore(Stores.ROS2_KILTED)


def _type(name: str):
    return typestore().types[name]


def _time(stamp_ns: int):
    return _type('builtin_interfaces/msg/Time')(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


def _header(stamp_ns: int, frame_id: str):
    return _type('std_msgs/msg/Header')(stamp=_time(stamp_ns), frame_id=frame_id)


def stamp_ns_of(header: Any) -> int:
    """Return a header's stamp in nanoseconds."""
    return header.stamp.sec * 10**9 + header.stamp.nanosec


class BagWriter:
    """Write an MCAP bag; use as a context manager.

    The bag appears under its name when it is complete.  Until then, and after an
    error, there is at most a hidden folder beside it.
    """

    def __init__(self, path: str | Path, custom_data: dict[str, str] | None = None):
        """Prepare a bag.

        Args:
            path: folder of the bag; must not exist, or be empty.
            custom_data: written into the bag's metadata.yaml.

        Raises:
            FamdaError: ``path`` exists and is not an empty folder.
        """
        self.path = Path(os.path.abspath(path))
        if self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise FamdaError(f"'{path}' exists already; remove it or choose another name for the bag")
        # The data file carries the folder's name and metadata.yaml names the data file.  So the bag is
        # written under its own name inside a temporary folder, and moved out as a whole.
        self._temporary = self.path.with_name(f'.{self.path.name}.{os.getpid()}.tmp')
        self._custom_data = dict(custom_data or {})
        self._connections: dict[str, Any] = {}
        self._writer: Writer | None = None

    def __enter__(self) -> BagWriter:
        try:
            self._temporary.mkdir(parents=True)
            self._writer = Writer(self._temporary / self.path.name, version=9, storage_plugin=StoragePlugin.MCAP)
            for key, value in self._custom_data.items():
                self._writer.set_custom_data(key, str(value))
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

    def write_image(self, topic: str, stamp_ns: int, frame_id: str, rgb: np.ndarray) -> None:
        """Write uint8 [H, W, 3] RGB as an rgb8 image."""
        self._write_array(topic, stamp_ns, frame_id, rgb, 'rgb8')

    def write_mono8(self, topic: str, stamp_ns: int, frame_id: str, array: np.ndarray) -> None:
        """Write uint8 [H, W] as a mono8 image."""
        self._write_array(topic, stamp_ns, frame_id, array, 'mono8')

    def write_depth(self, topic: str, stamp_ns: int, frame_id: str, depth: np.ndarray) -> None:
        """Write float32 [H, W] metres as a 32FC1 image (NaN = unknown, +inf = beyond range)."""
        self._write_array(topic, stamp_ns, frame_id, depth, '32FC1')

    def write_compressed_image(
        self, topic: str, stamp_ns: int, frame_id: str, rgb: np.ndarray, quality: int = 95
    ) -> None:
        """Write uint8 [H, W, 3] RGB as a JPEG of ``quality`` 0..100."""
        self.write_compressed_bytes(topic, stamp_ns, frame_id, encode_image(rgb, '.jpg', quality), 'jpeg')

    def write_compressed_bytes(self, topic: str, stamp_ns: int, frame_id: str, data: bytes, format: str) -> None:
        """Write an image file's bytes as they are; ``format`` is 'jpeg' or 'png'."""
        message = _type(COMPRESSED_IMAGE)(
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
        fy = fx if fy is None else fy
        cx = (width - 1) / 2 if cx is None else cx
        cy = (height - 1) / 2 if cy is None else cy
        message = _type(CAMERA_INFO)(
            header=_header(stamp_ns, frame_id),
            height=height,
            width=width,
            distortion_model=DISTORTION_MODEL,
            d=np.zeros(5),
            k=np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1], np.float64),
            r=np.eye(3).reshape(-1),
            p=np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64),
            binning_x=0,
            binning_y=0,
            roi=_type('sensor_msgs/msg/RegionOfInterest')(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
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
        transform = _type('geometry_msgs/msg/TransformStamped')(
            header=_header(stamp_ns, parent),
            child_frame_id=child,
            transform=_type('geometry_msgs/msg/Transform')(
                translation=_type('geometry_msgs/msg/Vector3')(x=x, y=y, z=z),
                rotation=_type('geometry_msgs/msg/Quaternion')(x=qx, y=qy, z=qz, w=qw),
            ),
        )
        self.write_message(topic, stamp_ns, _type(TF)(transforms=[transform]), latched=True)

    def write_string(self, topic: str, stamp_ns: int, text: str, latched: bool = False) -> None:
        """Write a std_msgs/String."""
        self.write_message(topic, stamp_ns, _type(STRING)(data=text), latched)

    def write_message(self, topic: str, stamp_ns: int, message: Any, latched: bool = False) -> None:
        """Write a message object of :func:`typestore`, stamped ``stamp_ns`` in the bag."""
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
            self._writer.write(connection, stamp_ns, cdr)
        except OSError as error:
            raise FamdaError(f"cannot write the bag '{self.path}' ({error.strerror}); is the disk full?") from error

    def _write_array(self, topic: str, stamp_ns: int, frame_id: str, array: np.ndarray, encoding: str) -> None:
        array = check_layout(array, encoding)
        message = _type(IMAGE)(
            header=_header(stamp_ns, frame_id),
            height=array.shape[0],
            width=array.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=array.strides[0],
            data=array.reshape(-1).view(np.uint8),
        )
        self.write_message(topic, stamp_ns, message)


@dataclass(frozen=True)
class BagFrame:
    """One camera image of a bag.

    Attributes:
        stamp_ns: header stamp, nanoseconds.
        frame_id: header frame_id.
        topic: image topic.
        image: uint8 [H, W, 3] RGB.
        focal: fx in pixels at the image's size; None = the bag does not say.
        fy: vertical focal length in pixels at the image's size; None = square pixels, fy is fx.
        camera_info: the CameraInfo message that holds for the frame, or None.
        encoded: the image file's bytes where the topic is compressed, else None.
        format: format string of the compressed image, '' for raw ones.
    """

    stamp_ns: int
    frame_id: str
    topic: str
    image: np.ndarray
    focal: float | None
    camera_info: Any = None
    encoded: bytes | None = None
    format: str = ''
    fy: float | None = None


@contextlib.contextmanager
def open_bag(path: str | Path):
    """Open a bag folder, an .mcap or a .db3 file (ROS 1 .bag too) as a rosbags ``AnyReader``.

    Raises:
        FamdaError: it is missing, no bag, or damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FamdaError(f"the bag '{path}' does not exist; check the path")
    if path.is_dir() and not (path / 'metadata.yaml').is_file():
        raise FamdaError(
            f"'{path}' is no bag: it has no metadata.yaml; give the bag's folder or its .mcap file, "
            "or run 'ros2 bag reindex' on a recording that was cut short"
        )
    reader = None
    try:
        reader = AnyReader([path], default_typestore=typestore())
        reader.open()
    except Exception as error:  # a damaged file can raise anything in a parser that is not ours
        raise _damaged(path, error) from error
    try:
        yield reader
    finally:
        reader.close()


def _damaged(path: str | Path, error: Exception) -> FamdaError:
    detail = str(error).strip().rstrip('.') or type(error).__name__
    return FamdaError(f"the bag '{path}' cannot be read ({detail}); it is damaged or was cut short: record it again")


def read_messages(path: str | Path, topics: Iterable[str] | None = None) -> Iterator[tuple[str, str, int, Any]]:
    """Yield (topic, message type, time in the bag in ns, message) in the order of recording.

    Args:
        path: bag folder or file.
        topics: only these; None = all.  Topics whose type is not known are left out.

    Raises:
        FamdaError: the bag is missing or damaged.
    """
    wanted = None if topics is None else set(topics)
    with open_bag(path) as reader:
        connections = [
            c
            for c in reader.connections
            if c.msgtype in reader.typestore.types and (wanted is None or c.topic in wanted)
        ]
        yield from _read(path, reader, connections)


def _read(path, reader, connections) -> Iterator[tuple[str, str, int, Any]]:
    if not connections:
        return
    messages = reader.messages(connections=connections)
    while True:
        try:
            connection, time_ns, data = next(messages)
            message = reader.deserialize(data, connection.msgtype)
        except StopIteration:
            return
        except Exception as error:  # see open_bag
            raise _damaged(path, error) from error
        yield connection.topic, connection.msgtype, time_ns, message


def read_raw(path: str | Path, topics: Iterable[str]) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield (topic, message type, time in the bag in ns, CDR bytes) in the order of recording.

    Raises:
        FamdaError: the bag is missing, damaged, or a ROS 1 bag.
    """
    wanted = set(topics)
    with open_bag(path) as reader:
        if not reader.is2:
            raise FamdaError(f"'{path}' is a ROS 1 bag; convert it with 'rosbags-convert'")
        connections = [c for c in reader.connections if c.topic in wanted]
        messages = reader.messages(connections=connections) if connections else iter(())
        while True:
            try:
                connection, time_ns, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # see open_bag
                raise _damaged(path, error) from error
            yield connection.topic, connection.msgtype, time_ns, data


def topics_of(path: str | Path) -> dict[str, tuple[str, int]]:
    """Return {topic: (message type, number of messages)} of a bag."""
    with open_bag(path) as reader:
        return {c.topic: (c.msgtype, c.msgcount) for c in reader.connections}


def choose_image_topic(path: str | Path, topics: dict[str, tuple[str, int]], wanted: str | None = None) -> str:
    """Return the image topic to read from a bag with ``topics`` (see :func:`topics_of`).

    Raises:
        FamdaError: ``wanted`` is not an image topic of the bag, or it is None and the
            bag has no image topic, or more than one.
    """
    images = [t for t, (kind, count) in topics.items() if kind in (IMAGE, COMPRESSED_IMAGE) and (count or t == wanted)]
    listed = ', '.join(sorted(images))
    if wanted is not None:
        if wanted not in images:
            has = f'it has {listed}' if images else f'it has {", ".join(sorted(topics)) or "no topics at all"}'
            raise FamdaError(f"the bag '{path}' has no image topic '{wanted}'; {has}")
        return wanted
    if not images:
        has = ', '.join(sorted(topics)) or 'nothing'
        raise FamdaError(f"the bag '{path}' holds no images (its topics: {has}); record a camera topic")
    if len(images) > 1:
        raise FamdaError(f"the bag '{path}' has {len(images)} image topics ({listed}); choose one of them")
    return images[0]


def count_frames(paths: str | Path | Iterable[str | Path], image_topic: str | None = None) -> int:
    """Return how many frames :func:`iter_frames` will find; reads only the index."""
    total = 0
    for path in _as_list(paths):
        topics = topics_of(path)
        total += topics[choose_image_topic(path, topics, image_topic)][1]
    return total


def iter_frames(
    paths: str | Path | Iterable[str | Path],
    image_topic: str | None = None,
    on_malformed: Callable[[MalformedImage], None] | None = None,
) -> Iterator[BagFrame]:
    """Yield the camera images of bags, one bag after the other.

    Args:
        paths: a bag (folder, .mcap, .db3) or several.
        image_topic: topic of raw or compressed images; None = the only one of each bag.
        on_malformed: called for images that cannot be read, which are then left out;
            None = such an image raises.

    Raises:
        FamdaError: a bag is missing, damaged, without images, or has several image
            topics and ``image_topic`` is None.
    """
    for path in _as_list(paths):
        yield from _frames_of_bag(path, image_topic, on_malformed)


def _frames_of_bag(path, image_topic, on_malformed) -> Iterator[BagFrame]:
    topics = topics_of(path)
    topic = choose_image_topic(path, topics, image_topic)
    info_topic = info_topic_of(topic)
    info, wanted = None, [topic]
    if topics.get(info_topic, ('', 0))[0] == CAMERA_INFO:
        wanted.append(info_topic)
        # A driver often publishes the image first: let the first frames have the first calibration.
        info = next((message for *_, message in read_messages(path, [info_topic])), None)
    for name, kind, _, message in read_messages(path, wanted):
        if name == info_topic:
            info = message
            continue
        try:
            yield _frame(topic, kind, message, info)
        except MalformedImage as error:
            fault = MalformedImage(f"'{path}', topic {topic}, stamp {stamp_ns_of(message.header)}: {error}")
            if on_malformed is None:
                raise fault from error
            on_malformed(fault)


def _frame(topic: str, kind: str, message: Any, info: Any) -> BagFrame:
    compressed = kind == COMPRESSED_IMAGE
    image = compressed_to_rgb(message) if compressed else image_to_rgb(message)
    fx, fy = focal_of(info, image.shape[1], image.shape[0]) or (None, None)
    return BagFrame(
        stamp_ns=stamp_ns_of(message.header),
        frame_id=message.header.frame_id,
        topic=topic,
        image=image,
        focal=fx,
        fy=fy,
        camera_info=info,
        encoded=message.data.tobytes() if compressed else None,
        format=message.format if compressed else '',
    )


def custom_data(path: str | Path) -> dict[str, str]:
    """Return the custom data of a bag folder's metadata.yaml; {} where there is none."""
    try:
        metadata = yaml.safe_load((Path(path) / 'metadata.yaml').read_text())
        return dict(metadata['rosbag2_bagfile_information'].get('custom_data') or {})
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _as_list(paths) -> list[str | Path]:
    return [paths] if isinstance(paths, (str, Path)) else list(paths)
