# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The records of MCAP files, read one after the other without the index: of files that are damaged or without an end.

Layout: https://mcap.dev/spec
"""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import lz4.frame  # as zstd: it comes with rosbags, which needs both for whole files

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b'\x89MCAP0\r\n'
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, CHUNK_INDEX, STATISTICS, DATA_END = 2, 3, 4, 5, 6, 8, 11, 15
PRIVATE = 0x80
"""Records of this kind and above are anybody's own."""
HEAD = struct.Struct('<BQ')
MESSAGE_HEAD = struct.Struct('<HIQQ')
CRC_BYTES = 4
"""All that the record at the end of the data holds."""
NEVER_WRITTEN = 4096
"""So many zero bytes at the end, or more, are room that the file system gave and nobody filled."""


class DamagedChunk(ValueError):
    """A chunk cannot be unpacked, or is not what it should be."""


@dataclass(frozen=True)
class Record:
    """A record of a file.

    Attributes:
        opcode: what it is.
        content: what follows its head; of a chunk that is cut off, what there is of it.
        start: byte of the file at which it begins.
        size: bytes of the file that it takes, its head included.
        is_whole: it is not cut off.
    """

    opcode: int
    content: bytes
    start: int
    size: int
    is_whole: bool = True


@dataclass(frozen=True)
class Chunk:
    """What a chunk holds.

    Attributes:
        compression: zstd, lz4, or nothing.
        compressed: bytes that its records take in the file.
        size: bytes that they are.
        records: (opcode, content) of those that are whole.
    """

    compression: bytes
    compressed: int
    size: int
    records: list[tuple[int, bytes]]


def has_no_end(path: Path) -> bool:
    """Tell whether an MCAP file lacks the bytes that it must end with."""
    with path.open('rb') as file:
        end = file.seek(0, io.SEEK_END)
        file.seek(max(0, end - len(MAGIC)))
        return end < 2 * len(MAGIC) or file.read() != MAGIC


def is_ros1(path: Path) -> bool:
    """Tell whether a file is an MCAP recording of ROS 1."""
    profile = b'ros1'
    with path.open('rb') as file:
        head = file.read(len(MAGIC) + HEAD.size + 4 + len(profile))  # the first record begins with the profile
    return head.startswith(MAGIC) and head.endswith(struct.pack('<I', len(profile)) + profile)


def records_of(file: BinaryIO, heads_of_messages: bool = False) -> Iterator[Record]:
    """Yield the records up to the end of the data, which is the last one, or to where the file is damaged or cut off.

    Args:
        file: open, and begins as MCAP files do.
        heads_of_messages: of messages outside of chunks only their heads are read.
    """
    written = _written(file, file.seek(0, io.SEEK_END))
    place = len(MAGIC)
    while place + HEAD.size <= written:
        file.seek(place)
        opcode, length = HEAD.unpack(file.read(HEAD.size))
        if not (0 < opcode <= DATA_END or opcode >= PRIVATE):
            return
        if opcode == DATA_END and length != CRC_BYTES:
            return  # another record, whose opcode is damaged
        if opcode == DATA_END:
            yield Record(DATA_END, b'', place, HEAD.size)
            return
        size = HEAD.size + length
        if place + size > written:
            if opcode == CHUNK:
                yield Record(CHUNK, file.read(written - place - HEAD.size), place, written - place, is_whole=False)
            return
        needed = min(length, MESSAGE_HEAD.size) if opcode == MESSAGE and heads_of_messages else length
        yield Record(opcode, file.read(needed), place, size)
        place += size


def open_chunk(record: Record) -> Chunk:
    """Return what a chunk holds; of one that is cut off, the records that are whole.

    Raises:
        DamagedChunk: it is damaged.
    """
    content = record.content
    try:
        *_, size, crc, name = struct.unpack_from('<QQQII', content)
        compression = content[32 : 32 + name]
        (compressed,) = struct.unpack_from('<Q', content, 32 + name)
        data = content[40 + name :]
        unpacked = _decompressed(data[:compressed], compression)
    except (struct.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise DamagedChunk from error
    if len(data) >= compressed and (len(unpacked) != size or (crc and crc32(unpacked) != crc)):
        raise DamagedChunk
    records = list(_records(unpacked))
    if record.is_whole and sum(HEAD.size + len(inner) for _, inner in records) != size:
        raise DamagedChunk
    if any(len(inner) < MESSAGE_HEAD.size for opcode, inner in records if opcode == MESSAGE):
        raise DamagedChunk
    return Chunk(compression, compressed, size, records)


def schema_of(content: bytes) -> tuple[int, str]:
    """Return (id, name) of a schema.

    Raises:
        ValueError, struct.error: it is damaged.
    """
    (number,) = struct.unpack_from('<H', content)
    return number, _text(content, 2)[0]


def channel_of(content: bytes) -> tuple[int, int, str, str]:
    """Return (id, id of its schema, topic, encoding of its messages) of a channel.

    Raises:
        ValueError, struct.error: it is damaged.
    """
    number, schema = struct.unpack_from('<HH', content)
    topic, place = _text(content, 4)
    return number, schema, topic, _text(content, place)[0]


def record_bytes(opcode: int, content: bytes) -> bytes:
    """Return a record as it is written."""
    return HEAD.pack(opcode, len(content)) + content


def _text(content: bytes, place: int) -> tuple[str, int]:
    """Return a string and where it ends."""
    (length,) = struct.unpack_from('<I', content, place)
    end = place + 4 + length
    return content[place + 4 : end].decode(), end


def _written(file: BinaryIO, size: int) -> int:
    """Return the size without a long run of zeros at the end, which a power failure leaves."""
    end = size
    while end:
        start = max(0, end - 2**16)
        file.seek(start)
        written = len(file.read(end - start).rstrip(b'\0'))
        if written:
            end = start + written
            break
        end = start
    return end if size - end >= NEVER_WRITTEN else size


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (opcode, content) of the whole records that bytes begin with."""
    place = 0
    while place + HEAD.size <= len(data):
        opcode, length = HEAD.unpack_from(data, place)
        end = place + HEAD.size + length
        if not opcode or end > len(data):
            return
        yield opcode, data[place + HEAD.size : end]
        place = end


def _decompressed(data: bytes, compression: bytes) -> bytes:
    """Return as much as can be had of data that may be cut off."""
    if compression == b'zstd':
        return zstd.ZstdDecompressor().decompress(data)
    if compression == b'lz4':
        return lz4.frame.LZ4FrameDecompressor().decompress(data)
    if compression:
        raise RuntimeError('a compression that MCAP does not name')
    return data
