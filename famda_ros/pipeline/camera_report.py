# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which state of a camera is worth a warning or an error, and the report that says so; pure functions, without ROS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from famda_ros.student.runtime import STAGES

OK, WARN, ERROR = 0, 1, 2
"""Levels of diagnostic_msgs/DiagnosticStatus."""

NOT_YET = 'n/a'

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
class FrameTiming:
    """One published frame: when (seconds), and how many milliseconds it took in each stage and in all."""

    time: float
    stages: dict[str, float]
    total: float


@dataclass(frozen=True)
class CameraState:
    """What a report is made of.

    Attributes:
        new: how much each counter has grown since the last report.
        newest: the newest published frame, if there is one.
        late_s: for how many seconds every frame has been too slow.
        silent_s: for how many seconds the camera has owed an image.
        focal: fx of the camera in pixels, None where no calibration is known.
        focal_needed: whether metres depend on it.
        image_fault, calibration_fault, shape_fault: the last one of each, in a sentence.
        silence, no_calibration: why no image, or no calibration arrives, where the graph shows it.
        faint_fault: that no image uses the upper of its 16 bits.
        domain_fault: that the camera does not see what the student was adapted to.
    """

    new: Counter[str]
    newest: FrameTiming | None
    late_s: float
    silent_s: float
    focal: float | None
    image_fault: str = ''
    calibration_fault: str = ''
    shape_fault: str = ''
    silence: str = ''
    no_calibration: str = ''
    faint_fault: str = ''
    domain_fault: str = ''
    focal_needed: bool = True


def find_problems(state: CameraState, limits: DiagnosticLimits) -> list[tuple[int, str]]:
    """Return (level, sentence) of everything that is not as it should be, the worst first."""
    problems: list[tuple[int, str]] = []
    new, newest = state.new, state.newest
    if state.silent_s > limits.timeout_s:
        problems.append(
            (
                ERROR,
                f'no image for {state.silent_s:.1f} s, more than {limits.timeout_s:.1f} s: '
                f'{state.silence or "check the camera, its driver and the topic name"}',
            )
        )
    if newest and newest.total > limits.max_allowed_processing_time_ms:
        problems.append(
            (
                WARN,
                f'a frame took {newest.total:.1f} ms, more than {limits.max_allowed_processing_time_ms:.1f} ms',
            )
        )
    if 1e3 * state.late_s > limits.max_acceptable_consecutive_delay_ms:
        problems.append(
            (
                ERROR,
                f'every frame has been too slow for {1e3 * state.late_s:.0f} ms, more than '
                f'{limits.max_acceptable_consecutive_delay_ms:.0f} ms',
            )
        )
    if new['malformed']:
        problems.append((WARN, f'{new["malformed"]} malformed images, the last: {state.image_fault}'))
    if number := new['calibrations_malformed']:
        problems.append((WARN, f'{number} calibrations refused, the last: {state.calibration_fault}'))
    if new['stale']:
        problems.append(
            (
                WARN,
                f'{new["stale"]} images were older than max_age_ms when their turn came; a recording needs '
                'use_sim_time, or max_age_ms 0',
            )
        )
    if newest and state.focal is None and state.focal_needed:
        reason = f'; {state.no_calibration}' if state.no_calibration else ''
        problems.append((WARN, f"no calibrated camera_info: depth is for the model's focal length{reason}"))
    if state.faint_fault:
        problems.append((WARN, state.faint_fault))
    if newest and state.shape_fault:
        problems.append((WARN, state.shape_fault))
    if newest and state.domain_fault:
        problems.append((WARN, state.domain_fault))
    return sorted(problems, key=lambda problem: -problem[0])


def timing_values(
    frames: Iterable[FrameTiming], now: float, newest: FrameTiming | None, late_s: float, limits: DiagnosticLimits
) -> dict[str, str]:
    """Return the processing times under Autoware's names; mean and maximum of the last second beside them."""
    recent = [frame for frame in frames if 0 <= now - frame.time <= WINDOW_S]
    total = newest.total if newest else None
    late_ms = 1e3 * late_s if newest else None
    values = {
        'processing_time_ms': number(total),
        'is_processing_time_ms_in_expected_range': _within(total, limits.max_allowed_processing_time_ms),
        'consecutive_processing_delay_ms': number(late_ms),
        'is_consecutive_processing_delay_in_range': _within(late_ms, limits.max_acceptable_consecutive_delay_ms),
        'processing_time_mean_ms': _mean([frame.total for frame in recent]),
        'processing_time_max_ms': _maximum([frame.total for frame in recent]),
    }
    for stage in STAGES:
        times = [frame.stages[stage] for frame in recent if stage in frame.stages]
        values[f'{stage}_time_ms'] = number(newest.stages.get(stage) if newest else None)
        values[f'{stage}_time_mean_ms'] = _mean(times)
        values[f'{stage}_time_max_ms'] = _maximum(times)
    return values


def number(value: float | None, digits: int = 2) -> str:
    """Return a value as text; None as :data:`NOT_YET`."""
    return NOT_YET if value is None else f'{value:.{digits}f}'


def _within(value: float | None, limit: float) -> str:
    return NOT_YET if value is None else str(value <= limit)


def _mean(values: list[float]) -> str:
    return number(sum(values) / len(values) if values else None)


def _maximum(values: list[float]) -> str:
    return number(max(values, default=None))
