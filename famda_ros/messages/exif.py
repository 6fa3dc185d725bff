# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The orientation that an image file says its camera had (EXIF 2.3, tag 0x0112).

Images are read as they are stored, never turned: labels, depth and focal lengths refer to the stored pixels.
"""

from __future__ import annotations

import struct
from pathlib import Path

from famda_ros.messages.compressed_image import JPEG_SIGNATURE, PNG_SIGNATURE

UPRIGHT = 1
ORIENTATION_TAG = 0x0112
HEAD_BYTES = 2**18
"""So much of a file is looked at; cameras write what they say about an image before the image."""


def orientation(data: bytes) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG, PNG, WebP or TIFF file; 1 = upright, or it does not say.

    Args:
        data: the file, or its beginning.
    """
    try:
        value = _tiff_orientation(_tiff(bytes(data[:HEAD_BYTES])))
    except (struct.error, IndexError):
        return UPRIGHT
    return value if 1 <= value <= 8 else UPRIGHT


def is_turned(path: Path) -> bool:
    """Tell whether an image file says that it is stored turned or mirrored.

    Raises:
        OSError: it cannot be read.
    """
    with path.open('rb') as file:
        return orientation(file.read(HEAD_BYTES)) != UPRIGHT


def turned_fault(data: bytes, where: str) -> str:
    """Return in one sentence that an image is stored turned or mirrored; '' = it is not, or does not say.

    Args:
        data: the image file, or its beginning.
        where: which one, for the sentence.
    """
    value = orientation(data)
    if value == UPRIGHT:
        return ''
    return (
        f'{where} says by EXIF that it is to be turned or mirrored for viewing (orientation {value}); it is taken as '
        'it is stored: if that is not upright, turn the pixels, as exiftran -ai or mogrify -auto-orient do'
    )


def _tiff(data: bytes) -> bytes:
    """Return the TIFF structure that holds the EXIF tags; b'' = there is none."""
    if data[:4] in (b'II*\0', b'MM\0*'):
        return data
    if data.startswith(JPEG_SIGNATURE):
        return _jpeg_segment(data)
    if data.startswith(PNG_SIGNATURE):
        return _chunk(data, len(PNG_SIGNATURE), b'eXIf', '>I4s', 0, 4)
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        return _chunk(data, 12, b'EXIF', '<4sI', 1, 0).removeprefix(b'Exif\0\0')
    return b''


def _jpeg_segment(data: bytes) -> bytes:
    position = 2
    while data[position] == 0xFF and data[position + 1] != 0xDA:  # start of scan: the image itself
        (length,) = struct.unpack_from('>H', data, position + 2)
        content = data[position + 4 : position + 2 + length]
        if data[position + 1] == 0xE1 and content.startswith(b'Exif\0\0'):
            return content[6:]
        position += 2 + length
    return b''


def _chunk(data: bytes, position: int, wanted: bytes, head: str, size_at: int, tail: int) -> bytes:
    """Return the content of a chunk; ``head`` is (length, kind) in a PNG, (kind, length) in a RIFF file."""
    while position + 8 <= len(data):
        fields = struct.unpack_from(head, data, position)
        length, kind = fields[size_at], fields[1 - size_at]
        if kind == wanted:
            return data[position + 8 : position + 8 + length]
        position += 8 + length + (tail or length % 2)
    return b''


def _tiff_orientation(tiff: bytes) -> int:
    order = {b'II': '<', b'MM': '>'}.get(tiff[:2])
    if order is None:
        return UPRIGHT
    (start,) = struct.unpack_from(f'{order}I', tiff, 4)
    (count,) = struct.unpack_from(f'{order}H', tiff, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, _, _, value = struct.unpack_from(f'{order}HHIH', tiff, place)
        if tag == ORIENTATION_TAG:
            return value
    return UPRIGHT
