# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the newest messages in memory, and writes bags around triggers, in a thread of its own; without ROS.

Whoever receives messages only hands them over.  The thread compresses raw images, keeps everything in a ring buffer,
and writes what belongs to a recording to the disk, a few seconds at a time: a process that is killed loses no more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.messages.bag_types import COMPRESSED_IMAGE, IMAGE, message_type, typestore
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.messages.image_messages import encode_image, image_to_rgb
from famda_ros.messages.recording_folder import RecordingFolder
from famda_ros.messages.ring_buffer import BufferedMessage, RingBuffer
from famda_ros.messages.split_bag import append_file
from famda_ros.topics import COMPRESSED

POLL_S = 0.05
RETRY_S = 1.0
MOST_LATCHED = 100
"""Messages that are kept of a latched topic; every publisher of fixed transforms has one."""
GRACE_NS = 200_000_000
"""A message that came just before the end is handed over just after it."""
ALWAYS, FOREVER_NS = 'always', 1 << 62


@dataclass(frozen=True)
class RecorderSettings:
    """How a recorder records.

    Attributes:
        pre_s, post_s: seconds before and after a trigger.
        file_s: a file is written after so many seconds at most; a process that is killed loses no more.
        bag_s: a recording that goes on for longer is continued in a new bag.
        buffer_bytes: memory for messages.
        image_format: 'jpeg' or 'png': what raw images are compressed to.
        jpeg_quality: 1..100.
        tags: written into the metadata of every bag.
    """

    pre_s: float = 10.0
    post_s: float = 20.0
    file_s: float = 5.0
    bag_s: float = 300.0
    buffer_bytes: int = 512 << 20
    image_format: str = 'jpeg'
    jpeg_quality: int = 95
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Recording:
    """A recording under way.

    Attributes:
        bag: where it goes.
        tags: of its bag.
        begin_ns, end_ns: messages from when to when belong to it.
        due_ns: when its next file is due.
        continues: whether it goes on where the bag before has ended.
        files: how many have been written.
    """

    bag: Path
    tags: Mapping[str, str]
    begin_ns: int
    end_ns: int
    due_ns: int
    continues: bool = False
    files: int = 0


