# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings of every kind, with pictures that are sharp, bright and each of its own view."""
from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from famda_ros.messages.bag_types import CAMERA_INFO, IMAGE, typestore
from famda_ros.messages.bag_writer import BagWriter

WIDTH, HEIGHT, FOCAL = 64, 48, 70.0
TOPIC, INFO_TOPIC = '/cam/image', '/cam/camera_info'
STEP_NS = 200_000_000
FRAMES = 8


def picture(number: int) -> np.ndarray:
    """Return uint8 [H, W, 3]: coarse noise, other for every number."""
    coarse = np.random.default_rng(number).integers(0, 256, (HEIGHT // 4, WIDTH // 4, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(4, axis=0).repeat(4, axis=1))


def stamp_of(number: int) -> int:
    """Return a stamp in nanoseconds."""
    return 10**9 + number * STEP_NS


def write_mcap(path: Path, frames: int = FRAMES, pictures=picture, first: int = 0) -> Path:
    """Write an MCAP bag of raw images and calibration."""
    with BagWriter(path) as bag:
        for number in range(first, first + frames):
            bag.write_image(TOPIC, stamp_of(number), 'cam', pictures(number))
            bag.write_camera_info(INFO_TOPIC, stamp_of(number), 'cam', WIDTH, HEIGHT, FOCAL)
    return path


def _ros2_messages(path: Path, frames: int):
    """Yield (topic, kind, stamp, CDR bytes) of a bag written for it."""
    from famda_ros.messages.bag_reader import read_raw

    source = write_mcap(path.with_name(f'.{path.name}.source'), frames)
    for topic, kind, time_ns, data in read_raw(source, [TOPIC, INFO_TOPIC]):
        yield topic, kind, time_ns, bytes(data)


def write_rosbag2(
    path: Path, plugin=StoragePlugin.SQLITE3, mode: CompressionMode | None = None, frames: int = FRAMES
) -> Path:
    """Write a rosbag2 folder with another storage or compressed."""
    writer = Writer(path, version=9, storage_plugin=plugin)
    if mode is not None:
        writer.set_compression(mode, CompressionFormat.ZSTD)
    connections = {}
    with writer as bag:
        for topic, kind, time_ns, data in _ros2_messages(path, frames):
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, kind, typestore=typestore())
            bag.write(connections[topic], time_ns, data)
    return path


def write_split(path: Path) -> Path:
    """Write a bag in two files, as rosbag2 splits long recordings."""
    half = FRAMES // 2
    path.mkdir()
    for index, first in enumerate((0, half)):
        part = write_mcap(path.with_name(f'.{path.name}.part{index}'), half, first=first)
        (part / f'{part.name}.mcap').rename(path / f'{path.name}_{index}.mcap')
    text = (part / 'metadata.yaml').read_text()
    text = text.replace(f'{part.name}.mcap', f'{path.name}_1.mcap').replace(
        f'  - {path.name}_1.mcap', f'  - {path.name}_0.mcap\n  - {path.name}_1.mcap', 1
    )
    text = text.replace(f'message_count: {FRAMES}', f'message_count: {2 * FRAMES}', 1)
    text = text.replace(f'message_count: {half}', f'message_count: {FRAMES}')
    (path / 'metadata.yaml').write_text(text)
    return path


def write_foreign_mcap(path: Path, name: str = 'sensor_msgs/Image', compression=CompressionType.ZSTD) -> Path:
    """Write an MCAP file whose recorder leaves 'msg' out of the names of types."""
    with path.open('wb') as file:
        writer = McapWriter(file, chunk_size=2 * 3 * WIDTH * HEIGHT, compression=compression)
        writer.start(profile='ros2', library='another')
        definition = typestore().generate_msgdef(IMAGE, ros_version=2)[0].encode()
        channel = writer.register_channel(TOPIC, 'cdr', writer.register_schema(name, 'ros2msg', definition))
        for topic, _, time_ns, data in _ros2_messages(path, FRAMES):
            if topic == TOPIC:
                writer.add_message(channel, time_ns, data, time_ns)
        writer.finish()
    return path


def _ros1_messages():
    """Yield (topic, kind, stamp, message of ROS 1)."""
    types = get_typestore(Stores.ROS1_NOETIC).types
    time, header = types['builtin_interfaces/msg/Time'], types['std_msgs/msg/Header']
    k = np.array([FOCAL, 0, WIDTH / 2, 0, FOCAL, HEIGHT / 2, 0, 0, 1], float)
    p = np.array([FOCAL, 0, WIDTH / 2, 0, 0, FOCAL, HEIGHT / 2, 0, 0, 0, 1, 0], float)
    roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    for number in range(FRAMES):
        stamp = stamp_of(number)
        head = header(number, time(stamp // 10**9, stamp % 10**9), 'cam')
        info = types[CAMERA_INFO](
            head, HEIGHT, WIDTH, 'plumb_bob', np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, roi
        )  # fmt: skip
        yield INFO_TOPIC, CAMERA_INFO, stamp, info
        data = picture(number).ravel()
        yield TOPIC, IMAGE, stamp, types[IMAGE](head, HEIGHT, WIDTH, 'rgb8', 0, 3 * WIDTH, data)


def write_ros1_bag(path: Path, compression=None) -> Path:
    """Write a bag of ROS 1."""
    store = get_typestore(Stores.ROS1_NOETIC)
    writer = Ros1Writer(path)
    if compression is not None:
        writer.set_compression(compression)
    connections = {}
    with writer as bag:
        for topic, kind, stamp, message in _ros1_messages():
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, kind, typestore=store)
            bag.write(connections[topic], stamp, store.serialize_ros1(message, kind))
    return path


def write_ros1_mcap(path: Path) -> Path:
    """Write an MCAP file of ROS 1, as bags of ROS 1 are converted to."""
    store, channels = get_typestore(Stores.ROS1_NOETIC), {}
    with path.open('wb') as file:
        writer = McapWriter(file, chunk_size=2 * 3 * WIDTH * HEIGHT)
        writer.start(profile='ros1', library='another')
        for topic, kind, stamp, message in _ros1_messages():
            if topic not in channels:
                definition = store.generate_msgdef(kind)[0].encode()
                schema = writer.register_schema(kind.replace('/msg/', '/'), 'ros1msg', definition)
                channels[topic] = writer.register_channel(topic, 'ros1', schema)
            writer.add_message(channels[topic], stamp, bytes(store.serialize_ros1(message, kind)), stamp)
        writer.finish()
    return path


def write_compressed(path: Path, suffix: str = '.jpg', format: str = 'jpeg') -> Path:
    """Write a bag of images that a driver compressed."""
    with BagWriter(path) as bag:
        for number in range(FRAMES):
            bag.write_compressed_bytes(f'{TOPIC}/compressed', stamp_of(number), 'cam', encoded(number, suffix), format)
            bag.write_camera_info(INFO_TOPIC, stamp_of(number), 'cam', WIDTH, HEIGHT, FOCAL)
    return path


def encoded(number: int, suffix: str = '.jpg') -> bytes:
    """Return a picture as a file."""
    return cv2.imencode(suffix, cv2.cvtColor(picture(number), cv2.COLOR_RGB2BGR))[1].tobytes()


def write_video(path: Path, frames: int = FRAMES, codec: str = 'FFV1') -> Path:
    """Write a video at 5 frames a second; FFV1 is lossless."""
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), 5, (WIDTH, HEIGHT))
    for number in range(frames):
        video.write(cv2.cvtColor(picture(number), cv2.COLOR_RGB2BGR))
    video.release()
    return path


