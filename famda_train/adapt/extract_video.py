# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Video files, read by OpenCV's FFmpeg; frames are decoded in order and converted only where somebody looks at them."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.image_messages import MalformedImage

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm', '.m4v')


class VideoFacts(NamedTuple):
    """What a video file says: its number of frames, 0 = it does not say, and how it is to be turned, degrees."""

    frames: int
    turned: int


class VideoFrame(NamedTuple):
    """A frame: nanoseconds since the beginning, and a function that returns uint8 [H, W, 3] RGB.

    The function works until the next frame is asked for.
    """

    time_ns: int
    decode: Callable[[], np.ndarray]


def _open(path: Path) -> cv2.VideoCapture:
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')  # what is wrong with a file is said by us, once
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        # As images are: pixels are taken as they are stored, which is what a focal length refers to.
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        raise FamdaError(
            f"the video '{path}' cannot be opened: it is no video, of a codec that is not known, or an .mp4 without "
            'its end, as a camera that was cut off leaves it; make a whole one with untrunc, or record .mkv'
        )
    return capture


def video_facts(path: Path) -> VideoFacts:
    """Return what a video file says about itself.

    Raises:
        FamdaError: it cannot be opened.
    """
    capture = _open(path)
    try:
        turned = int(capture.get(cv2.CAP_PROP_ORIENTATION_META))
        return VideoFacts(max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))), turned)
    finally:
        capture.release()


def video_frames(path: Path, on_loss: Callable[[str], object]) -> Iterator[VideoFrame]:
    """Yield the frames of a video.

    Args:
        path: the file.
        on_loss: called with a sentence where fewer frames can be read than the file says, or they are stored turned.

    Raises:
        FamdaError: it cannot be opened.
    """
    facts = video_facts(path)
    if facts.turned:
        on_loss(
            f"'{path}' is to be turned by {facts.turned} degrees for viewing; its frames are taken as they are stored: "
            'if that is not upright, turn the pixels with: ffmpeg -i IN OUT'
        )
    capture = _open(path)
    read = 0
    try:
        while capture.grab():
            read += 1
            yield VideoFrame(round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6), lambda: _retrieve(capture, path))
    finally:
        capture.release()
    if read < facts.frames:
        on_loss(f"'{path}' is cut off or damaged: {read} of {facts.frames} frames can be read, what came after is lost")


def _retrieve(capture: cv2.VideoCapture, path: Path) -> np.ndarray:
    done, frame = capture.retrieve()
    if not done or frame is None:
        raise MalformedImage(f"'{path}': a frame at {capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3:.3f} s cannot be decoded")
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
