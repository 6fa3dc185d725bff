# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The index of a frame folder, ``frames.jsonl``, and its pictures: read here by the robot's side and the workspace.

Whatever the index says is checked when it is read, so that nobody computes with a value that cannot be.
"""
from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.messages.compressed_image import read_header

INDEX = 'frames.jsonl'
FOCAL_WIDTHS = (0.2, 10.0)
"""Least and greatest focal length in widths of the image: 136 and 5.7 degrees of view."""
MOST_PIXELS = 65535
"""Longest side of an image, that of JPEG."""
LONGEST_STEM = 200
"""Bytes; file systems allow 255, and temporary files add theirs."""
TWELVE_BITS = 4095
LAST_STAMP_NS = 2**63 - 1


@dataclass(frozen=True)
class FrameRecord:
    """What is known about a frame without reading it: one line of ``frames.jsonl``.

    Attributes:
        stem: the key of the frame, unique in its data set; the name of its files in the label store.
        image: image path relative to the data set's folder.
        focal: fx in pixels for an image of ``width``; None = unknown.
        width, height: image size in pixels.
        extra: whatever else is known (bag, topic, stamp_ns, seed, ...).
    """

    stem: str
    image: str
    width: int
    height: int
    focal: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def read_frame_index(folder: str | Path) -> list[FrameRecord]:
    """Read the index of a frame folder; every record is valid, see :func:`record_fault`, no stem and no
    image occurs twice.

    Args:
        folder: that holds ``frames.jsonl``.

    Returns:
        Records in the order of the file; [] for an empty one.

    Raises:
        FamdaError: missing, unreadable, or a line that is no valid record; names the file and the line.
    """
    path = Path(folder) / INDEX
    try:
        lines = path.read_text(encoding='utf-8-sig').split('\n')
    except (OSError, ValueError) as error:
        raise FamdaError(f"'{path}' is missing or damaged ({error}); write the frame folder again") from error
    frames: dict[str, FrameRecord] = {}
    images: dict[PurePosixPath, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        record, fault = _read_line(line)
        if record is not None and not fault and record.stem in frames:
            fault = f"the stem '{record.stem}' stands for an earlier frame already"
        if record is not None and not fault:
            other = images.setdefault(PurePosixPath(record.image), record.stem)
            if other != record.stem:
                fault = f"the image '{record.image}' is that of the frame '{other}' already"
        if record is None or fault:
            reason = ' '.join(str(fault).split())
            raise FamdaError(f"'{path}', line {number} is damaged ({reason}); mend or delete that line")
        frames[record.stem] = record
    return list(frames.values())


def write_frame_index(folder: str | Path, frames: Iterable[FrameRecord]) -> None:
    """Write ``frames.jsonl``, atomically."""
    write_atomically(Path(folder) / INDEX, ''.join(json.dumps(asdict(frame)) + '\n' for frame in frames))


def record_fault(record: FrameRecord) -> str | None:
    """Return in words what is wrong with a record; None = nothing."""
    return (
        stem_fault(record.stem)
        or image_path_fault(record.image)
        or size_fault(record.width, record.height)
        or focal_fault(record.focal, record.width)
        or extra_fault(record.extra)
    )


def stem_fault(stem: Any) -> str | None:
    """Return in words why a value cannot be the stem of a frame; None = it can.

    A stem names files in several folders, so that it must be a plain file name.
    """
    if not isinstance(stem, str) or not stem:
        return f'the stem must be a text that names files, not {stem!r}'
    if not _is_encodable(stem) or len(stem.encode()) > LONGEST_STEM:
        return f'the stem {stem[:40]!r} is longer than {LONGEST_STEM} bytes or no Unicode text'
    if stem.startswith('.') or stem.endswith('.reliability') or set(stem) & set('/\\') or not stem.isprintable():
        return f'the stem {stem!r} is no plain file name; take letters, digits, - and _'
    return None


def image_path_fault(image: Any) -> str | None:
    """Return in words why a value cannot be the image path of a frame; None = it can."""
    if not isinstance(image, str) or not image or not _is_encodable(image) or '\0' in image:
        return f'the image must be a path, not {image!r}'
    path = PurePosixPath(image)
    if path.is_absolute() or '..' in path.parts or not path.name:
        return f'the image {image!r} must be a path inside the folder'
    return None


def size_fault(width: Any, height: Any) -> str | None:
    """Return in words why values cannot be the size of an image in pixels; None = they can."""
    for name, value in (('width', width), ('height', height)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_PIXELS:
            return f'the {name} must be a whole number of pixels from 1 to {MOST_PIXELS}, not {_shown(value)}'
    return None


def focal_fault(focal: Any, width: int) -> str | None:
    """Return in words why a value cannot be the focal length of a camera; None = it can, or is unknown.

    Args:
        focal: in pixels of an image of ``width``; None = unknown.
        width: of the image, pixels.
    """
    if focal is None:
        return None
    low, high = (widths * width for widths in FOCAL_WIDTHS)
    if isinstance(focal, bool) or not isinstance(focal, (int, float)) or not low <= focal <= high:
        return (
            f'the focal must be null or a number of pixels from {low:g} to {high:g} (0.2 to 10 widths of the image), '
            f'not {_shown(focal)}'
        )
    return None


def extra_fault(extra: Any) -> str | None:
    """Return in words what is wrong with further values of a record; None = nothing."""
    if not isinstance(extra, Mapping):
        return f'extra must be an object, not {_shown(extra)}'
    stamp = extra.get('stamp_ns')
    whole = isinstance(stamp, int) and not isinstance(stamp, bool)
    if stamp is not None and not (whole and 0 <= stamp <= LAST_STAMP_NS):
        return f'stamp_ns must be a whole number of nanoseconds from 0 on, not {_shown(stamp)}'
    return None


def focal_at(record: FrameRecord, width: int) -> float | None:
    """Return the focal length of a frame in pixels of an image of ``width``; None = unknown."""
    return None if record.focal is None else record.focal * width / record.width


def same_view(width: int, height: int, other_width: int, other_height: int) -> bool:
    """Tell whether two sizes are the same picture at two scales: their ratios differ by no more than rounding."""
    longest = max(other_width, other_height) if width * height < other_width * other_height else max(width, height)
    return abs(width * other_height - other_width * height) <= longest


def picture_fault(record: FrameRecord, path: Path, width: int, height: int) -> str | None:
    """Return a sentence where a picture is not the one of its record, but for its scale; None = it is."""
    if same_view(width, height, record.width, record.height):
        return None
    return (
        f"'{path}' has {width}x{height} pixels, which is another shape than the {record.width}x{record.height} of "
        f'{INDEX}; put the picture back or write its line again'
    )


def read_picture(path: str | Path) -> np.ndarray:
    """Read an image file as uint8 [H, W, 3] RGB, its pixels as they are stored.

    Grey becomes three equal channels, transparency is dropped, 16-bit values are divided by 256.

    Raises:
        FamdaError: missing, cut off, damaged, or of values that are no picture: floats, or 12 bits in 16.
    """
    array = decode_file(path)
    if array.dtype == np.uint16:
        if 0 < array.max() <= TWELVE_BITS:
            raise FamdaError(
                f"'{path}' has 16-bit values that never exceed {array.max()}, so that its brightness is not known; "
                'convert it to 8 bits'
            )
        array = (array // 256).astype(np.uint8)
    if array.dtype != np.uint8:
        raise FamdaError(f"'{path}' is no 8-bit image of three colours but {array.dtype}; convert it")
    if array.ndim == 2:
        return cv2.cvtColor(array, cv2.COLOR_GRAY2RGB)
    if array.shape[2] not in (3, 4):
        raise FamdaError(f"'{path}' has {array.shape[2]} channels instead of three colours; convert it")
    return cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGB)


def decode_file(path: str | Path) -> np.ndarray:
    """Return the pixels of an image file as OpenCV gives them: BGR, BGRA or one channel, of any type.

    Raises:
        FamdaError: missing, no image, or cut off: OpenCV would paint the rest grey.
    """
    try:
        data = Path(path).read_bytes()
        header = read_header(data)
        if header is not None and not header.whole:
            raise FamdaError(f"cannot read '{path}': cut off or damaged image file; copy it again")
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, ValueError, cv2.error):
        array = None
    if array is None:
        raise FamdaError(f"cannot read '{path}': missing or damaged image file; copy it again")
    return array


def load_json(text: str | bytes) -> Any:
    """Return the value of a JSON text without NaN and infinity, which JSON has not, halves of characters, and keys
    that stand twice in an object.

    Raises:
        ValueError: no such text.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_repetition
        )
    except RecursionError as error:
        raise ValueError('nested too deeply') from error
    if (b'\\ud' if isinstance(text, bytes) else '\\ud') in text.lower():  # type: ignore[operator]
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def _read_line(line: str) -> tuple[FrameRecord | None, str | None]:
    """Return (record, what is wrong with it) of a line."""
    try:
        values = load_json(line)
        if not isinstance(values, dict):
            return None, 'it is no JSON object'
        record = FrameRecord(**values)
    except json.JSONDecodeError as error:
        return None, f'{error.msg} at column {error.colno}'
    except (ValueError, TypeError) as error:
        return None, str(error).removeprefix('FrameRecord.__init__() ')
    return record, record_fault(record)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f'{name} is no number of JSON')


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'{twice[:40]!r} stands twice')
    return values


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f'{digits} is beyond all bounds')
    return value


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**18 else 'a number beyond all bounds'
    return text if len(text) <= 60 else f'{text[:60]}...'
