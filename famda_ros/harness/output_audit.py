# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Compare the frames sent to a perception node with its outputs, without ROS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from famda_ros.messages.serialized_head import Seen
from famda_ros.topics import RECORDED_TOPICS


def compare(
    sent: Sequence[Seen], outputs: Mapping[str, Sequence[Seen]], size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Match outputs to sent frames by their headers.

    Args:
        sent: frames as published.
        outputs: per topic of :data:`RECORDED_TOPICS` what came back.
        size: (width, height) of the sent images where their messages do not say.

    Returns:
        ``frames_sent``; ``frames_answered`` (on every topic); ``frames_partly_answered``;
        ``unknown_outputs`` and ``repeated_outputs`` (number of messages); ``headers_equal``,
        ``sizes_equal``, ``encodings_equal`` over all outputs; ``latency_ms`` from publishing
        a frame to having its last output: p50, p99, max, or None without outputs.
    """
    by_stamp = {s.head.stamp_ns: s for s in sent}
    headers = sizes = encodings = True
    unknown = repeated = 0
    times: dict[int, dict[str, int]] = {}
    for topic, encoding in RECORDED_TOPICS.items():
        for output in outputs.get(topic, ()):
            origin = by_stamp.get(output.head.stamp_ns)
            if origin is None:
                unknown += 1
                headers = False
                continue
            headers &= output.head.frame_id == origin.head.frame_id
            wanted = size if origin.head.width == 0 else (origin.head.width, origin.head.height)
            sizes &= wanted is None or (output.head.width, output.head.height) == wanted
            encodings &= output.head.encoding == encoding
            of_frame = times.setdefault(output.head.stamp_ns, {})
            repeated += topic in of_frame
            of_frame[topic] = output.time_ns
    complete = {stamp: max(t.values()) for stamp, t in times.items() if len(t) == len(RECORDED_TOPICS)}
    return {
        'frames_sent': len(sent),
        'frames_answered': len(complete),
        'frames_partly_answered': len(times) - len(complete),
        'unknown_outputs': unknown,
        'repeated_outputs': repeated,
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
        answered: frames whose outputs arrived.
        counts: the node's own counters, :data:`famda_ros.pipeline.camera_statistics.COUNTERS`.

    Returns:
        The counters as ``frames_...``, ``frames_lost_before_node`` (best-effort transport:
        sent, but never received), ``frames_lost_after_node`` (answered, but not every output
        arrived here) and ``every_frame_accounted``: the node's counters add up, its outputs
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
