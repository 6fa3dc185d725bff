# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Counters and times of one camera, safe to use from several threads; without ROS."""

from __future__ import annotations

import threading
from collections import Counter, deque

from famda_ros.pipeline.camera_report import (
    OK,
    CameraState,
    DiagnosticLimits,
    FrameTiming,
    Report,
    find_problems,
    number,
    timing_values,
)
from famda_ros.pipeline.drift import ALARMS, WAITING, DomainState

COUNTERS = ('received', 'answered', 'dropped', 'stale', 'malformed', 'idle')
"""Frames: taken from the topic; published; replaced by a newer one or too many for the rate
limit; too old when their turn came; contradicting themselves; not computed because nobody
listens.  When nothing is in the works,
received = answered + dropped + stale + malformed + idle."""

FAINT_IMAGES = 6
"""So many measured images in a row without a bright pixel are no accident of the light."""

PLAUSIBLE_AGE_MS = 60_000.0
"""An image older than this is of a recording or of another clock: its age says nothing about the node."""


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
        self._published: deque[FrameTiming] = deque(maxlen=1000)
        self._late_since: float | None = None
        self._input_age_ms: float | None = None
        self._latency_ms: float | None = None
        self._brightness: float | None = None
        self._domain = DomainState(WAITING, 0.0, '')
        self._confidence: float | None = None
        self._last_fault = self._last_calibration_fault = self._shape_fault = ''
        self._silence = self._no_calibration = self._faint = ''
        self._faint_images = 0

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
            self._silence = ''

    def idle(self) -> None:
        """Count a frame whose outputs nobody listens to."""
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

    def silent_because(self, reason: str) -> None:
        """Tell in a sentence why no image arrives; holds until one does."""
        with self._lock:
            self._silence = reason

    def uncalibrated_because(self, reason: str) -> None:
        """Tell in a sentence why no calibration arrives; '' = one has."""
        with self._lock:
            self._no_calibration = reason

    def faint(self, fault: str) -> None:
        """Tell in a sentence that the 16 bits of an image hold 12 or fewer; '' = they do not."""
        with self._lock:
            self._faint_images = self._faint_images + 1 if fault else 0
            self._faint = fault

    @property
    def faint_fault(self) -> str:
        """What the last few images have in common: 16 bits that hold 12 or fewer; '' = they have not."""
        with self._lock:
            return self._faint_fault()

    def _faint_fault(self) -> str:
        return self._faint if self._faint_images >= FAINT_IMAGES else ''

    def calibration_of_shape(self, fault: str) -> None:
        """Tell in a sentence that the calibration of the newest frame is for another shape; '' = it is not."""
        with self._lock:
            self._shape_fault = fault

    def domain(self, domain: DomainState) -> None:
        """Tell whether the camera sees what the student was adapted to."""
        with self._lock:
            self._domain = domain

    def answered(
        self,
        now: float,
        times_ms: dict[str, float],
        input_age_ms: float | None = None,
        latency_ms: float | None = None,
        brightness: float | None = None,
        confidence: float | None = None,
    ) -> None:
        """Count a frame whose outputs were published.

        Args:
            now: when its last output was published.
            times_ms: milliseconds per stage; 'postprocess' includes building and publishing messages.
            input_age_ms: age of the header stamp when work on it began; None = unknown.
            latency_ms: the same when the last output was published.
            brightness: mean luma of the image, 0..255; None = not measured.
            confidence: mean confidence of the mask, 0..1; None = not computed.
        """
        with self._lock:
            self._counts['answered'] += 1
            timing = FrameTiming(now, dict(times_ms), sum(times_ms.values()))
            self._published.append(timing)
            if timing.total <= self.limits.max_allowed_processing_time_ms:
                self._late_since = None
            elif self._late_since is None:
                self._late_since = now
            self._input_age_ms, self._latency_ms = _plausible(input_age_ms), _plausible(latency_ms)
            self._brightness, self._confidence = brightness, confidence

    def report(self, now: float, dropped: int, focal: float | None, focal_needed: bool = True) -> Report:
        """Return the state of the camera.

        Args:
            now: time of the report.
            dropped: frames since the start that the scheduler dropped.
            focal: fx of the camera in pixels, None where no calibration is known.
            focal_needed: whether the metres of the student depend on it.
        """
        with self._lock:
            counts = Counter({**self._counts, 'dropped': dropped})
            new = counts - self._reported
            self._reported = counts
            newest = self._published[-1] if self._published else None
            late_s = max(0.0, now - self._late_since) if self._late_since is not None else 0.0
            state = CameraState(
                new, newest, late_s, self._silent_s(now), focal,
                self._last_fault, self._last_calibration_fault, self._shape_fault,
                self._silence, self._no_calibration, self._faint_fault(),
                self._domain.reason if self._domain.state in ALARMS else '', focal_needed,
            )  # fmt: skip
            problems = find_problems(state, self.limits)
            values = {f'frames_{name}': str(counts[name]) for name in COUNTERS}
            values |= timing_values(self._published, now, newest, late_s, self.limits)
            values |= {
                'calibrations_malformed': str(counts['calibrations_malformed']),
                'input_age_ms': number(self._input_age_ms),
                'pipeline_latency_ms': number(self._latency_ms),
                'camera_focal_px': number(focal, 1),
                'brightness': number(self._brightness, 1),
                'mean_confidence': number(self._confidence, 3),
                'domain': self._domain.state,
                'domain_score': number(self._domain.score),
            }
            listening = self._listening_since is not None
        if problems:
            return Report(problems[0][0], '; '.join(sentence for _, sentence in problems), values)
        if not listening:
            return Report(OK, 'idle: nobody listens to an output', values)
        return Report(OK, 'running' if counts['received'] else 'waiting for images', values)

    def silent_s(self, now: float) -> float:
        """Return for how many seconds the camera has owed an image; 0.0 where nobody listens to it."""
        with self._lock:
            return self._silent_s(now)

    @property
    def calibrations_refused(self) -> int:
        """How many calibrations could not be used."""
        with self._lock:
            return self._counts['calibrations_malformed']

    def listening_s(self, now: float) -> float:
        """Return for how many seconds the node has been subscribed to the camera's images; 0.0 = it is not."""
        with self._lock:
            return 0.0 if self._listening_since is None else now - self._listening_since

    def _silent_s(self, now: float) -> float:
        """Return for how many seconds the camera has owed an image."""
        if self._listening_since is None:
            return 0.0
        since = self._listening_since
        return now - (since if self._last_received is None else max(since, self._last_received))


def _plausible(age_ms: float | None) -> float | None:
    return age_ms if age_ms is not None and age_ms <= PLAUSIBLE_AGE_MS else None
