# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The newest messages of a robot, bounded in seconds and in bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
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
        self._wanted_since_ns: int | None = None
        self._next = 0  # number of the first message that was not taken; several can have the time of the last taken

    def append(self, message: BufferedMessage) -> None:
        """Keep one more."""
        self._messages.append(message)
        self.bytes += len(message.cdr)
        while self._messages and self._is_to_go(message.time_ns):
            gone = self._messages.popleft()
            self.bytes -= len(gone.cdr)
            self.lost += self._is_wanted(self._first, gone)
            self._first += 1

    def _is_to_go(self, now_ns: int) -> bool:
        if self.bytes > self._most_bytes:
            return True
        oldest = self._messages[0]
        return oldest.time_ns < now_ns - self._keep_ns and not self._is_wanted(self._first, oldest)

    def _is_wanted(self, number: int, message: BufferedMessage) -> bool:
        since_ns = self._wanted_since_ns
        return since_ns is not None and number >= self._next and message.time_ns >= since_ns

    @property
    def seconds(self) -> float:
        """Time between the oldest message and the newest."""
        return (self._messages[-1].time_ns - self._messages[0].time_ns) * 1e-9 if self._messages else 0.0

    def want_since(self, time_ns: int) -> None:
        """Keep all messages of a time (nanoseconds) and after it until they are taken, also those that come later."""
        self._wanted_since_ns, self._next = time_ns, self._first

    @property
    def wanted_bytes(self) -> int:
        """Bytes of the messages that are to be taken."""
        return sum(len(message.cdr) for _, message in self._wanted())

    def peek(self, until_ns: int) -> list[BufferedMessage]:
        """Return the messages that are to be taken, up to a time."""
        return [message for _, message in self._wanted() if message.time_ns <= until_ns]

    def took(self, count: int) -> None:
        """Let so many of them go, the oldest: they are on the disk."""
        for number, _ in islice(self._wanted(), count):
            self._next = number + 1

    def want_nothing(self) -> None:
        """Keep messages by age and bytes alone."""
        self._wanted_since_ns = None

    def _wanted(self) -> Iterator[tuple[int, BufferedMessage]]:
        """Yield (number, message) of the messages that are to be taken."""
        numbered = enumerate(self._messages, self._first)
        return ((number, message) for number, message in numbered if self._is_wanted(number, message))
