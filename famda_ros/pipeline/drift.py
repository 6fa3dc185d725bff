# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Does the camera still see what the student was adapted to?  Without ROS, in less than a millisecond a frame.

Every frame becomes some thirty numbers (:mod:`famda_ros.pipeline.frame_statistics`).  The newest :data:`WINDOW` of
them are compared with the model card's reference, number by number, by a two-sample test of Kolmogorov and Smirnov
with Bonferroni's correction, which Rabanser et al., "Failing Loudly" (arXiv 1810.11953), found to be as good as any
on the outputs of a trained network.  Two things differ from independent samples:

* Neighbouring frames are alike: the test counts a window as :data:`INDEPENDENT` frames.
* A few seconds of one street are one place of the domain, and need not be spread as all of it is.  So a number counts
  only as far as its median lies beyond the reference's range, in widths of that range, less a tolerance: what is in
  sight changes more than light and confidence do.

What counts is added up; from :data:`RAISE_AT` on, twice in a row, the domain is another.  Images that are black,
frozen, noise or upside down are told apart from it.  docs/drift.md says how the constants were chosen.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.pipeline.frame_statistics import (
    CAMERA_HEIGHT,
    IMAGE_SCALARS,
    THIRDS,
    frame_statistics,
    sampled,
    scalar_names,
)
from famda_ros.student.drift_reference import LEVELS, DriftReference
from famda_ros.student.model_card import ModelCard
from famda_ros.student.runtime import Prediction

STEP_S = 0.09
"""Frames that follow faster are left out: they say the same."""
WINDOW = 30
EVERY = 5
"""So many frames lie between two tests."""
INDEPENDENT = 6
"""A window of neighbouring frames says as much as so many that are far apart."""
SIGNIFICANCE = 0.01
RANGE = (0.01, 0.99)
"""Levels between which the reference's range lies."""
CONTENT_TOLERANCE, LIGHT_TOLERANCE = 0.6, 0.1
"""How far a median may lie beyond the range, in widths of it: of shares, heights and depth; of everything else."""
CONTENT = ('share', 'height', 'depth', 'camera')
RAISE_AT, RAISE_AFTER = 0.5, 2
CLEAR_AT, CLEAR_AFTER = 0.25, 6
"""A domain is another after so many tests in a row at or above, and home again after so many below."""
LEAST_WIDTHS = {
    'sharpness': 0.1, 'neighbours': 0.01, 'warmth': 0.03, 'confidence': 0.02, 'depth': 0.05, 'share': 0.02,
    'height': 0.02, 'camera': 0.15,
}  # fmt: skip
LEAST_LUMA_WIDTH = 4.0
"""A range that is narrower, as of a camera that never moves, is taken as so wide."""

FAULT_FRAMES = 10
"""An image fault must be in so many frames in a row, and be gone for as many."""
BLACK_BELOW, NOISE_BELOW, NOISE_CONTRAST = 12.0, 0.3, 12.0
FROZEN_S = 2.0
TURNED_FROM, TURNED_SHARE = 0.3, 0.25
"""Upside down: the thirds of the image are beyond the range by this much, and by less than this share when swapped;
so is the image as a whole, which looks the same when it is turned."""

HOME, UNLIKE, NO_REFERENCE, WAITING = 'home', 'unlike', 'no reference', 'waiting'
BLACK, FROZEN, NOISE, UPSIDE_DOWN = 'black', 'frozen', 'noise', 'upside down'
FAULTS = (BLACK, NOISE, FROZEN)
ALARMS = (*FAULTS, UPSIDE_DOWN, UNLIKE)
"""States that are worth a warning."""


@dataclass(frozen=True)
class DomainState:
    """What the monitor thinks of a camera.

    Attributes:
        state: one of :data:`ALARMS`, or 'home', 'no reference', 'waiting' (for enough frames).
        since: time of the frame at which it became so.
        reason: one sentence.
        score: sum of what is beyond the reference's range at the last test; None = not tested.
    """

    state: str
    since: float
    reason: str
    score: float | None = None


