# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a model file keeps weights in other files, from its bytes: the robot has no ``onnx`` package.

Field numbers are those of onnx.proto; the wire format is https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

MESSAGES: dict[str, dict[int, str]] = {
    'model': {7: 'graph', 25: 'function'},
    'graph': {1: 'node', 5: 'tensor'},
    'function': {7: 'node'},
    'node': {5: 'attribute'},
    'attribute': {5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph'},
    'tensor': {13: 'external data'},
}
"""{message: {number of a field: the message in it}}, as far as tensors may lie in them."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def has_external_data(model: bytes) -> bool:
    """Tell whether a tensor of an ONNX model refers to another file; False where it is no ONNX model.

    Args:
        model: content of the file.
    """
    try:
        return _refers(model, 0, len(model), 'model')
    except (IndexError, ValueError):
        return False


def _refers(data: bytes, start: int, end: int, message: str) -> bool:
    inside = MESSAGES[message]
    for number, first, last in _fields(data, start, end):
        kind = inside.get(number)
        if kind == 'external data' or (kind is not None and _refers(data, first, last, kind)):
            return True
    return False


def _fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, first byte, end) of the fields of a message that have a length."""
    while place < end:
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == BYTES:
            length, place = _varint(data, place)
            if place + length > end:
                raise ValueError('a field ends outside of its message')
            yield number, place, place + length
            place += length
        elif wire == VARINT:
            _, place = _varint(data, place)
        elif wire in (FIXED64, FIXED32):
            place += 8 if wire == FIXED64 else 4
        else:
            raise ValueError('no such wire type')


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return (value, place behind it)."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
