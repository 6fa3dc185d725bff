# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings that :mod:`famda_ros.messages.bag_reader` refuses, part by part: whatever can be read of them is.

MCAP (ROS 2 and ROS 1), SQLite3 (with what a killed recorder left beside it) and ROS 1 bags (without an index, too),
each also packed by zstd.  What a file is, its content says, not its name.
"""
from __future__ import annotations

import bz2
import contextlib
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lz4.frame
from rosbags.typesys import Stores, get_typestore

from famda_ros.messages.bag_types import CAMERA_INFO, full_type_name, ros2_camera_info, typestore
from famda_ros.messages.mcap_records import (
    CHANNEL,
    CHUNK,
    DATA_END,
    MAGIC,
    MESSAGE,
    MESSAGE_HEAD,
    SCHEMA,
    channel_of,
    open_chunk,
    records_of,
    schema_of,
    zstd,
)

SQLITE_MAGIC, BAG_MAGIC = b'SQLite format 3\0', b'#ROSBAG V2.0\n'
ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
MISSES = 4096
"""So many rows in a row that cannot be read are taken for the end of a table."""
LARGEST_RECORD = 1 << 31
STORAGE = ('.mcap', '.db3', '.bag', '.active', '.zstd')


class RawMessage(NamedTuple):
    """A message as it is stored; ``ros1`` says by which rules."""

    topic: str
    msgtype: str
    time_ns: int
    data: bytes
    ros1: bool


class Damage:
    """What could not be read."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.parts, self.messages, self.is_cut = 0, 0, False

    def __str__(self) -> str:
        """Return it in words; '' = nothing."""
        counted = ((self.parts, 'damaged part'), (self.messages, 'damaged message'))
        lost = [f'{count} {name}{"s" * (count > 1)} left out' for count, name in counted if count]
        return ', '.join([*lost, *(['what came after the place where it is cut off or damaged is lost'] * self.is_cut)])


