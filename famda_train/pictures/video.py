# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Videos that every browser plays: VP9 in .mp4, .mkv or .webm, written by PyAV."""
from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import make_output_folder

SUFFIXES = ('.mp4', '.mkv', '.webm')
OPTIONS = {'deadline': 'realtime', 'cpu-used': '6', 'crf': '30', 'b': '0'}
"""Of the encoder libvpx-vp9: constant quality, fast."""
TICK = Fraction(1, 1000)
"""Unit of time stamps, seconds."""
LAST_FRAME_MS = 100


class VideoWriter:
    """Write pictures with their times; use as a context manager.

    The file appears under its name when it is complete.

    Args:
        path: .mp4, .mkv or .webm file; must not exist.

    Raises:
        FamdaError: it exists, has another suffix, or PyAV is not installed.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if self.path.suffix.lower() not in SUFFIXES:
            raise FamdaError(f"'{path}' is no video file; give one that ends in {', '.join(SUFFIXES)}")
        if self.path.exists():
            raise FamdaError(f"'{path}' exists already; remove it or choose another name for the video")
        self._av = _import_av()
        self._temporary = self.path.with_name(f'.{self.path.stem}.tmp{self.path.suffix}')
        self._container: Any = None
        self._stream: Any = None
        self._start_ns = 0
        self._last_ms = -1

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, picture: np.ndarray, stamp_ns: int) -> None:
        """Add a picture.

        Args:
            picture: uint8 [H, W, 3] RGB; the first gives the size of the video (odd sides lose a row or column), others
                are brought to it, with black bars.
            stamp_ns: its time in nanoseconds; a picture that is not later than the one before is shown 1 ms after it.
        """
        if self._stream is None:
            self._open(picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2, stamp_ns)
        picture = fit(picture, self._stream.width, self._stream.height)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='rgb24')
        self._last_ms = max(self._last_ms + 1, round((stamp_ns - self._start_ns) * 1e-6))
        frame.pts, frame.time_base = self._last_ms, TICK
        self._container.mux(self._stream.encode(frame))

    def _open(self, width: int, height: int, stamp_ns: int) -> None:
        make_output_folder(self.path.parent)
        self._start_ns = stamp_ns
        self._container = self._av.open(str(self._temporary), 'w')
        self._stream = self._container.add_stream('libvpx-vp9', rate=Fraction(1000, LAST_FRAME_MS), options=OPTIONS)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, 'yuv420p'
        self._stream.time_base = self._stream.codec_context.time_base = TICK

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._container is None:
            return
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if kind is None:
                self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)


def fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a picture, uint8 [H, W, 3], as [height, width, 3]: as it is but for a row or column, else between bars."""
    high, wide = picture.shape[:2]
    if high - height in (0, 1) and wide - width in (0, 1):
        return picture[:height, :width]
    scale = min(width / wide, height / high)
    small = cv2.resize(picture, (max(1, int(wide * scale)), max(1, int(high * scale))), interpolation=cv2.INTER_AREA)
    whole = np.zeros((height, width, 3), np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    whole[top : top + small.shape[0], left : left + small.shape[1]] = small
    return whole


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise FamdaError("videos need PyAV; get it with: pip install 'famda_ros[video]'") from error
    return av
