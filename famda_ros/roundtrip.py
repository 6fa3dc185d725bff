# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Compare the frames sent to a perception node with its answers, without ROS."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

IMAGE_ANSWERS = {
    'segmentation/mask': 'mono8',
    'segmentation/confidence': 'mono8',
    'segmentation/color': 'rgb8',
    'depth/image': '32FC1',
}
"""Topics that a perception node answers every frame with, and their encodings."""


@dataclass(frozen=True)
class ImageHead:
    """Everything of an image message but its pixels.

    Attributes:
        stamp_ns: header stamp, nanoseconds.
        frame_id: header frame_id.
        width, height: pixels; 0 for compressed images, whose messages do not say.
        encoding: for example 'mono8'; the format string of compressed images.
    """

    stamp_ns: int
    frame_id: str
    width: int
    height: int
    encoding: str


@dataclass(frozen=True)
class Seen:
    """A message that was sent or received, and when (monotonic clock, nanoseconds)."""

    head: ImageHead
    time_ns: int

    def to_list(self) -> list[Any]:
        """Return the values for a JSON report."""
        head = self.head
        return [head.stamp_ns, head.frame_id, head.width, head.height, head.encoding, self.time_ns]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Seen:
        """Inverse of :meth:`to_list`."""
        return cls(ImageHead(*values[:5]), values[5])


def read_head(cdr: bytes | memoryview, compressed: bool = False) -> ImageHead:
    """Read the head of a serialised sensor_msgs/Image or CompressedImage without touching its pixels."""
    order = '<' if cdr[1] & 1 else '>'
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', cdr, 4)
    frame_id, at = _string(cdr, 12, order)
    if compressed:
        return ImageHead(seconds * 10**9 + nanoseconds, frame_id, 0, 0, _string(cdr, at, order)[0])
    at = _aligned(at)
    height, width = struct.unpack_from(f'{order}II', cdr, at)
    return ImageHead(seconds * 10**9 + nanoseconds, frame_id, width, height, _string(cdr, at + 8, order)[0])


def _aligned(at: int) -> int:
    """CDR aligns 4-byte values, counted from the end of the 4-byte encapsulation header."""
    return at + -at % 4


def _string(cdr: bytes | memoryview, at: int, order: str) -> tuple[str, int]:
    at = _aligned(at)
    (length,) = struct.unpack_from(f'{order}I', cdr, at)
    return bytes(cdr[at + 4 : at + 4 + length]).rstrip(b'\0').decode(), at + 4 + length


def compare(
    sent: Sequence[Seen], answers: Mapping[str, Sequence[Seen]], size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Match answers to sent frames by their headers.

    Args:
        sent: frames as published.
        answers: per topic of :data:`IMAGE_ANSWERS` what came back.
        size: (width, height) of the sent images where their messages do not say.

    Returns:
        ``frames_sent``; ``frames_answered`` (on every topic); ``frames_partly_answered``;
        ``unknown_answers`` and ``repeated_answers`` (number of messages); ``headers_equal``,
        ``sizes_equal``, ``encodings_equal`` over all answers; ``latency_ms`` from publishing
        a frame to having its last answer: p50, p99, max, or None without answers.
    """
    by_stamp = {s.head.stamp_ns: s for s in sent}
    headers = sizes = encodings = True
    unknown = repeated = 0
    times: dict[int, dict[str, int]] = {}
    for topic, encoding in IMAGE_ANSWERS.items():
        for answer in answers.get(topic, ()):
            origin = by_stamp.get(answer.head.stamp_ns)
            if origin is None:
                unknown += 1
                headers = False
                continue
            headers &= answer.head.frame_id == origin.head.frame_id
            wanted = size if origin.head.width == 0 else (origin.head.width, origin.head.height)
            sizes &= wanted is None or (answer.head.width, answer.head.height) == wanted
            encodings &= answer.head.encoding == encoding
            of_frame = times.setdefault(answer.head.stamp_ns, {})
            repeated += topic in of_frame
            of_frame[topic] = answer.time_ns
    complete = {stamp: max(t.values()) for stamp, t in times.items() if len(t) == len(IMAGE_ANSWERS)}
    return {
        'frames_sent': len(sent),
        'frames_answered': len(complete),
        'frames_partly_answered': len(times) - len(complete),
        'unknown_answers': unknown,
        'repeated_answers': repeated,
        'headers_equal': bool(headers and times),
        'sizes_equal': bool(sizes and times),
        'encodings_equal': bool(encodings and times),
        'latency_ms': latency([(done - by_stamp[stamp].time_ns) * 1e-6 for stamp, done in complete.items()]),
    }


def latency(milliseconds: Iterable[float]) -> dict[str, float] | None:
    """Return p50, p99 and max, rounded to 0.01 ms; None for no values."""
    values = np.fromiter(milliseconds, float)
    if not values.size:
        return None
    p50, p99 = np.percentile(values, [50, 99])
    return {'p50': round(float(p50), 2), 'p99': round(float(p99), 2), 'max': round(float(values.max()), 2)}


def account(sent: int, answered: int, counts: Mapping[str, int]) -> dict[str, Any]:
    """Say where every sent frame has gone.

    Args:
        sent: frames published.
        answered: frames whose answers arrived.
        counts: the node's own counters, :data:`famda_ros.frame_statistics.COUNTERS`.

    Returns:
        The counters as ``frames_...``, ``frames_lost_before_node`` (best-effort transport:
        sent, but never received), ``frames_lost_after_node`` (answered, but not every answer
        arrived here) and ``every_frame_accounted``: the node's counters add up, its answers
        all arrived, and it received no more than was sent.
    """
    lost = sent - counts['received']
    ended = sum(number for name, number in counts.items() if name != 'received')
    return {
        'frames_received_by_node': counts['received'],
        'frames_dropped': counts['dropped'],
        'frames_stale': counts['stale'],
        'frames_malformed': counts['malformed'],
        'frames_idle': counts['idle'],
        'frames_lost_before_node': lost,
        'frames_lost_after_node': counts['answered'] - answered,
        'every_frame_accounted': lost >= 0 and counts['received'] == ended and counts['answered'] == answered,
    }
