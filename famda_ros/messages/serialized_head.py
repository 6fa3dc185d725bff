# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the header of a serialised image message without touching its pixels."""
from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImageHead:
    """Everything of an image message but its pixels.

    Attributes:
        stamp_ns: header stamp, nanoseconds.
        frame_id: header frame_id.
        width, height: pixels; 0 for compressed images, whose messages do not say.
        encoding: for example 'mono8'; the format string of compressed images.
    """

    stamp_ns: int
    frame_id: str
    width: int
    height: int
    encoding: str


@dataclass(frozen=True)
class Seen:
    """A message that was sent or received, and when (monotonic clock, nanoseconds)."""

    head: ImageHead
    time_ns: int

    def to_list(self) -> list[Any]:
        """Return the values for a JSON report."""
        head = self.head
        return [head.stamp_ns, head.frame_id, head.width, head.height, head.encoding, self.time_ns]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Seen:
        """Inverse of :meth:`to_list`."""
        return cls(ImageHead(*values[:5]), values[5])


def read_head(cdr: bytes | memoryview, compressed: bool = False) -> ImageHead:
    """Read the head of a serialised sensor_msgs/Image or CompressedImage without touching its pixels."""
    order = '<' if cdr[1] & 1 else '>'
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', cdr, 4)
    frame_id, at = _string(cdr, 12, order)
    if compressed:
        return ImageHead(seconds * 10**9 + nanoseconds, frame_id, 0, 0, _string(cdr, at, order)[0])
    at = _aligned(at)
    height, width = struct.unpack_from(f'{order}II', cdr, at)
    return ImageHead(seconds * 10**9 + nanoseconds, frame_id, width, height, _string(cdr, at + 8, order)[0])


def _aligned(at: int) -> int:
    """CDR aligns 4-byte values, counted from the end of the 4-byte encapsulation header."""
    return at + -at % 4


def _string(cdr: bytes | memoryview, at: int, order: str) -> tuple[str, int]:
    at = _aligned(at)
    (length,) = struct.unpack_from(f'{order}I', cdr, at)
    return bytes(cdr[at + 4 : at + 4 + length]).rstrip(b'\0').decode(), at + 4 + length