class DriftMonitor:
    """Watches the frames of one camera under one student.

    Attributes:
        card: of the student.
        domain: what it thinks now.
    """

    def __init__(self, card: ModelCard):
        """Begin without frames."""
        self.card = card
        self._restart()

    def _restart(self) -> None:
        card = self.card
        self._names = scalar_names(card.label_space)
        self._height = self._names.index(CAMERA_HEIGHT)
        self._test = _WindowTest(card.reference, self._names) if card.reference else None
        self._window: deque[np.ndarray] = deque(maxlen=WINDOW)
        self._count, self._seen = 0, 0
        self._held_height = math.nan
        self._time = -math.inf
        self._print, self._same_since = -1, 0.0
        self._beyond, self._within, self._turned = 0, 0, 0
        self._faults = dict.fromkeys(FAULTS, 0)
        self._fault = ''
        self._drift = ''
        self._reason = ''
        self.domain = DomainState(WAITING if card.reference else NO_REFERENCE, 0.0, self._quiet_reason())

    def is_due(self, now: float) -> bool:
        """Tell whether a frame at ``now`` is looked at, and not left out as it follows too fast."""
        return not 0 <= now - self._time < STEP_S

    def update(
        self, image: np.ndarray, prediction: Prediction, now: float, camera: Intrinsics | None = None
    ) -> DomainState:
        """Take a frame, and return what there is to say.

        Args:
            image: uint8 [H, W, 3] RGB as the camera gave it.
            prediction: of the card's student, at the image's size; what was not predicted is not compared.
            now: seconds; a step back begins anew.
            camera: of the image; None = uncalibrated, and its height above the road is not compared.
        """
        if now < self._time:
            self._restart()
        if not self.is_due(now):
            return self.domain
        numbers = self._measure(image, prediction, camera)
        self._look_for_faults(image, dict(zip(IMAGE_SCALARS, numbers.tolist(), strict=False)), now)
        self._time = now
        if self._fault:
            self._window.clear()  # such frames say nothing about the domain
        else:
            self._window.append(numbers)
            self._count += 1
            if self._test is not None and len(self._window) == WINDOW and self._count % EVERY == 0:
                self._compare(self._test)
        self._tell(now)
        return self.domain

    def _measure(self, image: np.ndarray, prediction: Prediction, camera: Intrinsics | None) -> np.ndarray:
        """Return the numbers of a frame; the road, which takes longest, is looked at once between two tests."""
        due = self._seen % EVERY == 0
        self._seen += 1
        numbers = frame_statistics(image, prediction, self.card.label_space, camera if due else None)
        if due:
            self._held_height = float(numbers[self._height])
        numbers[self._height] = self._held_height
        return numbers

    def _look_for_faults(self, image: np.ndarray, numbers: dict[str, float], now: float) -> None:
        fingerprint = zlib.crc32(sampled(image).tobytes())
        if fingerprint != self._print:
            self._print, self._same_since = fingerprint, now
        found = {
            BLACK: numbers['highlights'] < BLACK_BELOW,
            NOISE: numbers['neighbours'] < NOISE_BELOW and numbers['contrast'] > NOISE_CONTRAST,
            FROZEN: now - self._same_since >= FROZEN_S,
        }
        for fault in FAULTS:
            count = self._faults[fault]
            self._faults[fault] = min(count + 1, FAULT_FRAMES) if found[fault] else max(count - 1, 0)
        if found[FROZEN]:  # it has lasted already
            self._faults[FROZEN] = FAULT_FRAMES
        raised = [fault for fault in FAULTS if self._faults[fault] == FAULT_FRAMES]
        if raised:
            self._fault = raised[0]
        elif self._fault and not self._faults[self._fault]:
            self._fault = ''

    def _compare(self, test: _WindowTest) -> None:
        found = test.run(np.array(self._window))
        self._beyond = self._beyond + 1 if found.score >= RAISE_AT else 0
        self._within = self._within + 1 if found.score < CLEAR_AT else 0
        self._turned = self._turned + 1 if found.turned else 0
        if self._beyond >= RAISE_AFTER:
            self._drift = UPSIDE_DOWN if self._turned >= RAISE_AFTER else UNLIKE
            self._reason = found.reason
        elif self._within >= CLEAR_AFTER:
            self._drift = ''
        self.domain = replace(self.domain, score=round(found.score, 2))

    def _tell(self, now: float) -> None:
        at_home = self.domain.score is not None and (self._beyond == 0 or self.domain.state == HOME)
        quiet = NO_REFERENCE if self._test is None else HOME if at_home else WAITING
        state = self._fault or self._drift or quiet
        since = self.domain.since if state == self.domain.state else now
        self.domain = DomainState(state, since, self._sentence(state), self.domain.score)

    def _sentence(self, state: str) -> str:
        adapted = f"what this student was adapted to ('{self.card.domain}')"
        return {
            BLACK: 'the images are black: check lens, exposure and cable',
            NOISE: 'the images are noise: check the camera, its driver and the encoding of its images',
            FROZEN: f'the images have not changed for {FROZEN_S:g} s, not even by noise: camera or driver hangs',
            UPSIDE_DOWN: f'the images look upside down beside {adapted}: check how the camera is mounted',
            UNLIKE: f'looks unlike {adapted}: {self._reason}',
            HOME: f'looks like {adapted}',
        }.get(state) or self._quiet_reason()

    def _quiet_reason(self) -> str:
        if self.card.reference is None:
            return 'the model card has no reference; export the model with --reference to have drift noticed'
        return f'waiting for {WINDOW} frames'


@dataclass(frozen=True)
class _Found:
    """What a test found: the sum of what is beyond, whether the image is turned, and what is furthest, in words."""

    score: float
    turned: bool
    reason: str


