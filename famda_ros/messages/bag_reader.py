# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings (rosbag2 and ROS 1) read without a ROS installation."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rosbags.highlevel import AnyReader

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_types import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    full_type_name,
    ros2_camera_info,
    stamp_ns_of,
    typestore,
)
from famda_ros.messages.camera_info import changed_fault, focal_of, info_topic_of, unusable_because
from famda_ros.messages.cut_mcap import CutRecording, NoMcapError, whole_part
from famda_ros.messages.exif import turned_fault
from famda_ros.messages.image_messages import MalformedImage, compressed_to_rgb, faint_fault, image_to_rgb
from famda_ros.messages.mcap_records import has_no_end

STORAGE_SUFFIXES = ('.mcap', '.db3')


@dataclass(frozen=True)
class BagFrame:
    """One camera image of a bag.

    Attributes:
        stamp_ns: header stamp, nanoseconds.
        time_ns: when it was recorded, nanoseconds; a camera's clock may be another than the recorder's.
        frame_id: header frame_id.
        topic: image topic.
        image: uint8 [H, W, 3] RGB.
        focal: fx in pixels at the image's size; None = the bag does not say.
        fy: vertical focal length in pixels at the image's size; None = square pixels, fy is fx.
        name: what files about the frame are called: its number among the topic's images, and its stamp.
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
    time_ns: int | None = None
    name: str = ''


OnLoss = Callable[[str], object]
"""Called with a sentence about what is missing in a recording, or wrong with all of its images; it is read even so."""


def warn(sentence: str) -> None:
    """Log a warning; without a configured log it goes to stderr."""
    logging.getLogger(__name__).warning(sentence)


@contextlib.contextmanager
def open_bag(path: str | Path, on_loss: OnLoss = warn):
    """Open a bag folder, an .mcap or a .db3 file (ROS 1 .bag too) as a rosbags ``AnyReader``.

    An MCAP file that a killed recorder or an unfinished copy left without an end is read as far as it is whole; so is
    a folder without ``metadata.yaml``.

    Args:
        path: bag folder or file.
        on_loss: called with a sentence about each file that is read in part.

    Raises:
        FamdaError: it is missing, no bag, holds no message that can be read, or is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FamdaError(f"the bag '{path}' does not exist; check the path")
    if path.name.endswith('.zstd'):
        raise FamdaError(f"'{path}' is a compressed file of a bag; give the bag's folder, or unpack it: zstd -d {path}")
    if path.name.endswith('.bag.active'):
        raise FamdaError(f"'{path}' was left by a recorder that was killed; make its index with: rosbag reindex {path}")
    check_written_out(path)
    reader = None
    try:
        reader = AnyReader(_files(path, on_loss), default_typestore=typestore())
        reader.open()
        check_connections(reader)
    except FamdaError:
        raise
    except Exception as error:  # a damaged file can raise anything in a parser that is not ours
        raise _damaged(path, error) from error
    try:
        yield reader
    finally:
        with contextlib.suppress(Exception):  # of a damaged file
            reader.close()


def _files(path: Path, on_loss: OnLoss) -> list[Any]:
    """Return what a reader is to open: the bag as it is where it is whole, else its files as far as they are.

    Raises:
        FamdaError: there is no file, or no message in any.
    """
    has_metadata = path.is_file() or (path / 'metadata.yaml').is_file()
    files = recordings_in(path) if path.is_dir() else [path]
    cut = [file for file in files if file.suffix == '.mcap' and has_no_end(file)]
    if has_metadata and not cut:
        return [path]
    if not files:
        packed = next(iter(sorted(path.glob('*.zstd'))), None)
        cure = f'unpack its files: zstd -d {packed}' if packed else "give the bag's folder or its .mcap file"
        raise FamdaError(f"'{path}' is no bag: it has no metadata.yaml; {cure}")
    if not has_metadata:
        on_loss(
            f"'{path}' has no metadata.yaml, as a recorder that was killed leaves it; its files are read as one "
            f"recording: {', '.join(file.name for file in files)} (ros2 bag reindex {path})"
        )
    elif path.is_dir() and (packed_by := _metadata(path).get('compression_mode')) not in (None, '', 'NONE', 'none'):
        raise FamdaError(
            f"'{cut[0]}' is cut off and its bag is compressed by {str(packed_by).lower()}, which cannot be read in "
            f'part; bring back what is whole: {_recover(cut[0])}'
        )
    counted = _metadata(path).get('message_count') if len(files) == 1 else None
    opened = [_opened(file, counted, on_loss) if file in cut else file for file in files]
    if not any(opened):
        raise FamdaError(f"'{path}' holds no message that is whole: its recorder was killed before it wrote one")
    return [file for file in opened if file]


