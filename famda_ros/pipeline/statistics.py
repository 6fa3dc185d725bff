# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the perception node reports about each camera, without ROS."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from famda_ros.student.runtime import STAGES

OK, WARN, ERROR = 0, 1, 2
"""Levels of diagnostic_msgs/DiagnosticStatus."""

NOT_YET = 'n/a'

COUNTERS = ('received', 'answered', 'dropped', 'stale', 'malformed', 'idle')
"""Frames: taken from the topic; published; replaced by a newer one or too many for the rate
limit; too old when their turn came; contradicting themselves; not computed because nobody
listens.  When nothing is in the works,
received = answered + dropped + stale + malformed + idle."""

PLAUSIBLE_AGE_MS = 60_000.0
"""An image older than this is of a recording or of another clock: its age says nothing about the node."""

WINDOW_S = 1.0
"""Means and maxima are of the frames answered within so many seconds before the report."""


@dataclass(frozen=True)
class DiagnosticLimits:
    """What is worth a warning or an error.

    Attributes:
        max_allowed_processing_time_ms: WARN when the newest frame took longer.
        max_acceptable_consecutive_delay_ms: ERROR when every frame took too long for this time.
        timeout_s: ERROR when a camera that the node listens to sent nothing for longer.
    """

    max_allowed_processing_time_ms: float = 200.0
    max_acceptable_consecutive_delay_ms: float = 1000.0
    timeout_s: float = 1.0


@dataclass(frozen=True)
class Report:
    """Content of one diagnostic_msgs/DiagnosticStatus."""

    level: int
    message: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Answer:
    """One answered frame: when (seconds), and how many milliseconds it took in each stage and in all."""

    time: float
    stages: dict[str, float]
    total: float