class _WindowTest:
    """Compares windows of numbers with a reference."""

    def __init__(self, reference: DriftReference, names: tuple[str, ...]):
        """Prepare a test of the numbers with these names; those that the reference lacks are left out."""
        self._columns = np.array([index for index, name in enumerate(names) if name in reference.quantiles], int)
        self._names = [names[index] for index in self._columns]
        self._quantiles = [np.array(reference.quantiles[name]) for name in self._names]
        self._low, self._high = np.array([np.interp(RANGE, LEVELS, q) for q in self._quantiles]).reshape(-1, 2).T
        least = np.array([LEAST_WIDTHS.get(name.split('_')[0], LEAST_LUMA_WIDTH) for name in self._names])
        self._width = np.maximum(self._high - self._low, least)
        is_content = [name.startswith(CONTENT) for name in self._names]
        self._tolerance = np.where(is_content, CONTENT_TOLERANCE, LIGHT_TOLERANCE)
        self._critical = critical_distance(max(1, len(self._names)), reference.frames)
        # Top and bottom of each kind lie side by side, so that swapped they are each other.
        self._thirds = np.array([self._names.index(name) for name in THIRDS if name in self._names], int)
        self._whole = np.array([self._names.index(name) for name in IMAGE_SCALARS if name in self._names], int)

    def run(self, window: np.ndarray) -> _Found:
        """Compare float [frames, numbers]."""
        table = np.sort(window[:, self._columns].astype(np.float64), axis=0)  # NaN last
        known = np.isfinite(table).sum(axis=0)
        middle = table[np.maximum(known // 2 - (known % 2 == 0), 0), np.arange(table.shape[1])]
        middle[2 * known <= len(window)] = np.nan
        beyond = self._beyond(middle)
        for index in np.flatnonzero(beyond > 0):
            values = table[: known[index], index]
            if ks_distance(values, self._quantiles[index]) < self._critical:
                beyond[index] = 0.0
        order = [index for index in np.argsort(-beyond)[:3] if beyond[index] > 0]
        reason = ', '.join(
            f'{in_words(self._names[i], middle[i])} instead of '
            f'{in_words(self._names[i], self._low[i], False)} to {in_words(self._names[i], self._high[i], False)}'
            for i in order
        )
        return _Found(float(beyond.sum()), self._is_turned(middle), reason)

    def _beyond(self, middle: np.ndarray) -> np.ndarray:
        """Return float [numbers] 0..1: by how many widths medians lie beyond the range; unknown ones by none."""
        outside = np.maximum(self._low - middle, middle - self._high) / self._width - self._tolerance
        return np.clip(np.nan_to_num(outside, nan=0.0), 0.0, 1.0)

    def _is_turned(self, middle: np.ndarray) -> bool:
        if len(self._thirds) < len(THIRDS):
            return False
        swapped = middle.copy()
        swapped[self._thirds] = middle[self._thirds].reshape(-1, 2)[:, ::-1].ravel()
        as_it_is, turned = (self._beyond(numbers)[self._thirds].sum() for numbers in (middle, swapped))
        another_light = self._beyond(middle)[self._whole].sum()
        return bool(as_it_is > TURNED_FROM and max(turned, another_light) < TURNED_SHARE * as_it_is)


def ks_distance(ordered: np.ndarray, quantiles: np.ndarray) -> float:
    """Return the distance 0..1 of Kolmogorov and Smirnov of values from a distribution.

    Args:
        ordered: float [N], ascending.
        quantiles: of the distribution at the shares :data:`LEVELS`, ascending.
    """
    count = len(ordered)
    reference = np.interp(ordered, quantiles, LEVELS)
    steps = np.arange(count + 1) / count
    return float(max((steps[1:] - reference).max(), (reference - steps[:-1]).max()))


def critical_distance(numbers: int, frames: int, independent: int = INDEPENDENT) -> float:
    """Return the distance from which two samples differ at :data:`SIGNIFICANCE`, Bonferroni's correction included.

    Args:
        numbers: how many are tested.
        frames: of the reference.
        independent: frames of the window.
    """
    return math.sqrt(-math.log(SIGNIFICANCE / (2 * numbers)) / 2 * (1 / independent + 1 / frames))


def in_words(name: str, value: float, named: bool = True) -> str:
    """Return a number of :func:`frame_statistics` as people read it: 'share of sky 12 %', or only '12 %'."""
    kind, _, of = name.partition('_')
    if name == CAMERA_HEIGHT:
        label, text = 'camera above the road', f'{math.exp(value):.2f} m'
    elif kind == 'depth':
        label, text = f'{of} % of the image nearer than', f'{math.exp(value):.1f} m'
    elif kind == 'share':
        label, text = f'share of {of}', f'{100 * value * value:.0f} %'
    elif kind == 'height':
        label, text = f'height of {of}', f'{100 * value:.0f} %'
    elif kind in ('confidence', 'warmth', 'sharpness', 'neighbours'):
        label, text = name, f'{value:.2f}'
    else:
        label, text = name if not of else f'{"brightness" if kind == "luma" else kind} of {of}', f'{value:.0f}'
    return f'{label} {text}' if named else text