def _opened(file: Path, counted: Any, on_loss: OnLoss) -> CutRecording | None:
    """Return the whole part of a file without an end; None = there is no message in it."""
    try:
        part = whole_part(file)
    except NoMcapError:
        raise FamdaError(f"'{file}' is no MCAP file: it does not begin as one; check where it comes from") from None
    if part.is_all:
        on_loss(f"'{file}' has no index, as a recorder that was killed leaves it; all its messages are read")
    elif part.messages:
        of = f' of {counted}' if isinstance(counted, int) and counted > part.messages else ''
        on_loss(
            f"'{file}' is cut off, as a recorder that was killed or an unfinished copy leaves it: {part.messages}{of} "
            f'messages up to {part.last_ns / 1e9:.3f} s are read, and what came after is lost; if it is whole '
            f'elsewhere, copy it again, or make a whole file of what there is: {_recover(file)}'
        )
    else:
        on_loss(f"'{file}' holds no message that is whole: its recorder was killed before it wrote one")
    return CutRecording(file, part) if part.messages else None


def _recover(file: Path) -> str:
    return f'mcap recover {file} -o {file.with_name(f"{file.stem}_recovered.mcap")}'


def _metadata(path: Path) -> dict[str, Any]:
    """Return what a bag folder's metadata.yaml says; {} where there is none, or it cannot be read."""
    try:
        return dict(yaml.safe_load((path / 'metadata.yaml').read_text())['rosbag2_bagfile_information'])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return {}


def check_written_out(path: Path) -> None:
    """Refuse an SQLite3 recording whose last messages lie in a side file, which readers of bags leave out.

    Raises:
        FamdaError: a recorder was killed and has left a journal.
    """
    folder = path if path.is_dir() else path.parent
    for side in sorted(part for part in folder.iterdir() if part.name.endswith(('.db3-wal', '.db3-journal'))):
        file = side.with_name(side.name.rpartition('-')[0])
        if side.stat().st_size and (path.is_dir() or file == path):
            raise FamdaError(
                f"'{file}' was left by a recorder that was killed, with messages in '{side.name}' that would be lost; "
                f"bring them in with: sqlite3 {file} 'PRAGMA journal_mode=DELETE; VACUUM;'"
            )


def check_connections(reader: AnyReader) -> None:
    """Raise ValueError where topics, types or counts of a bag's metadata are not what they must be."""
    for connection in reader.connections:
        names = isinstance(connection.topic, str) and isinstance(connection.msgtype, str)
        count = connection.msgcount
        if not names or not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ValueError(f'its metadata names the topic {connection.topic!r} with {count!r} messages')


def recordings_in(folder: Path) -> list[Path]:
    """Return the files of a bag's storage in a folder, in their order."""
    return sorted(path for path in folder.iterdir() if path.suffix in STORAGE_SUFFIXES)


def _damaged(path: str | Path, error: Exception) -> FamdaError:
    detail = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip('.')
    folder = Path(path)
    files = recordings_in(folder) if folder.is_dir() else [folder]
    file = next((file for file in files if str(file) in str(error)), files[0] if files else folder)
    if 'profile' in detail.lower():
        cure = 'it was not recorded by ROS 2; convert the bag that it was made of with: rosbags-convert'
    elif 'files are missing' in detail:
        cure = f'copy the missing files, or make its metadata.yaml anew: ros2 bag reindex {path}'
    elif 'metadata' in detail.lower() or isinstance(error, UnicodeDecodeError):
        cure = f'make its metadata.yaml anew: ros2 bag reindex {path}'
    elif file.suffix == '.mcap':
        cure = f'bring back what is whole: {_recover(file)}'
    elif file.suffix == '.db3':
        whole = file.with_name(f'{file.stem}_recovered.db3')
        cure = f"bring back what is whole: sqlite3 {file} .recover | sqlite3 {whole}"
    elif file.suffix == '.bag':
        cure = f'if it was cut short, make its index anew: rosbag reindex {file}'
    else:
        cure = 'check that it is a bag, and that it was copied whole'
    return FamdaError(f"the bag '{path}' cannot be read ({detail}); {cure}")