class CameraStatistics:
    """Counters, times and light of one camera; safe to use from several threads.

    Every ``now`` is seconds of one clock that never goes back (time.monotonic).

    Attributes:
        limits: what is worth a warning; may be replaced at any time.
    """

    def __init__(self, limits: DiagnosticLimits | None = None):
        """Begin with zeros, not listening to the camera."""
        self.limits = limits or DiagnosticLimits()
        self._lock = threading.Lock()
        self.restart()

    def restart(self) -> None:
        """Begin again with zeros; the limits stay."""
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        self._counts: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()
        self._listening_since: float | None = None
        self._last_received: float | None = None
        self._answers: deque[_Answer] = deque(maxlen=1000)
        self._late_since: float | None = None
        self._input_age_ms: float | None = None
        self._latency_ms: float | None = None
        self._brightness: float | None = None
        self._confidence: float | None = None
        self._last_fault = self._last_calibration_fault = self._shape_fault = ''

    def listen(self, listening: bool, now: float) -> None:
        """Tell whether the node is subscribed to the camera's images; if it is not, silence is no fault."""
        with self._lock:
            if not listening:
                self._listening_since = None
            elif self._listening_since is None:
                self._listening_since = now

    def received(self, now: float) -> None:
        """Count a frame that came from the topic."""
        with self._lock:
            self._counts['received'] += 1
            self._last_received = now

    def idle(self) -> None:
        """Count a frame that nobody wants an answer to."""
        with self._lock:
            self._counts['idle'] += 1

    def stale(self) -> None:
        """Count a frame that was too old when its turn came."""
        with self._lock:
            self._counts['stale'] += 1

    def malformed(self, sentence: str) -> None:
        """Count a frame that cannot be read."""
        with self._lock:
            self._counts['malformed'] += 1
            self._last_fault = sentence

    def malformed_calibration(self, sentence: str) -> None:
        """Count a camera_info that cannot be used."""
        with self._lock:
            self._counts['calibrations_malformed'] += 1
            self._last_calibration_fault = sentence

    def calibration_of_shape(self, fault: str) -> None:
        """Tell in a sentence that the calibration of the newest frame is for another shape; '' = it is not."""
        with self._lock:
            self._shape_fault = fault

    def answered(
        self,
        now: float,
        times_ms: dict[str, float],
        input_age_ms: float | None = None,
        latency_ms: float | None = None,
        brightness: float | None = None,
        confidence: float | None = None,
    ) -> None:
        """Count an answered frame.

        Args:
            now: when its last answer was published.
            times_ms: milliseconds per stage; 'postprocess' includes building and publishing messages.
            input_age_ms: age of the header stamp when work on it began; None = it cannot be told.
            latency_ms: the same when the last answer was published.
            brightness: mean luma of the image, 0..255; None = not measured.
            confidence: mean confidence of the mask, 0..1; None = not computed.
        """
        with self._lock:
            self._counts['answered'] += 1
            answer = _Answer(now, dict(times_ms), sum(times_ms.values()))
            self._answers.append(answer)
            if answer.total <= self.limits.max_allowed_processing_time_ms:
                self._late_since = None
            elif self._late_since is None:
                self._late_since = now
            self._input_age_ms, self._latency_ms = _plausible(input_age_ms), _plausible(latency_ms)
            self._brightness, self._confidence = brightness, confidence

    def report(self, now: float, dropped: int, focal: float | None) -> Report:
        """Return the state of the camera.

        Args:
            now: time of the report.
            dropped: frames since the start that the scheduler dropped.
            focal: fx of the camera in pixels, None where no calibration is known.
        """
        with self._lock:
            counts = Counter({**self._counts, 'dropped': dropped})
            new = counts - self._reported
            self._reported = counts
            newest = self._answers[-1] if self._answers else None
            late_s = max(0.0, now - self._late_since) if self._late_since is not None else 0.0
            silent_s = self._silent_s(now)
            problems = self._problems(new, newest, late_s, silent_s, focal)
            values = {f'frames_{name}': str(counts[name]) for name in COUNTERS}
            values |= self._times(now, newest, late_s)
            values |= {
                'calibrations_malformed': str(counts['calibrations_malformed']),
                'input_age_ms': _number(self._input_age_ms),
                'pipeline_latency_ms': _number(self._latency_ms),
                'camera_focal_px': _number(focal, 1),
                'brightness': _number(self._brightness, 1),
                'mean_confidence': _number(self._confidence, 3),
            }
            listening = self._listening_since is not None
        if problems:
            problems.sort(key=lambda problem: -problem[0])
            return Report(problems[0][0], '; '.join(sentence for _, sentence in problems), values)
        if not listening:
            return Report(OK, 'idle: nobody listens to an output', values)
        return Report(OK, 'running' if counts['received'] else 'waiting for images', values)

    def _silent_s(self, now: float) -> float:
        """Return for how many seconds the camera has owed an image."""
        if self._listening_since is None:
            return 0.0
        since = self._listening_since
        return now - (since if self._last_received is None else max(since, self._last_received))

    def _problems(
        self, new: Counter[str], newest: _Answer | None, late_s: float, silent_s: float, focal: float | None
    ) -> list[tuple[int, str]]:
        """Return (level, sentence) of everything that is not as it should be."""
        limits, problems = self.limits, []
        if silent_s > limits.timeout_s:
            problems.append(
                (
                    ERROR,
                    f'no image for {silent_s:.1f} s, more than {limits.timeout_s:.1f} s: check the camera, its driver '
                    'and the topic name',
                )
            )
        if newest and newest.total > limits.max_allowed_processing_time_ms:
            problems.append(
                (
                    WARN,
                    f'a frame took {newest.total:.1f} ms, more than {limits.max_allowed_processing_time_ms:.1f} ms',
                )
            )
        if 1e3 * late_s > limits.max_acceptable_consecutive_delay_ms:
            problems.append(
                (
                    ERROR,
                    f'every frame has been too slow for {1e3 * late_s:.0f} ms, more than '
                    f'{limits.max_acceptable_consecutive_delay_ms:.0f} ms',
                )
            )
        if new['malformed']:
            problems.append((WARN, f'{new["malformed"]} malformed images, the last: {self._last_fault}'))
        if number := new['calibrations_malformed']:
            problems.append((WARN, f'{number} calibrations refused, the last: {self._last_calibration_fault}'))
        if new['stale']:
            problems.append(
                (
                    WARN,
                    f'{new["stale"]} images were older than max_age_ms when their turn came; a recording needs '
                    'use_sim_time, or max_age_ms 0',
                )
            )
        if newest and focal is None:
            problems.append((WARN, "no calibrated camera_info: depth is for the model's focal length"))
        if newest and self._shape_fault:
            problems.append((WARN, self._shape_fault))
        return problems

    def _times(self, now: float, newest: _Answer | None, late_s: float) -> dict[str, str]:
        """Return the processing times under Autoware's names; mean and maximum of the last second beside them."""
        limits = self.limits
        recent = [answer for answer in self._answers if 0 <= now - answer.time <= WINDOW_S]
        total = newest.total if newest else None
        late_ms = 1e3 * late_s if newest else None
        values = {
            'processing_time_ms': _number(total),
            'is_processing_time_ms_in_expected_range': _within(total, limits.max_allowed_processing_time_ms),
            'consecutive_processing_delay_ms': _number(late_ms),
            'is_consecutive_processing_delay_in_range': _within(late_ms, limits.max_acceptable_consecutive_delay_ms),
            'processing_time_mean_ms': _mean([answer.total for answer in recent]),
            'processing_time_max_ms': _maximum([answer.total for answer in recent]),
        }
        for stage in STAGES:
            times = [answer.stages[stage] for answer in recent if stage in answer.stages]
            values[f'{stage}_time_ms'] = _number(newest.stages.get(stage) if newest else None)
            values[f'{stage}_time_mean_ms'] = _mean(times)
            values[f'{stage}_time_max_ms'] = _maximum(times)
        return values


def _plausible(age_ms: float | None) -> float | None:
    return age_ms if age_ms is not None and age_ms <= PLAUSIBLE_AGE_MS else None


def _number(value: float | None, digits: int = 2) -> str:
    return NOT_YET if value is None else f'{value:.{digits}f}'


def _within(value: float | None, limit: float) -> str:
    return NOT_YET if value is None else str(value <= limit)


def _mean(values: list[float]) -> str:
    return _number(sum(values) / len(values) if values else None)


def _maximum(values: list[float]) -> str:
    return _number(max(values, default=None))
