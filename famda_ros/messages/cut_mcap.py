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
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from famda_ros.messages.mcap_records import (
    CHANNEL,
    CHUNK,
    CHUNK_INDEX,
    DATA_END,
    FOOTER,
    HEAD,
    MAGIC,
    MESSAGE,
    MESSAGE_HEAD,
    SCHEMA,
    STATISTICS,
    Chunk,
    DamagedChunk,
    Record,
    open_chunk,
    record_bytes,
    records_of,
)


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
    end = min(size, len(MAGIC))
    with path.open('rb') as file:
        if size and file.read(len(MAGIC)) != MAGIC[:size]:
            raise NoMcapError
        for record in records_of(file, heads_of_messages=True):
            is_all = record.opcode == DATA_END
            if is_all:
                break
            if not record.is_whole:
                rest = _whole_records(record)
                break
            if not index.add(record):
                break
            end = record.start + record.size
    if rest:
        index.add(Record(CHUNK, rest[HEAD.size :], end, len(rest)))
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

    def add(self, record: Record) -> bool:
        """Take a record of the file in; False = it is damaged."""
        try:
            if record.opcode == CHUNK:
                self._add_chunk(record, open_chunk(record))
            else:
                self._add_record(record.opcode, record.content)
        except (DamagedChunk, struct.error):
            return False
        self.outside = self.outside or record.opcode == MESSAGE
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

    def _add_chunk(self, record: Record, chunk: Chunk) -> None:
        messages = [found for inner in chunk.records if (found := self._add_record(*inner))]
        if not messages:
            return
        times, counts = [time_ns for _, time_ns in messages], Counter(channel for channel, _ in messages)
        # Readers learn from the distances how many messages of a channel there are; the places are not read.
        end = record.start + record.size
        offsets, place = b'', end
        for channel, count in counts.items():
            offsets += struct.pack('<HQ', channel, place)
            place += HEAD.size + 6 + 16 * count
        self.chunks.append(
            struct.pack('<QQQQI', min(times), max(times), record.start, record.size, len(offsets))
            + offsets
            + struct.pack('<QI', place - end, len(chunk.compression))
            + chunk.compression
            + struct.pack('<QQ', chunk.compressed, chunk.size)
        )

    def end_of_file(self, rest: bytes, size: int) -> bytes:
        """Return what follows ``size`` bytes of whole records: ``rest``, the summary and the footer."""
        data_end = rest + record_bytes(DATA_END, bytes(4))
        if self.outside or not self.counts:  # a reader goes through all records
            return data_end + record_bytes(FOOTER, bytes(20)) + MAGIC
        counts = b''.join(struct.pack('<HQ', channel, count) for channel, count in self.counts.items())
        numbers = (sum(self.counts.values()), len(self.schemas), len(self.channels), 0, 0, len(self.chunks))
        statistics = struct.pack('<QHIIIIQQI', *numbers, self.first_ns, self.last_ns, len(counts)) + counts
        summary = b''.join(record_bytes(SCHEMA, schema) for schema in self.schemas.values())
        summary += b''.join(record_bytes(CHANNEL, channel) for channel in self.channels.values())
        summary += b''.join(record_bytes(CHUNK_INDEX, chunk) for chunk in self.chunks)
        summary += record_bytes(STATISTICS, statistics)
        footer = record_bytes(FOOTER, struct.pack('<QQI', size + len(data_end), 0, 0))
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


def _whole_records(record: Record) -> bytes:
    """Return the whole records of a chunk that is cut off as a chunk that is not, uncompressed; b'' = none."""
    try:
        records = b''.join(record_bytes(*inner) for inner in open_chunk(record).records)
    except DamagedChunk:
        return b''
    # Its times are not read.
    content = struct.pack('<QQQIIQ', 0, 0, len(records), 0, 0, len(records)) + records
    return record_bytes(CHUNK, content) if records else b''
