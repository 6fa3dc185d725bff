# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The images of a recording, whatever kind it is, decoded only where somebody looks at them."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import OnLoss, choose_image_topic, read_messages, recordings_in, topics_of
from famda_ros.messages.bag_types import CAMERA_INFO, COMPRESSED_IMAGE, stamp_ns_of
from famda_ros.messages.camera_info import focal_of, info_topic_of, shape_fault, unusable_because
from famda_ros.messages.compressed_image import JPEG_SIGNATURE, PNG_SIGNATURE, read_header
from famda_ros.messages.exif import turned_fault
from famda_ros.messages.frame_index import read_picture
from famda_ros.messages.image_encodings import ENCODINGS
from famda_ros.messages.image_messages import compressed_to_rgb, image_to_rgb
from famda_ros.messages.mcap_records import is_ros1
from famda_ros.messages.salvage import Damage, salvage
from famda_train.adapt.extract_video import VIDEO_SUFFIXES, VideoFrame, video_facts, video_frames
from famda_train.adapt.frame_selection import MEASURED_WIDTH

PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.ppm', '.tif', '.tiff')
REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
SECOND = 10**9


@dataclass(frozen=True)
class RecordedImage:
    """An image of a recording.

    Attributes:
        time_ns: when it was recorded, nanoseconds; of a video since its beginning.
        stamp_ns: its camera's stamp, nanoseconds.
        topic: of its bag; '' = it comes from no bag.
        decode: returns uint8 [H, W, 3] RGB, or raises MalformedImage.
        focal_at: returns (fx, fy) in pixels of an image of this width and height; None = unknown.
        encoded: a JPEG or PNG file with just these pixels; None = there is none.
        shape_fault_at: returns in a sentence that the calibration is for another shape than this width and height.
    """

    time_ns: int
    stamp_ns: int
    topic: str
    decode: Callable[[], np.ndarray]
    focal_at: Callable[[int, int], tuple[float, float] | None]
    encoded: bytes | None = None
    shape_fault_at: Callable[[int, int], str] = lambda width, height: ''

    def preview(self) -> np.ndarray:
        """Return uint8 [h, w, 3] RGB, reduced in decoding where that is possible, no narrower than is measured."""
        if self.encoded is None or not self.encoded.startswith(JPEG_SIGNATURE):
            return self.decode()
        header = read_header(self.encoded)
        factor = max((n for n in REDUCED if header and header.width >= n * MEASURED_WIDTH), default=0)
        if not factor:
            return self.decode()
        flags = REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION
        small = cv2.imdecode(np.frombuffer(self.encoded, np.uint8), flags)
        return self.decode() if small is None else cv2.cvtColor(small, cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class Listeners:
    """What is called with remarks on a recording.

    Attributes:
        on_loss: with a sentence about what cannot be read of it.
        on_calibration: with a sentence about each calibration that cannot be used.
    """

    on_loss: OnLoss
    on_calibration: Callable[[str], object]


class Recording:
    """A bag, a video, or a folder of pictures: its images in their order."""

    def __init__(self, path: str | Path, topic: str | None, tell: Listeners):
        """Look what it is.

        Args:
            path: bag (folder, .mcap, .db3, .bag), video file, or folder of pictures.
            topic: image topic of a bag; None = its only one.
            tell: called with what cannot be read.

        Raises:
            FamdaError: it is missing, nothing of it can be read, or the topic is not there or not clear.
        """
        self.path, self._tell = Path(path), tell
        if not self.path.exists():
            raise FamdaError(f"'{path}' does not exist; give a bag, a video or a folder of pictures")
        self.is_video = self.path.is_file() and self.path.suffix.lower() in VIDEO_SUFFIXES
        self.pictures = [] if self.is_video else _pictures(self.path)
        self.is_bag = not (self.is_video or self.pictures)
        if topic is not None and not self.is_bag:
            raise FamdaError(f"'{path}' is no bag and has no topics; leave --topic out")
        self._why, self._refused = '', False  # why readers of bags do not open it, and that they do not
        if self.is_bag:
            topics = self._topics()
            self.topic = choose_image_topic(path, topics, topic)
            self.count, self._topics_found = topics[self.topic][1], topics
        else:
            self.topic = ''
            self.count = video_facts(self.path).frames if self.is_video else len(self.pictures)

    def _topics(self) -> dict[str, tuple[str, int]]:
        """Return {topic: (type, count)}; of a bag that its readers refuse, of what can be read."""
        file = next(iter(recordings_in(self.path)), None) if self.path.is_dir() else self.path
        if file is None or not is_ros1(file):
            try:
                return topics_of(self.path)
            except FamdaError as error:
                self._why = str(error)
        topics: dict[str, tuple[str, int]] = {}
        for name, kind, _, _ in salvage(self.path, None, Damage()):
            topics[name] = kind, topics.get(name, ('', 0))[1] + 1
        if not topics:
            raise FamdaError(self._why or f"'{self.path}' holds no message that can be read")
        self._refused = True
        return topics

    def images(self) -> Iterator[RecordedImage]:
        """Yield the images, in the order of recording."""
        if self.is_bag:
            yield from self._of_bag()
        elif self.is_video:
            yield from (_of_video(frame) for frame in video_frames(self.path, self._tell.on_loss))
        else:
            yield from (_of_picture(file, index) for index, file in enumerate(self.pictures))

    def _of_bag(self) -> Iterator[RecordedImage]:
        info_topic, info = info_topic_of(self.topic), None
        wanted = {self.topic}
        if self._topics_found.get(info_topic, ('', 0))[0] == CAMERA_INFO:
            wanted.add(info_topic)
            # A driver often publishes the image first: let the first frames have the first good calibration.
            infos = (message for *_, message in self._messages({info_topic}, _nobody))
            info = next((info for info in infos if not unusable_because(info)), None)
        read = 0
        for name, kind, time_ns, message in self._messages(wanted, self._tell.on_loss):
            if name == info_topic:
                if fault := unusable_because(message):
                    self._tell.on_calibration(fault)
                else:
                    info = message
                continue
            image = _of_message(name, kind, time_ns, message, info)
            if not read and (turned := turned_fault(image.encoded or b'', f"'{self.path}', {name}: its first image")):
                self._tell.on_loss(turned)
            read += 1
            yield image
        if read < self.count:
            self._tell.on_loss(f"'{self.path}', topic {self.topic}: {read} of its {self.count} images can be read")

    def _messages(self, topics: set[str], on_loss: OnLoss) -> Iterator[tuple[str, str, int, Any]]:
        """Yield messages as readers of bags do, and from where they give up, part by part."""
        last, why = -1, self._why
        if not self._refused:
            try:
                for name, kind, time_ns, message in read_messages(self.path, topics, on_loss):
                    last = max(last, time_ns)
                    yield name, kind, time_ns, message
            except FamdaError as error:
                why = str(error)
            else:
                return
        damage, first = Damage(), last
        for name, kind, time_ns, message in salvage(self.path, topics, damage):
            if time_ns > first:
                yield name, kind, time_ns, message
        if lost := str(damage) or why:
            on_loss(f"'{self.path}' is damaged: {lost}{f' ({why})' if why and lost != why else ''}")


def part_of(
    images: Iterable[RecordedImage], start_s: float, stop_s: float | None
) -> Iterator[tuple[int, float, RecordedImage]]:
    """Yield a part of a recording: (number of the image in the recording, seconds after its first image, image).

    Args:
        images: all images of the recording, in order; none is read after the first that is too late.
        start_s, stop_s: seconds after the first image, both included; stop_s None = to the end.
    """
    first_ns = None
    for number, image in enumerate(images):
        first_ns = image.time_ns if first_ns is None else first_ns
        seconds = (image.time_ns - first_ns) / SECOND
        if stop_s is not None and seconds > stop_s:
            return
        if seconds >= start_s:
            yield number, seconds, image


def _nobody(_sentence: str) -> None:
    """Report nothing: losses are reported where the images are read."""


def _pictures(path: Path) -> list[Path]:
    """Return the pictures of a folder by name; [] for a bag, or where there are none."""
    if not path.is_dir() or (path / 'metadata.yaml').is_file() or recordings_in(path):
        return []
    files = (file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES and file.name[0] != '.')
    return sorted(files)


def _of_message(topic: str, kind: str, time_ns: int, message: Any, info: Any) -> RecordedImage:
    compressed = kind == COMPRESSED_IMAGE
    return RecordedImage(
        time_ns=time_ns,
        stamp_ns=stamp_ns_of(message.header),
        topic=topic,
        decode=lambda: compressed_to_rgb(message) if compressed else image_to_rgb(message),
        focal_at=lambda width, height: focal_of(info, width, height),
        shape_fault_at=lambda width, height: shape_fault(info, width, height),
        encoded=_as_recorded(bytes(message.data), str(message.format)) if compressed else None,
    )


def _as_recorded(data: bytes, format: str = '') -> bytes | None:
    """Return the bytes of a JPEG or PNG that anybody reads as the camera's pixels; None = they are to be converted."""
    source, _, compression = format.partition(';')
    encoding = ENCODINGS.get(source.strip())
    if 'compressed rgb' in compression or 'compressedDepth' in compression or source.strip().startswith('bayer_'):
        return None
    if encoding is not None and (encoding.to_rgb is None or encoding.dtype != np.uint8):
        return None
    if not data.startswith((JPEG_SIGNATURE, PNG_SIGNATURE)):
        return None
    header = read_header(data)
    return data if header and header.whole and header.bits == 8 and header.channels in (1, 3) else None


def _of_picture(file: Path, index: int) -> RecordedImage:
    return RecordedImage(
        time_ns=index * SECOND,
        stamp_ns=index * SECOND,
        topic='',
        decode=lambda: read_picture(file),
        focal_at=lambda width, height: None,
        encoded=_as_recorded(file.read_bytes()) if file.suffix.lower() in ('.jpg', '.jpeg', '.png') else None,
    )


def _of_video(frame: VideoFrame) -> RecordedImage:
    return RecordedImage(frame.time_ns, frame.time_ns, '', frame.decode, lambda width, height: None)
