# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The newest messages of a robot, bounded in seconds and in bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple


class BufferedMessage(NamedTuple):
    """A serialised message.

    Attributes:
        topic: resolved name with leading '/'.
        msgtype: for example 'sensor_msgs/msg/CompressedImage'.
        cdr: its bytes.
        time_ns: when it was received, nanoseconds.
        latched: whether it is sent once and kept.
    """

    topic: str
    msgtype: str
    cdr: bytes
    time_ns: int
    latched: bool = False


class RingBuffer:
    """Keeps the newest messages, in the order in which they came; for one thread.

    Attributes:
        bytes: of the messages that are kept.
        lost: messages that had to go, for want of bytes, although they were still to be taken.
    """

    def __init__(self, seconds: float, most_bytes: int):
        """Begin without messages.

        Args:
            seconds: messages that are older than this beside the newest go, unless they are to be taken.
            most_bytes: of all messages; the oldest go first.
        """
        self.bytes = self.lost = 0
        self._keep_ns, self._most_bytes = int(seconds * 1e9), most_bytes
        self._messages: deque[BufferedMessage] = deque()
        self._first = 0  # number of the oldest message, counted from the start
        self._wanted_from: int | None = None

    def append(self, message: BufferedMessage) -> None:
        """Keep one more."""
        self._messages.append(message)
        self.bytes += len(message.cdr)
        while self._messages and self._is_to_go(message.time_ns):
            gone = self._messages.popleft()
            self.bytes -= len(gone.cdr)
            if self._wanted_from is not None and self._first >= self._wanted_from:
                self.lost += 1
            self._first += 1

    def _is_to_go(self, now_ns: int) -> bool:
        if self.bytes > self._most_bytes:
            return True
        wanted = self._wanted_from is not None and self._first >= self._wanted_from
        return not wanted and self._messages[0].time_ns < now_ns - self._keep_ns

    @property
    def seconds(self) -> float:
        """Time between the oldest message and the newest."""
        return (self._messages[-1].time_ns - self._messages[0].time_ns) * 1e-9 if self._messages else 0.0

    def want_since(self, time_ns: int) -> None:
        """Keep all messages since a time until they are taken."""
        self._wanted_from = self._first + sum(message.time_ns < time_ns for message in self._messages)

    @property
    def wanted_bytes(self) -> int:
        """Bytes of the messages that are to be taken."""
        return sum(len(message.cdr) for message in self._wanted())

    def peek(self, until_ns: int) -> list[BufferedMessage]:
        """Return the messages that are to be taken, up to a time."""
        return [message for message in self._wanted() if message.time_ns <= until_ns]

    def took(self, count: int) -> None:
        """Tell that so many of them, the oldest, are in safety."""
        assert self._wanted_from is not None
        self._wanted_from = max(self._wanted_from, self._first) + count

    def want_nothing(self) -> None:
        """Keep messages by age and bytes alone."""
        self._wanted_from = None

    def _wanted(self) -> Iterator[BufferedMessage]:
        if self._wanted_from is None:
            return
        for number, message in enumerate(self._messages, self._first):
            if number >= self._wanted_from:
                yield message