def write_pictures(path: Path) -> Path:
    """Write a folder of pictures."""
    path.mkdir()
    for number in range(FRAMES):
        (path / f'{number:03d}.png').write_bytes(encoded(number, '.png'))
    return path


BZ2, LZ4 = Ros1Writer.CompressionFormat.BZ2, Ros1Writer.CompressionFormat.LZ4
KINDS = {
    'mcap': (write_mcap, True),
    'sqlite3': (write_rosbag2, True),
    'split': (write_split, True),
    'file packed': (functools.partial(write_rosbag2, mode=CompressionMode.FILE), True),
    'messages packed': (functools.partial(write_rosbag2, mode=CompressionMode.MESSAGE), True),
    'chunks packed': (functools.partial(write_rosbag2, plugin=StoragePlugin.MCAP, mode=CompressionMode.STORAGE), True),
    'file packed, mcap': (functools.partial(write_rosbag2, plugin=StoragePlugin.MCAP, mode=CompressionMode.FILE), True),
    'foreign.mcap': (write_foreign_mcap, False),
    'lz4.mcap': (functools.partial(write_foreign_mcap, compression=CompressionType.LZ4), False),
    'ros1.bag': (write_ros1_bag, True),
    'bz2.bag': (functools.partial(write_ros1_bag, compression=BZ2), True),
    'lz4.bag': (functools.partial(write_ros1_bag, compression=LZ4), True),
    'ros1.mcap': (write_ros1_mcap, True),
    'png': (functools.partial(write_compressed, suffix='.png', format='rgb8; png compressed bgr8'), True),
    'video.mkv': (write_video, False),
    'pictures': (write_pictures, False),
}
"""Name → (what writes a recording of this kind at a path, whether it says the focal length)."""