def read_messages(
    path: str | Path,
    topics: Iterable[str] | None = None,
    on_loss: OnLoss = warn,
    on_damaged: Callable[[str, FamdaError], None] | None = None,
) -> Iterator[tuple[str, str, int, Any]]:
    """Yield (topic, message type, time in the bag in ns, message) in the order of recording.

    Args:
        path: bag folder or file.
        topics: only these; None = all.  Topics whose type is not known are left out.
        on_loss: see :func:`open_bag`.
        on_damaged: called with (topic, why) for messages that are not of their type, which are then left out; None =
            such a message raises.

    Raises:
        FamdaError: the bag is missing or damaged, or a message is.
    """
    wanted = None if topics is None else set(topics)
    with open_bag(path, on_loss) as reader:
        connections = [
            c
            for c in reader.connections
            if full_type_name(c.msgtype) in reader.typestore.types and (wanted is None or c.topic in wanted)
        ]
        yield from _read(path, reader, connections, on_damaged)


def _messages(path, reader, connections) -> Iterator[tuple[Any, int, bytes]]:
    """Yield (connection, time in the bag in ns, bytes); a bag that cannot be read on is named."""
    messages = reader.messages(connections=connections) if connections else iter(())
    while True:
        try:
            yield next(messages)
        except StopIteration:
            return
        except Exception as error:  # see open_bag
            raise _damaged(path, error) from error


def _read(path, reader, connections, on_damaged) -> Iterator[tuple[str, str, int, Any]]:
    for connection, time_ns, data in _messages(path, reader, connections):
        kind = full_type_name(connection.msgtype)
        try:
            message = reader.deserialize(data, kind)
            if not reader.is2 and kind == CAMERA_INFO:
                message = ros2_camera_info(message)
        except Exception as error:  # bytes that are no such message can raise anything, too
            what = f"'{path}', topic {connection.topic}, recorded at {time_ns / 1e9:.9f} s: damaged, it is no {kind}"
            if on_damaged is None:
                raise FamdaError(f'{what}; leave that topic out, or copy the bag again') from error
            on_damaged(connection.topic, FamdaError(what))
            continue
        yield connection.topic, kind, time_ns, message


