# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the perception node reports about itself, without ROS."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from famda_ros.student import STAGES

OK, WARN = 0, 1
"""Levels of diagnostic_msgs/DiagnosticStatus."""

NOT_YET = 'n/a'

COUNTERS = ('received', 'answered', 'dropped', 'malformed', 'idle')
"""Frames: taken from the topic; published; replaced by a newer one or too old; contradicting
themselves; not computed because nobody listens.  When nothing is in the works,
received = answered + dropped + malformed + idle."""


@dataclass(frozen=True)
class Report:
    """Content of one diagnostic_msgs/DiagnosticStatus."""

    level: int
    message: str
    values: dict[str, str] = field(default_factory=dict)


class FrameStatistics:
    """Counters and the times of the newest frame; safe to use from several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._times: dict[str, float] = {}
        self._age_ms: float | None = None
        self._malformed_reported = 0
        self._last_fault = ''

    def count(self, what: str) -> None:
        """Add one to a counter of :data:`COUNTERS` (``dropped``: only frames that were too old)."""
        with self._lock:
            self._counts[what] += 1

    def malformed(self, sentence: str) -> None:
        """Count an image that cannot be read."""
        with self._lock:
            self._counts['malformed'] += 1
            self._last_fault = sentence

    def answered(self, times_ms: dict[str, float], age_ms: float | None) -> None:
        """Count an answered frame.

        Args:
            times_ms: milliseconds per stage; 'postprocess' includes building and publishing messages.
            age_ms: now minus header stamp, None where the clock of the stamp is another one.
        """
        with self._lock:
            self._counts['answered'] += 1
            self._times = dict(times_ms)
            self._age_ms = age_ms

    def report(self, replaced: int, max_processing_ms: float, focal: float | None) -> Report:
        """Return the state since the start.

        Args:
            replaced: frames that a newer one replaced before they were looked at.
            max_processing_ms: a frame that takes longer is worth a warning.
            focal: fx of the camera in pixels, None where no calibration is known.
        """
        with self._lock:
            counts = {name: self._counts[name] for name in COUNTERS}
            counts['dropped'] += replaced
            total = sum(self._times.values()) if self._times else None
            in_range = total is None or total <= max_processing_ms
            new_malformed = counts['malformed'] - self._malformed_reported
            self._malformed_reported = counts['malformed']
            times = {f'{stage}_time_ms': _ms(self._times.get(stage)) for stage in STAGES}
            age, fault = self._age_ms, self._last_fault
        values = {
            **{f'frames_{name}': str(number) for name, number in counts.items()},
            'processing_time_ms': _ms(total),
            'is_processing_time_ms_in_expected_range': str(in_range) if total is not None else NOT_YET,
            **times,
            'pipeline_latency_ms': _ms(age),
            'camera_focal_px': f'{focal:.1f}' if focal is not None else NOT_YET,
        }
        problems = []
        if new_malformed:
            problems.append(f'{new_malformed} malformed images, the last: {fault}')
        if not in_range:
            problems.append(f'a frame took {total:.1f} ms, more than {max_processing_ms:.1f} ms')
        if counts['answered'] and focal is None:
            problems.append("no calibrated camera_info: depth is for the model's focal length")
        if problems:
            return Report(WARN, '; '.join(problems), values)
        return Report(OK, 'running' if counts['received'] else 'waiting for images', values)


def _ms(value: float | None) -> str:
    return NOT_YET if value is None else f'{value:.2f}'