class TriggeredRecorder:
    """Records around triggers; safe to use from several threads.

    Attributes:
        fault: why nothing can be written now; '' = it can.
        lost: messages of a recording that did not get to the disk.
        malformed: raw images that could not be read.
        recordings: bags that were begun.
    """

    def __init__(
        self,
        folder: RecordingFolder,
        settings: RecorderSettings,
        clock: Callable[[], int],
        on_end: Callable[[Path], None] = lambda bag: None,
    ):
        """Start the thread.

        Args:
            folder: where the bags go; closed with the recorder.
            settings: how.
            clock: nanoseconds, of which messages have the time at which they came.
            on_end: called, in the thread, with every bag that is complete.
        """
        self.fault = ''
        self.malformed = self.recordings = self._dropped = 0
        self._folder, self._settings, self._clock, self._on_end = folder, settings, clock, on_end
        self._ring = RingBuffer(settings.pre_s, settings.buffer_bytes)
        self._latched: dict[str, list[BufferedMessage]] = {}
        self._recording: _Recording | None = None
        self._condition = threading.Condition()
        self._inbox: deque[BufferedMessage] = deque()
        self._inbox_bytes = 0
        self._closing = False
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name='recorder')
        self._thread.start()

    def put(self, message: BufferedMessage) -> None:
        """Take a message; never waits for the disk."""
        with self._condition:
            if self._inbox_bytes + len(message.cdr) > self._settings.buffer_bytes:
                self._dropped += 1
                return
            self._inbox.append(message)
            self._inbox_bytes += len(message.cdr)

    def trigger(self, kind: str, reason: str = '') -> Path:
        """Record from ``pre_s`` before now to ``post_s`` after; during a recording that one goes on.

        Args:
            kind: one word: 'service', 'drift', 'schedule' or 'always'; the last goes on until the end.
            reason: a sentence for the metadata.

        Returns:
            The bag that is to have it.
        """
        now = self._clock()
        end = FOREVER_NS if kind == ALWAYS else now + int(self._settings.post_s * 1e9)
        with self._condition:
            if self._recording is not None:
                self._recording.end_ns = max(self._recording.end_ns, end)
                return self._recording.bag
            tags = {
                **self._settings.tags, 'famda_version': __version__, 'trigger': kind, 'trigger_reason': reason,
                'trigger_time_ns': str(now),
            }  # fmt: skip
            begin = now - int(self._settings.pre_s * 1e9)
            self._recording = _Recording(self._folder.new_bag(kind, now), tags, begin, end, now)
            self.recordings += 1
            return self._recording.bag

    @property
    def lost(self) -> int:
        """Messages of a recording that did not get to the disk."""
        return self._ring.lost + self._dropped

    @property
    def recording(self) -> Path | None:
        """The bag that is being written; None = none is."""
        recording = self._recording
        return recording.bag if recording else None

    @property
    def buffered(self) -> tuple[float, int]:
        """Seconds and bytes that are kept in memory."""
        return self._ring.seconds, self._ring.bytes + self._inbox_bytes

    def close(self) -> None:
        """Write what belongs to a recording, and end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()
        self._folder.close()

    def _run(self) -> None:
        wanted: _Recording | None = None  # whose messages the ring is told to keep
        while True:
            with self._condition:
                if not self._closing:
                    self._condition.wait(POLL_S)
                closing, taken = self._closing, self._inbox
                self._inbox, self._inbox_bytes = deque(), 0
                recording = self._recording
            if recording is not None and recording is not wanted and not recording.continues:
                self._ring.want_since(recording.begin_ns)
            wanted = recording
            for message in taken:
                self._keep(message)
            if recording is not None:
                self._advance(recording, closing)
                if self._recording is None:
                    self._ring.want_nothing()
                    wanted = None
            if closing:
                return

    def _keep(self, message: BufferedMessage) -> None:
        if message.msgtype == IMAGE:
            try:
                message = compressed(message, self._settings.image_format, self._settings.jpeg_quality)
            except FamdaError:
                self.malformed += 1
                return
        if message.latched:
            kept = self._latched.setdefault(message.topic, [])
            others = [other for other in kept if other.cdr != message.cdr]
            kept[:] = [*others[-MOST_LATCHED + 1 :], message]
        self._ring.append(message)

    def _advance(self, recording: _Recording, closing: bool) -> None:
        """Write what is due of a recording, and end it where it is over."""
        now = self._clock()
        over = closing or now >= recording.end_ns + GRACE_NS
        urgent = self._ring.wanted_bytes > self._settings.buffer_bytes // 4
        waits = self.fault and time.monotonic() < self._retry_at
        if not closing and (waits or not (over or urgent or now >= recording.due_ns)):
            return
        messages = self._ring.peek(recording.end_ns)
        try:
            if messages:
                self._write(recording, messages)
            self.fault = ''
        except FamdaError as error:
            self.fault = str(error)
            self._retry_at = time.monotonic() + RETRY_S
            if not closing and now < recording.end_ns + int(self._settings.post_s * 1e9):
                return  # it is tried again; the ring keeps what it can
            self._dropped += len(messages)
        recording.due_ns = now + int(self._settings.file_s * 1e9)
        with self._condition:
            if closing or now >= recording.end_ns + GRACE_NS:  # no trigger has prolonged it meanwhile
                self._recording = None
            elif now - recording.begin_ns > self._settings.bag_s * 1e9:
                bag = self._folder.new_bag(recording.tags['trigger'], now)
                self._recording = _Recording(bag, recording.tags, now, recording.end_ns, recording.due_ns, True)
                self.recordings += 1
            else:
                return
        if recording.files:
            self._on_end(recording.bag)

    def _write(self, recording: _Recording, messages: list[BufferedMessage]) -> None:
        self._folder.make_room(sum(len(message.cdr) for message in messages), recording.bag)
        first = messages[0].time_ns
        earlier = [
            message._replace(time_ns=first)
            for kept in self._latched.values()
            for message in kept
            if not recording.files and message.time_ns < first
        ]

        def write(bag: BagWriter) -> None:
            for message in [*earlier, *messages]:
                bag.write_raw(message.topic, message.msgtype, message.cdr, message.time_ns, message.latched)

        append_file(recording.bag, write, recording.tags)
        recording.files += 1
        self._ring.took(len(messages))


def compressed(message: BufferedMessage, image_format: str, quality: int) -> BufferedMessage:
    """Return a raw image as a compressed one, on the topic with ``/compressed`` behind its name.

    Args:
        message: a serialised sensor_msgs/Image.
        image_format: 'jpeg' or 'png'.
        quality: of JPEG, 1..100.

    Raises:
        MalformedImage: it contradicts itself, or holds no colours.
    """
    image = typestore().deserialize_cdr(message.cdr, IMAGE)
    data = encode_image(image_to_rgb(image), '.png' if image_format == 'png' else '.jpg', quality)
    kind = message_type(COMPRESSED_IMAGE)
    small = kind(header=image.header, format=image_format, data=np.frombuffer(data, np.uint8))
    cdr = bytes(typestore().serialize_cdr(small, COMPRESSED_IMAGE))
    return BufferedMessage(f'{message.topic}{COMPRESSED}', COMPRESSED_IMAGE, cdr, message.time_ns, message.latched)