def read_raw(path: str | Path, topics: Iterable[str], on_loss: OnLoss = warn) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield (topic, message type, time in the bag in ns, CDR bytes) in the order of recording.

    Args:
        path: bag folder or file.
        topics: only these.
        on_loss: see :func:`open_bag`.

    Raises:
        FamdaError: the bag is missing, damaged, or a ROS 1 bag.
    """
    wanted = set(topics)
    with open_bag(path, on_loss) as reader:
        if not reader.is2:
            raise FamdaError(f"'{path}' is a ROS 1 bag; convert it with 'rosbags-convert'")
        connections = [c for c in reader.connections if c.topic in wanted]
        for connection, time_ns, data in _messages(path, reader, connections):
            yield connection.topic, full_type_name(connection.msgtype), time_ns, data


def topics_of(path: str | Path) -> dict[str, tuple[str, int]]:
    """Return {topic: (message type, number of messages)} of a bag; several publishers of a topic are added up.

    Counts what can be read; losses of a file that is cut off are reported where its messages are read.
    """
    topics: dict[str, tuple[str, int]] = {}
    with open_bag(path, _silent) as reader:
        for connection in reader.connections:
            _, before = topics.get(connection.topic, ('', 0))
            topics[connection.topic] = full_type_name(connection.msgtype), before + connection.msgcount
    return topics


def _silent(_sentence: str) -> None:
    """Report nothing: losses are reported where the messages are read."""


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
        raise FamdaError(_without_images(path, topics))
    if len(images) > 1:
        example = f'--topic {sorted(images)[0]}'
        raise FamdaError(f"the bag '{path}' has {len(images)} image topics ({listed}); choose one, such as {example}")
    return images[0]


def _without_images(path: str | Path, topics: dict[str, tuple[str, int]]) -> str:
    """Return in one sentence what a bag without images is: empty, silent in its image topics, or of other things."""
    listed = ', '.join(sorted(topics))
    if not any(count for _, count in topics.values()):
        what = f'its topics {listed} hold no message' if topics else 'it has no topics'
        return f"the bag '{path}' is empty: {what}; record again while the camera sends images"
    silent = [topic for topic, (kind, count) in topics.items() if kind in (IMAGE, COMPRESSED_IMAGE) and not count]
    if silent:
        return (
            f"the bag '{path}' has no image on {', '.join(sorted(silent))}, as its camera sent none; record again "
            'while the camera sends images'
        )
    return f"the bag '{path}' holds no images (its topics: {listed}); record a camera topic"


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
    on_calibration: Callable[[str], None] = lambda sentence: None,
    on_loss: OnLoss = warn,
) -> Iterator[BagFrame]:
    """Yield the camera images of bags, one bag after the other.

    A calibration that cannot be used, or is not set, changes nothing: the last good one holds, as in the node.
    A recording that is cut off is read as far as it is whole.

    Args:
        paths: a bag (folder, .mcap, .db3) or several.
        image_topic: topic of raw or compressed images; None = the only one of each bag.
        on_malformed: called for images that cannot be read, which are then left out;
            None = such an image raises.
        on_calibration: called with a sentence about each calibration that cannot be used, or is another than before.
        on_loss: called with a sentence about each file that is cut off: how much of it is read.

    Raises:
        FamdaError: a bag is missing, damaged, without images, or has several image
            topics and ``image_topic`` is None.
    """
    for path in _as_list(paths):
        yield from _frames_of_bag(path, image_topic, on_malformed, on_calibration, on_loss)


def _frames_of_bag(path, image_topic, on_malformed, on_calibration, on_loss) -> Iterator[BagFrame]:
    topics = topics_of(path)
    topic = choose_image_topic(path, topics, image_topic)
    info_topic = info_topic_of(topic)
    damaged: list[FamdaError] = []

    def on_damaged(of: str, fault: FamdaError) -> None:
        if of == info_topic:
            on_calibration(str(fault))
        elif on_malformed is None:
            raise MalformedImage(str(fault))
        else:
            damaged.append(fault)
            on_malformed(MalformedImage(str(fault)))

    info, wanted = None, [topic]
    if topics.get(info_topic, ('', 0))[0] == CAMERA_INFO:
        wanted.append(info_topic)
        # A driver often publishes the image first: let the first frames have the first good calibration.
        infos = (info for *_, info in read_messages(path, [info_topic], _silent, lambda *_: None))
        info = next((info for info in infos if not unusable_because(info)), None)
    read, faint = 0, set()
    widths: float | None = None  # focal length of the image before, in widths of the image
    for name, kind, time_ns, message in read_messages(path, wanted, on_loss, on_damaged):
        if name == info_topic:
            if why := unusable_because(message):
                on_calibration(why)
            else:
                info = message
            continue
        read += 1
        try:
            frame = _frame(topic, kind, time_ns, message, info, read + len(damaged) - 1)
        except MalformedImage as error:
            fault = MalformedImage(f"'{path}', topic {topic}, stamp {stamp_ns_of(message.header)}: {error}")
            if on_malformed is None:
                raise fault from error
            on_malformed(fault)
            continue
        if read == 1 and (turned := turned_fault(frame.encoded or b'', f"'{path}', topic {topic}: its first image")):
            on_loss(turned)
        faint.add(faint_fault(message, frame.image))
        before, widths = widths, frame.focal and frame.focal / frame.image.shape[1]
        if changed := changed_fault(before, widths):
            on_calibration(changed)
        yield frame
    read += len(damaged)
    if not read and not topics[topic][1]:
        raise FamdaError(_without_images(path, topics))
    if len(faint) == 1 and (dark := faint.pop()):
        on_loss(f"'{path}', topic {topic}: {dark}")
    if read != topics[topic][1]:
        sentence = (
            f"'{path}', topic {topic}: its metadata counts {topics[topic][1]} images, and {read} were found; "
            'make its metadata.yaml anew: ros2 bag reindex'
        )
        if not read or on_malformed is None:
            raise FamdaError(sentence)
        on_malformed(MalformedImage(sentence))


def _frame(topic: str, kind: str, time_ns: int, message: Any, info: Any, number: int) -> BagFrame:
    compressed = kind == COMPRESSED_IMAGE
    image = compressed_to_rgb(message) if compressed else image_to_rgb(message)
    fx, fy = focal_of(info, image.shape[1], image.shape[0]) or (None, None)
    stamp = message.header.stamp
    return BagFrame(
        name=f'{number:06d}_{stamp.sec}.{stamp.nanosec:09d}',
        stamp_ns=stamp_ns_of(message.header),
        frame_id=message.header.frame_id,
        topic=topic,
        image=image,
        focal=fx,
        fy=fy,
        time_ns=time_ns,
        camera_info=info,
        encoded=message.data.tobytes() if compressed else None,
        format=message.format if compressed else '',
    )


def custom_data(path: str | Path) -> dict[str, str]:
    """Return the custom data of a bag folder's metadata.yaml; {} where there is none."""
    try:
        return dict(_metadata(Path(path)).get('custom_data') or {})
    except (TypeError, ValueError):
        return {}


def _as_list(paths) -> list[str | Path]:
    return [paths] if isinstance(paths, (str, Path)) else list(paths)
