# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images, as REP-118 defines them and as ``compressed_depth_image_transport`` packs them."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np

from famda_ros.messages.compressed_image import read_header
from famda_ros.messages.image_messages import MalformedImage, check_size, image_to_array

COMPRESSED_FORMAT = '16UC1; compressedDepth png'
"""Format string of what :func:`compress_depth` packs."""
CONFIG_HEADER = struct.Struct('<iff')
"""Stands before the PNG: an enumeration and the two parameters A, B of inverse depth, which 16UC1 does not use."""
UNKNOWN_MM, BEYOND_MM = 0, 65535
"""Codes of NaN, and of +inf and 65.5345 m or more."""


def image_to_depth(msg: Any) -> np.ndarray:
    """Return a depth image (REP-118) as float32 [H, W] metres; NaN = not measured, +inf = beyond range.

    Args:
        msg: sensor_msgs/Image of 32FC1 (metres) or 16UC1 (millimetres, 0 = not measured), mono16 as well.

    Raises:
        MalformedImage: as :func:`image_to_array`, or another encoding.
    """
    if msg.encoding == '32FC1':
        depth = image_to_array(msg)
        return np.where(depth > 0, depth, np.float32(np.nan))
    if msg.encoding in ('16UC1', 'mono16'):
        millimetres = image_to_array(msg)
        return np.where(millimetres > 0, millimetres * np.float32(1e-3), np.float32(np.nan))
    raise MalformedImage(f'image encoding {msg.encoding!r} is no depth; choose a topic with 32FC1 or 16UC1')


def compress_depth(depth: np.ndarray) -> bytes:
    """Return float [H, W] metres as ``compressed_depth_image_transport`` packs 16UC1: 12 bytes of header, then a PNG.

    The PNG holds whole millimetres, uint16: 0 = unknown (NaN, or not positive), 1 to 65534 = so many, 65535 = beyond
    range (+inf), or farther than 65.534 m.
    """
    with np.errstate(invalid='ignore', over='ignore'):
        rounded = np.clip(np.rint(depth * np.float32(1000)), 1, BEYOND_MM)
    millimetres = np.where(depth > 0, rounded, UNKNOWN_MM).astype(np.uint16)
    done, data = cv2.imencode('.png', millimetres)
    assert done
    return CONFIG_HEADER.pack(0, 0.0, 0.0) + data.tobytes()


def decompress_depth(msg: Any) -> np.ndarray:
    """Return a ``compressedDepth`` image as float32 [H, W] metres; NaN = unknown, +inf = beyond range.

    Args:
        msg: sensor_msgs/CompressedImage with a format of '16UC1; compressedDepth png' (millimetres, see
            :func:`compress_depth`) or '32FC1; compressedDepth png' (inverse depth, A / (value - B)); 'png' may lack.

    Raises:
        MalformedImage: another format (RVL among them), cut off, or damaged.
    """
    data = bytes(msg.data)
    encoding, _, compression = (part.strip() for part in str(msg.format).partition(';'))
    if encoding not in ('16UC1', 'mono16', '32FC1') or compression not in ('compressedDepth', 'compressedDepth png'):
        raise MalformedImage(
            f"format '{str(msg.format)[:60]}' is no depth that can be read; publish '16UC1; compressedDepth png' or "
            "'32FC1; compressedDepth png'"
        )
    header = read_header(data[CONFIG_HEADER.size :])
    if header is None or not header.whole or (header.channels, header.bits) != (1, 16):
        raise MalformedImage(
            f'malformed compressed depth: {len(data)} bytes hold no whole PNG of 16 bits after their header; check the '
            'driver that published it'
        )
    check_size(header.width, header.height)
    packed = cv2.imdecode(np.frombuffer(data, np.uint8, offset=CONFIG_HEADER.size), cv2.IMREAD_UNCHANGED)
    if packed is None:
        raise MalformedImage('malformed compressed depth: its PNG is damaged; check the driver that published it')
    if encoding == '32FC1':
        _, a, b = CONFIG_HEADER.unpack_from(data)
        with np.errstate(divide='ignore'):
            metres = np.float32(a) / (packed - np.float32(b))
        return np.where((packed > 0) & (metres > 0), metres, np.float32(np.nan))
    metres = packed / np.float32(1000)
    metres[packed == UNKNOWN_MM] = np.nan
    metres[packed == BEYOND_MM] = np.inf
    return metres
