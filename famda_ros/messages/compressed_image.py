# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG: what their headers say, and whether they are whole, before anything is decoded."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
JPEG_SIGNATURE = b'\xff\xd8\xff'

_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


@dataclass(frozen=True)
class CompressedHeader:
    """What a compressed image says about itself.

    Attributes:
        width, height: pixels.
        channels: 1 = grey; a palette counts as colour.
        bits: of one channel of a pixel.
        whole: nothing is cut off at the end, and the check sums of a PNG are right.  Some versions
            of OpenCV fill a cut-off JPEG with grey, and its PNG decoder writes about damage to
            stderr, once a frame.
    """

    width: int
    height: int
    channels: int
    bits: int
    whole: bool


def read_header(data: bytes) -> CompressedHeader | None:
    """Return the header of a JPEG or PNG image; None where the bytes are neither, or end within the header."""
    try:
        if data.startswith(PNG_SIGNATURE):
            return _read_png(data)
        if data.startswith(JPEG_SIGNATURE):
            return _read_jpeg(data)
    except (struct.error, IndexError):
        pass
    return None


def _read_png(data: bytes) -> CompressedHeader | None:
    position, whole = len(PNG_SIGNATURE), False
    length, kind = struct.unpack_from('>I4s', data, position)
    if kind != b'IHDR' or length != 13:
        return None
    width, height, bits, color_type = struct.unpack_from('>IIBB', data, position + 8)
    view = memoryview(data)
    while not whole and position + 12 <= len(data):
        length, kind = struct.unpack_from('>I4s', data, position)
        end = position + 12 + length
        if end > len(data) or zlib.crc32(view[position + 4 : end - 4]) != struct.unpack_from('>I', data, end - 4)[0]:
            break
        whole = kind == b'IEND'
        position = end
    return CompressedHeader(width, height, {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color_type, 0), bits, whole)


def _read_jpeg(data: bytes) -> CompressedHeader | None:
    position, size = 2, None
    while True:
        if data[position] != 0xFF:
            return None
        while data[position] == 0xFF:  # any number of fill bytes may stand before a marker
            position += 1
        marker = data[position]
        position += 1
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _END_OF_IMAGE:
            return None
        (length,) = struct.unpack_from('>H', data, position)
        if marker in _FRAME_HEADERS:
            size = struct.unpack_from('>BHHB', data, position + 2)
        position += length
        if marker == _START_OF_SCAN:
            break
    if size is None:
        return None
    bits, height, width, channels = size
    # Within compressed data the byte 0xFF never stands before 0xD9; some drivers pad after the end.
    return CompressedHeader(width, height, channels, bits, data.rfind(b'\xff\xd9', position) >= 0)
