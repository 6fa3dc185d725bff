# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Day or night: the decision of the profile 'auto', from the light and from the student's confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from famda_ros.errors import FamdaError

DAY, NIGHT = 'day', 'night'

LONGEST_STEP_S = 1.0
"""No two measurements count for more time than this, so that a jump of the clock or a pause decides nothing."""


@dataclass(frozen=True)
class AutoSettings:
    """When the profile 'auto' switches.

    Attributes:
        dark_below: brightness, 0..255, below which it is night.
        bright_above: brightness above which it is day; between the two nothing changes.
        dwell_s: seconds for which it must have been so without a break; also the least time between two switches.
        max_confidence_drop: if within dwell_s after a switch the mean confidence, 0..1, turns out to be lower by
            more than this than before, the switch is taken back; 1 = never.
    """

    dark_below: float = 50.0
    bright_above: float = 75.0
    dwell_s: float = 5.0
    max_confidence_drop: float = 0.15

    def __post_init__(self):
        """Check the values.

        Raises:
            FamdaError: one is out of range, with the reason.
        """
        if not 0 <= self.dark_below < self.bright_above <= 255:
            raise FamdaError(
                'auto.dark_below must be below auto.bright_above, both from 0 to 255, '
                f'not {self.dark_below} and {self.bright_above}'
            )
        if not (math.isfinite(self.dwell_s) and self.dwell_s > 0):
            raise FamdaError(f'auto.dwell_s must be greater than 0, not {self.dwell_s}')
        if not 0 <= self.max_confidence_drop <= 1:
            raise FamdaError(f'auto.max_confidence_drop must be from 0 to 1, not {self.max_confidence_drop}')


@dataclass(frozen=True)
class Decision:
    """The profile to use now.

    Attributes:
        profile: 'day' or 'night'.
        switched: whether it is another one than before.
        reason: one sentence for the log and the diagnostics.
    """

    profile: str
    switched: bool
    reason: str


class _Streak:
    """Measurements under the same light, one after the other.

    Attributes:
        light: 'day', 'night', or None for the band between.
        seconds: for how long.
    """

    def __init__(self, light: str | None):
        self.light = light
        self.seconds = 0.0
        self._sum, self._count = 0.0, 0

    def add(self, seconds: float, confidence: float) -> None:
        self.seconds += seconds
        if math.isfinite(confidence):
            self._sum += confidence
            self._count += 1

    @property
    def confidence(self) -> float:
        """Mean confidence; NaN where none was known."""
        return self._sum / self._count if self._count else math.nan


class AutoProfile:
    """Decides between day and night; a state machine without clock or input of its own.

    The light decides: outside the band between the two thresholds, for ``dwell_s`` without
    a break.  The confidence may object: where the student that was switched to is clearly
    less confident under the same light, the old one comes back and stays until the light has
    been on the other side.  In the band between the thresholds nothing is ever switched.
    """

    def __init__(self, settings: AutoSettings | None = None, profile: str = DAY):
        """Begin with ``profile``, 'day' or 'night'."""
        self.settings = settings or AutoSettings()
        self.profile = profile
        self.reason = f'{profile} from the start'
        self._time: float | None = None
        self._streak = _Streak(None)
        # Mean confidence before the last switch, until that has proved itself.
        self._on_trial_against: float | None = None
        self._refused: str | None = None  # not again before the light has been on the other side

    def update(self, brightness: float, confidence: float, now: float) -> Decision:
        """Take a measurement and decide.

        With several cameras give their means.  While the caller is still loading the
        student of the last decision there is nothing to measure.

        Args:
            brightness: mean luma of the image as it came, 0..255; NaN = unknown, which changes nothing.
            confidence: mean confidence of the mask under the present profile, 0..1; NaN = unknown.
            now: seconds.
        """
        step = 0.0 if self._time is None else min(max(now - self._time, 0.0), LONGEST_STEP_S)
        self._time = now
        if not math.isfinite(brightness):
            return self._stay()
        light = self._light(brightness)
        if light != self._streak.light:
            self._streak = _Streak(light)
            step = 0.0
        self._streak.add(step, confidence)
        if light is None:
            return self._stay()
        if light != self._refused:
            self._refused = None
        if light != self.profile:
            self._on_trial_against = None  # the light has changed sides: it can no longer be compared
        if self._streak.seconds < self.settings.dwell_s:
            return self._stay()
        if light != self.profile and light != self._refused:
            return self._switch_to(light, brightness)
        if self._on_trial_against is not None:
            return self._conclude_trial(self._on_trial_against)
        return self._stay()

    def refuse(self, reason: str) -> None:
        """Take the last decision back because the switch failed; not tried again before the light changes sides."""
        self._return_from(self.profile, reason)

    def _light(self, brightness: float) -> str | None:
        if brightness < self.settings.dark_below:
            return NIGHT
        return DAY if brightness > self.settings.bright_above else None

    def _stay(self) -> Decision:
        return Decision(self.profile, False, self.reason)

    def _switch_to(self, light: str, brightness: float) -> Decision:
        limits = self.settings
        beyond = f'below {limits.dark_below:g}' if light == NIGHT else f'above {limits.bright_above:g}'
        seconds = self._streak.seconds
        self.profile = light
        self.reason = f'{light}, because the brightness, now {brightness:.0f}, was {beyond} for {seconds:.1f} s'
        self._on_trial_against = self._streak.confidence
        self._streak = _Streak(light)
        return Decision(light, True, self.reason)

    def _conclude_trial(self, before: float) -> Decision:
        after, self._on_trial_against = self._streak.confidence, None
        if not before - after > self.settings.max_confidence_drop:  # NaN is no objection
            return self._stay()
        self._return_from(self.profile, f'the mean confidence fell from {before:.2f} to {after:.2f} with it')
        return Decision(self.profile, True, self.reason)

    def _return_from(self, profile: str, reason: str) -> None:
        self.profile = DAY if profile == NIGHT else NIGHT
        self.reason = f'{self.profile} again, because {profile} was refused: {reason}'
        self._refused, self._on_trial_against = profile, None
        self._streak = _Streak(self._streak.light)