def salvage(path: Path, topics: set[str] | None, damage: Damage) -> Iterator[tuple[str, str, int, Any]]:
    """Yield (topic, message type, time in ns, message) of all that can be read of a file or a folder of them.

    Args:
        path: file, or folder with the files of a bag.
        topics: only these; None = all, with None for the message.
        damage: counts what cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix='famda-salvage-') as room:
        for file in _files(path):
            for raw in _raw_messages(file, damage, Path(room)):
                kind = full_type_name(raw.msgtype)
                if topics is None:
                    yield raw.topic, kind, raw.time_ns, None
                elif raw.topic in topics:
                    try:
                        yield raw.topic, kind, raw.time_ns, _deserialised(raw, kind)
                    except Exception:  # a parser that is not ours, on damaged bytes
                        damage.messages += 1


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.suffix in STORAGE) if path.is_dir() else [path]


def _deserialised(raw: RawMessage, kind: str) -> Any:
    data = zstd.decompress(raw.data) if raw.data.startswith(ZSTD_MAGIC) else raw.data
    if not raw.ros1:
        return typestore().deserialize_cdr(data, kind)
    message = get_typestore(Stores.ROS1_NOETIC).deserialize_ros1(data, kind)
    return ros2_camera_info(message) if kind == CAMERA_INFO else message


def _raw_messages(file: Path, damage: Damage, room: Path) -> Iterator[RawMessage]:
    with file.open('rb') as opened:
        head = opened.read(len(SQLITE_MAGIC))
    if head.startswith(MAGIC):
        yield from _of_mcap(file, damage)
    elif head.startswith(SQLITE_MAGIC):
        yield from _of_sqlite(file, damage, room)
    elif head.startswith(BAG_MAGIC):
        yield from _of_ros1_bag(file, damage)
    elif head.startswith(ZSTD_MAGIC):
        unpacked = room / file.stem
        _unpack(file, unpacked, damage)
        yield from _raw_messages(unpacked, damage, room)
        unpacked.unlink()
    else:
        damage.parts += 1


def _unpack(file: Path, out: Path, damage: Damage) -> None:
    """Unpack a zstd file as far as it goes."""
    decompressor = zstd.ZstdDecompressor()
    with file.open('rb') as packed, out.open('wb') as target:
        try:
            while block := packed.read(1 << 20):
                target.write(decompressor.decompress(block))
        except (zstd.ZstdError, EOFError):
            damage.is_cut = True
    damage.is_cut = damage.is_cut or not decompressor.eof


def _of_mcap(file: Path, damage: Damage) -> Iterator[RawMessage]:
    schemas: dict[int, str] = {}
    channels: dict[int, tuple[int, str, str]] = {}
    last = 0
    with file.open('rb') as opened:
        for record in records_of(opened):
            last = record.opcode if record.is_whole else 0
            try:
                inner = open_chunk(record).records if record.opcode == CHUNK else [(record.opcode, record.content)]
                found = list(_mcap_messages(inner, schemas, channels))
            except (ValueError, struct.error):
                damage.parts += record.is_whole  # what is cut off besides being damaged is told as that alone
                continue
            yield from sorted(found, key=lambda message: message.time_ns)
    damage.is_cut = damage.is_cut or last != DATA_END


def _mcap_messages(records: list[tuple[int, bytes]], schemas, channels) -> Iterator[RawMessage]:
    """Note schemas and channels, and yield messages.

    Raises:
        ValueError, struct.error: one of them is damaged.
    """
    for opcode, content in records:
        if opcode == SCHEMA:
            number, name = schema_of(content)
            schemas[number] = name
        elif opcode == CHANNEL:
            number, *channel = channel_of(content)
            channels[number] = tuple(channel)
        elif opcode == MESSAGE:
            number, _, time_ns, _ = MESSAGE_HEAD.unpack_from(content)
            if number in channels:
                schema, topic, encoding = channels[number]
                yield RawMessage(
                    topic, schemas.get(schema, ''), time_ns, content[MESSAGE_HEAD.size :], encoding == 'ros1'
                )


def _of_sqlite(file: Path, damage: Damage, room: Path) -> Iterator[RawMessage]:
    sides = [side for end in ('-wal', '-journal') if (side := file.with_name(file.name + end)).exists()]
    if sides:  # SQLite brings their messages in by writing: into a copy
        for part in (file, *sides):
            shutil.copyfile(part, room / part.name)
        file = room / file.name
    how = 'mode=rw' if sides else 'mode=ro&immutable=1'
    with contextlib.closing(sqlite3.connect(f'file:{_quoted(file)}?{how}', uri=True)) as database:
        database.text_factory = lambda raw: raw.decode(errors='replace')
        try:
            database.execute('PRAGMA writable_schema=ON')  # a file that is shorter than its header says is opened
            topics = {row[0]: row[1:] for row in database.execute('SELECT id, name, type FROM topics')}
        except sqlite3.Error:
            damage.parts += 1
            return
        for topic, time_ns, data in _rows(database, damage):
            if topic in topics and isinstance(data, bytes) and isinstance(time_ns, int):
                name, kind = topics[topic]
                yield RawMessage(name, kind, time_ns, data, ros1=False)
            else:
                damage.messages += 1


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace('%', '%25').replace('?', '%3f').replace('#', '%23')


def _rows(database: sqlite3.Connection, damage: Damage) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (topic, time, data) of the rows that can be read: in one go, and behind damage one by one."""
    columns, last, missed = 'topic_id, timestamp, data', 0, 0
    while missed < MISSES:
        try:
            found = database.execute(f'SELECT id, {columns} FROM messages WHERE id > ? ORDER BY id', (last,))
            for number, *row in found:
                damage.messages += missed
                last, missed = number, 0
                yield tuple(row)
            return
        except sqlite3.Error:
            pass
        while missed < MISSES:  # of rows that follow, those that can be read alone
            last += 1
            try:
                row = database.execute(f'SELECT {columns} FROM messages WHERE id = ?', (last,)).fetchone()
            except sqlite3.Error:
                missed += 1
                continue
            if row is None:
                missed += 1
                continue
            damage.messages += missed
            missed = 0
            yield row
            break
    damage.is_cut = True


