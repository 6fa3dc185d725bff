# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""MCAP files without an end, as killed recorders, power failures and unfinished copies leave them.

What is whole is read: whole chunks, and of the chunk that was being written the messages that are.  The index that
such a file lacks is made in memory; the file is not changed.  Layout: https://mcap.dev/spec
"""

from __future__ import annotations

import functools
import io
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
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
NEVER_WRITTEN = 4096
"""So many zero bytes at the end, or more, are room that the file system gave and nobody filled."""


class NoMcapError(Exception):
    """A file does not begin as MCAP files do."""


@dataclass(frozen=True)
class WholePart:
    """What can be read of a file without an end.

    Attributes:
        size: bytes of the file that belong to whole records.
        tail: bytes that make a whole file of them: the messages of a chunk that is not whole, index and footer.
        messages: how many there are.
        last_ns: when the last one was recorded, nanoseconds; 0 = there is none.
        is_all: the messages end where they should, and only the index is missing.
    """

    size: int
    tail: bytes
    messages: int
    last_ns: int
    is_all: bool


class CutRecording:
    """A file without an end that opens as a whole one; as much of a path as readers of bags ask for."""

    suffix = '.mcap'

    def __init__(self, path: Path, part: WholePart):
        """Remember the file and what is whole of it."""
        self._path, self._part = path, part

    def __str__(self) -> str:
        """Return the path."""
        return str(self._path)

    def exists(self) -> bool:
        """Tell that it is there."""
        return True

    def is_dir(self) -> bool:
        """Tell that it is a file."""
        return False

    def open(self, _mode: str = 'rb') -> BinaryIO:
        """Return the whole part and its new end as one file, to be read."""
        return io.BufferedReader(_TwoParts(open(self._path, 'rb'), self._part.size, self._part.tail))


def has_no_end(path: Path) -> bool:
    """Tell whether an MCAP file lacks the bytes that it must end with."""
    with path.open('rb') as file:
        end = file.seek(0, io.SEEK_END)
        file.seek(max(0, end - len(MAGIC)))
        return end < 2 * len(MAGIC) or file.read() != MAGIC


def whole_part(path: Path) -> WholePart:
    """Look through a file without an end; reads all of it once, and not again while it stays as it is.

    Raises:
        NoMcapError: it does not begin as MCAP files do.
        OSError: it cannot be read.
    """
    state = path.stat()
    return _whole_part(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _whole_part(path: Path, size: int, _mtime_ns: int) -> WholePart:
    index, rest, is_all = _Index(), b'', False
    with path.open('rb') as file:
        if size and file.read(len(MAGIC)) != MAGIC[:size]:
            raise NoMcapError
        written = _written(file, size)
        end = min(size, len(MAGIC))
        file.seek(end)
        while True:
            opcode, length = HEAD.unpack(file.read(HEAD.size)) if end + HEAD.size <= written else (0, 0)
            if opcode == DATA_END:
                is_all = True
                break
            if not (0 < opcode < DATA_END or opcode >= PRIVATE):
                break
            if end + HEAD.size + length > written:
                rest = _whole_messages(file.read(max(0, written - end - HEAD.size))) if opcode == CHUNK else b''
                break
            # Of a message outside of chunks only the head is of interest here.
            content = file.read(min(length, MESSAGE_HEAD.size) if opcode == MESSAGE else length)
            if not index.add(opcode, content, end, HEAD.size + length):
                break
            end += HEAD.size + length
            file.seek(end)
    if rest:
        chunk = _chunk(rest)
        index.add(CHUNK, chunk[HEAD.size :], end, len(chunk))
        rest = chunk
    tail = index.end_of_file(rest, end)
    return WholePart(end, tail, sum(index.counts.values()), index.last_ns, is_all)


@dataclass
class _Index:
    """What the summary of an MCAP file says, collected record by record."""

    schemas: dict[bytes, bytes] = field(default_factory=dict)
    channels: dict[bytes, bytes] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    first_ns: int = 2**63 - 1
    last_ns: int = 0
    outside: bool = False

    def add(self, opcode: int, content: bytes, start: int, size: int) -> bool:
        """Take a record of the file in; False = it is damaged."""
        if opcode == CHUNK:
            return self._add_chunk(content, start, size)
        try:
            self._add_record(opcode, content)
        except struct.error:
            return False
        self.outside = self.outside or opcode == MESSAGE
        return True

    def _add_record(self, opcode: int, content: bytes) -> tuple[int, int] | None:
        """Return (channel, time) of a message; None for other records."""
        if opcode == MESSAGE:
            channel, _, time_ns, _ = MESSAGE_HEAD.unpack_from(content)
            self.counts[channel] += 1
            self.first_ns, self.last_ns = min(self.first_ns, time_ns), max(self.last_ns, time_ns)
            return channel, time_ns
        if opcode in (SCHEMA, CHANNEL):
            known = self.schemas if opcode == SCHEMA else self.channels
            known[content[:2]] = content
        return None

    def _add_chunk(self, content: bytes, start: int, size: int) -> bool:
        head, records = _chunk_content(content)
        if records is None:
            return False
        whole = list(_records(records))
        if sum(HEAD.size + len(record) for _, record in whole) != len(records):
            return False
        try:
            messages = [found for opcode, record in whole if (found := self._add_record(opcode, record))]
        except struct.error:
            return False
        if messages:
            compression, compressed = head
            times, counts = [time_ns for _, time_ns in messages], Counter(channel for channel, _ in messages)
            # Readers learn from the distances how many messages of a channel there are; the places are not read.
            offsets, place = b'', start + size
            for channel, count in counts.items():
                offsets += struct.pack('<HQ', channel, place)
                place += HEAD.size + 6 + 16 * count
            self.chunks.append(
                struct.pack('<QQQQI', min(times), max(times), start, size, len(offsets))
                + offsets
                + struct.pack('<QI', place - start - size, len(compression))
                + compression
                + struct.pack('<QQ', compressed, len(records))
            )
        return True

    def end_of_file(self, rest: bytes, size: int) -> bytes:
        """Return what follows ``size`` bytes of whole records: ``rest``, the summary and the footer."""
        data_end = rest + _record(DATA_END, bytes(4))
        if self.outside or not self.counts:  # a reader goes through all records
            return data_end + _record(FOOTER, bytes(20)) + MAGIC
        counts = b''.join(struct.pack('<HQ', channel, count) for channel, count in self.counts.items())
        numbers = (sum(self.counts.values()), len(self.schemas), len(self.channels), 0, 0, len(self.chunks))
        statistics = struct.pack('<QHIIIIQQI', *numbers, self.first_ns, self.last_ns, len(counts)) + counts
        summary = b''.join(_record(SCHEMA, schema) for schema in self.schemas.values())
        summary += b''.join(_record(CHANNEL, channel) for channel in self.channels.values())
        summary += b''.join(_record(CHUNK_INDEX, chunk) for chunk in self.chunks) + _record(STATISTICS, statistics)
        footer = _record(FOOTER, struct.pack('<QQI', size + len(data_end), 0, 0))
        return data_end + summary + footer + MAGIC


class _TwoParts(io.RawIOBase):
    """The first ``size`` bytes of a file, and then others."""

    def __init__(self, file: BinaryIO, size: int, tail: bytes):
        self._file, self._size, self._tail, self._place = file, size, tail, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size + len(self._tail)}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer) -> int:
        wanted = len(buffer)
        if self._place < self._size:
            self._file.seek(self._place)
            data = self._file.read(min(wanted, self._size - self._place))
        else:
            data = self._tail[self._place - self._size :][:wanted]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


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


def _record(opcode: int, content: bytes) -> bytes:
    return HEAD.pack(opcode, len(content)) + content


def _chunk(records: bytes) -> bytes:
    """Return a chunk record, not compressed; its times are not read."""
    return _record(CHUNK, struct.pack('<QQQIIQ', 0, 0, len(records), 0, 0, len(records)) + records)


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


def _chunk_content(content: bytes) -> tuple[tuple[bytes, int], bytes | None]:
    """Return ((compression, compressed size), records) of a chunk, or what there is of them; None = damaged."""
    try:
        *_, size, crc, name = struct.unpack_from('<QQQII', content)
        compression = content[32 : 32 + name]
        (compressed,) = struct.unpack_from('<Q', content, 32 + name)
    except struct.error:
        return (b'', 0), None
    data = content[40 + name :]
    try:
        records = _decompressed(data[:compressed], compression)
    except (zstd.ZstdError, RuntimeError, EOFError):
        return (compression, compressed), None
    is_whole = len(data) >= compressed
    if is_whole and (len(records) != size or (crc and crc32(records) != crc)):
        return (compression, compressed), None
    return (compression, compressed), records


def _decompressed(data: bytes, compression: bytes) -> bytes:
    """Return as much as can be had of data that may be cut off."""
    if compression == b'zstd':
        return zstd.ZstdDecompressor().decompress(data)
    if compression == b'lz4':
        return lz4.frame.LZ4FrameDecompressor().decompress(data)
    if compression:
        raise RuntimeError('a compression that MCAP does not name')
    return data


def _whole_messages(content: bytes) -> bytes:
    """Return the whole records at the beginning of a chunk that is cut off; b'' = none."""
    _, records = _chunk_content(content)
    whole = [(opcode, record) for opcode, record in _records(records or b'')]
    if any(len(record) < MESSAGE_HEAD.size for opcode, record in whole if opcode == MESSAGE):
        return b''
    return b''.join(_record(opcode, record) for opcode, record in whole)