def _of_ros1_bag(file: Path, damage: Damage) -> Iterator[RawMessage]:
    connections: dict[int, tuple[str, str]] = {}
    with file.open('rb') as opened:
        opened.seek(len(BAG_MAGIC))
        while True:
            try:
                head, data, whole = _ros1_record(opened)
            except (struct.error, ValueError):
                damage.is_cut = True
                return
            if head is None:
                return
            if 'op' not in head:
                damage.is_cut = True
                return
            records = _ros1_chunk(head, data, damage) if head.get('op') == b'\x05' else [(head, data)]
            for inner, content in records:
                yield from _ros1_message(inner, content, connections, damage)
            if not whole:
                damage.is_cut = True
                return


def _ros1_message(head: dict[str, bytes], data: bytes, connections, damage: Damage) -> Iterator[RawMessage]:
    """Note a connection, or yield a message."""
    try:
        if head['op'] == b'\x07':
            (number,) = struct.unpack('<I', head['conn'])
            connections[number] = head['topic'].decode(), _ros1_head(data)['type'].decode()
        elif head['op'] == b'\x02':
            (number,), (seconds, nanoseconds) = struct.unpack('<I', head['conn']), struct.unpack('<II', head['time'])
            topic, kind = connections[number]
            yield RawMessage(topic, kind, seconds * 10**9 + nanoseconds, data, ros1=True)
    except (struct.error, ValueError, KeyError):
        damage.messages += 1


def _ros1_record(file) -> tuple[dict[str, bytes] | None, bytes, bool]:
    """Return (head, data, whether it is whole) of the next record; no head at the end of the file.

    Raises:
        ValueError, struct.error: there is no record.
    """
    lengths = file.read(4)
    if not lengths:
        return None, b'', True
    (length,) = struct.unpack('<I', lengths)
    head = _ros1_head(_read(file, length))
    (length,) = struct.unpack('<I', file.read(4))
    if length > LARGEST_RECORD:
        raise ValueError('no record is so large')
    data = file.read(length)
    return head, data, len(data) == length


def _read(file, length: int) -> bytes:
    data = file.read(length) if length < 1 << 20 else b''
    if len(data) != length:
        raise ValueError('cut off')
    return data


def _ros1_head(data: bytes) -> dict[str, bytes]:
    fields, place = {}, 0
    while place < len(data):
        (length,) = struct.unpack_from('<I', data, place)
        name, equals, value = data[place + 4 : place + 4 + length].partition(b'=')
        if not equals:
            raise ValueError('no field')
        fields[name.decode()] = value
        place += 4 + length
    return fields


def _ros1_chunk(head: dict[str, bytes], data: bytes, damage: Damage) -> Iterator[tuple[dict[str, bytes], bytes]]:
    """Yield the records of a chunk as far as they are whole."""
    unpack: dict[bytes, Any] = {
        b'none': lambda packed: packed,
        b'bz2': lambda packed: bz2.BZ2Decompressor().decompress(packed),
        b'lz4': lambda packed: lz4.frame.LZ4FrameDecompressor().decompress(packed),
    }
    try:
        content = memoryview(unpack[head['compression']](data))
    except (KeyError, OSError, RuntimeError, EOFError):
        damage.parts += 1
        return
    place = 0
    while place + 8 <= len(content):
        try:
            (length,) = struct.unpack_from('<I', content, place)
            inner = _ros1_head(bytes(content[place + 4 : place + 4 + length]))
            (size,) = struct.unpack_from('<I', content, place + 4 + length)
        except (struct.error, ValueError):
            break
        start = place + 8 + length
        if start + size > len(content):
            break
        yield inner, bytes(content[start : start + size])
        place = start + size
    if place != len(content):
        damage.is_cut = True
