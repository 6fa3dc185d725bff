# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Promote, hold or ask: the decision between two students, from numbers alone."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PROMOTE, HOLD, ASK = 'promote', 'hold', 'ask'

SPREADS = {'nuclear_norm': 0.1, 'mask_information': 0.05, 'labelled_miou': 15.0}
"""Term → the difference that counts as one.  These and the two limits below were chosen on one seed of the street
world by night; ``docs/compare.md`` has what they do on other seeds and on photographs."""
MOST_GAIN = {'labelled_miou': 0.15}
"""Term → the most spreads that it may speak for a student.  Labelled frames of elsewhere tell that something is lost;
a student that is better there than one that was adapted to this place need not be better at this place."""
ELSEWHERE = frozenset({'labelled_miou'})
"""Terms that are taken of frames of another place; the others are of the recording."""
CLEAR = 0.3
"""Sum of the terms, each over its spread, from which on a student counts as better; below minus this, as worse."""
FALL = 0.8
"""By how many spreads no single term may fall in a student that is promoted."""

SHARE = 0.005
"""Share of pixels of a class that counts as present."""
GROWN = 2.0
"""A class is found too often with more than this many times its share, on the recording and on labelled frames."""
VANISHED = 0.1
"""A class with less than this part of its former share has vanished."""
DEPTH_SCALE = 0.15
"""Median of new over old depth may be off 1 by this much."""
TEMPORAL_FALL = 0.03
"""By how much the share of labels that stay from one picture to the next may fall."""
HOME_FALL = 2.0
"""Points of mIoU that may be lost at home, unless even the interval says that nothing is lost."""
SLOWER, SLOWER_MS = 1.5, 5.0
"""Times as long as the old one, and milliseconds more, that a new student may take; noise stays below the one or the
other."""


@dataclass(frozen=True)
class Term:
    """One score of both students; higher is better.

    Attributes:
        name: key of :data:`SPREADS`.
        old, new: the scores.
    """

    name: str
    old: float
    new: float

    @property
    def gain(self) -> float:
        """By how many spreads the new student is better; no more than :data:`MOST_GAIN` count."""
        return min((self.new - self.old) / SPREADS[self.name], MOST_GAIN.get(self.name, math.inf))


@dataclass(frozen=True)
class Verdict:
    """A decision.

    Attributes:
        verdict: 'promote', 'hold' or 'ask'.
        reasons: sentences with numbers, the deciding one first.
    """

    verdict: str
    reasons: tuple[str, ...]


def decide(terms: Sequence[Term], alarms: Sequence[str] = (), doubts: Sequence[str] = ()) -> Verdict:
    """Decide without labels.

    Promote where the sum of the gains is clearly above 0, no term falls and there is no doubt; hold where it is clearly
    below 0 or there is an alarm; ask otherwise.  What frames of elsewhere say against a student that is clearly better
    on the recording is a reason to ask, not to hold: what counts is this place.

    Args:
        terms: at least one.
        alarms: sentences about what makes a student unfit, whatever its scores.
        doubts: sentences that frames of elsewhere give reason for, and labelled frames of the place would settle.
    """
    total, worst = sum(term.gain for term in terms), min(terms, key=lambda term: term.gain)
    sums = f'the sum of {len(terms)} scores, each over its spread, is {total:+.2f}'
    numbers = tuple(
        f'{term.name} {term.old:.3f} -> {term.new:.3f}: {term.gain:+.2f} spreads of {SPREADS[term.name]:g}'
        for term in terms
    )
    here = sum(term.gain for term in terms if term.name not in ELSEWHERE)
    if alarms:
        return Verdict(HOLD, (*alarms, *doubts, sums, *numbers))
    if total < -CLEAR and here > CLEAR:
        lost = f'{sums}, but {here:+.2f} on the recording alone: better here, worse elsewhere'
        return Verdict(ASK, (lost, *doubts, *numbers))
    if total < -CLEAR:
        return Verdict(HOLD, (f'{sums}, below {-CLEAR:g}: worse', *doubts, *numbers))
    if doubts:
        return Verdict(ASK, (*doubts, sums, *numbers))
    if total <= CLEAR:
        return Verdict(ASK, (f'{sums}, between {-CLEAR:g} and {CLEAR:g}: too near to tell without labels', *numbers))
    if worst.gain < -FALL:
        fall = f'{sums}, but {worst.name} falls by {-worst.gain:.2f} spreads, more than {FALL:g}: the scores disagree'
        return Verdict(ASK, (fall, *numbers))
    return Verdict(PROMOTE, (f'{sums}, above {CLEAR:g}, and no score falls by more than {FALL:g} spreads', *numbers))


def decide_on_labels(
    difference: float, interval: Sequence[float] | None, frames: int, alarms: Sequence[str] = ()
) -> Verdict:
    """Decide on labelled frames: promote what is better for sure.

    Args:
        difference: of mIoU, new - old, in points.
        interval: [low, high] of 95 %; None = too few frames for one.
        frames: how many are labelled.
        alarms: as for :func:`decide`.
    """
    if interval is None:
        sentence = f'{frames} labelled frames are too few to decide on; label some more, 10 or so in all'
        return Verdict(ASK, (*alarms, sentence))
    low, high = interval
    numbers = f'{difference:+.2f} points of mIoU on {frames} labelled frames, 95 % {low:+.2f} to {high:+.2f}'
    if alarms:
        return Verdict(HOLD, (*alarms, numbers))
    if low > 0:
        return Verdict(PROMOTE, (f'{numbers}: better',))
    return Verdict(HOLD, (f'{numbers}: not better for sure, so the old student stays',))


def share_alarms(old: np.ndarray, new: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Return a sentence for every class that the old student finds and the new one does not.

    Args:
        old, new: float [C], shares of pixels.
        classes: their names.
    """
    return [
        f"the class '{name}' vanishes: {100 * before:.2f} % of the pixels -> {100 * after:.2f} %"
        for name, before, after in zip(classes, old.tolist(), new.tolist(), strict=True)
        if before >= SHARE and after < VANISHED * before
    ]


def growth_doubts(
    old: np.ndarray, new: np.ndarray, found: Sequence[np.ndarray], there: np.ndarray, classes: Sequence[str]
) -> list[str]:
    """Return a sentence for every class that the new student finds too often.

    That it finds more of a class than the old one may be what it was trained for; that it also finds far more than
    there is, where it is known what there is, and more than the old one does there, points to a fault.  Whether it is
    one at this place, labels of this place tell.

    Args:
        old, new: float [C], shares of pixels of the recording.
        found: float [C] of the old and of the new student, shares of pixels of labelled frames.
        there: float [C], true shares there.
        classes: their names.
    """
    before, after = found
    return [
        f"the class '{classes[c]}' is found too often: {100 * old[c]:.2f} % of the pixels -> {100 * new[c]:.2f} %, and "
        f'on labelled frames {after[c] / there[c]:.1f} times what there is, instead of {before[c] / there[c]:.1f} times'
        for c in range(len(classes))
        if there[c] > 0 and new[c] >= max(SHARE, GROWN * old[c]) and after[c] >= GROWN * max(there[c], before[c])
    ]


def depth_alarms(ratio: float) -> list[str]:
    """Return a sentence if the metres of two students differ; ``ratio`` is the median of new over old, NaN = none."""
    if not abs(ratio - 1) > DEPTH_SCALE:
        return []
    return [f'depth is {ratio:.2f} times that of the old student, more than {DEPTH_SCALE:.0%} off']


def temporal_alarms(old: float, new: float) -> list[str]:
    """Return a sentence if labels flicker more; shares of labels that stay, NaN = no telling."""
    if not new < old - TEMPORAL_FALL:
        return []
    return [f'labels flicker: {100 * new:.1f} % stay from one picture to the next, instead of {100 * old:.1f} %']


def home_alarms(difference: float, interval: Sequence[float] | None) -> list[str]:
    """Return a sentence if the new student is worse where it comes from; mIoU in points, and its 95 % interval."""
    if difference >= -HOME_FALL or (interval is not None and interval[1] >= 0):
        return []
    return [f'{-difference:.1f} points of mIoU are lost at home, more than {HOME_FALL:g}']


def latency_alarms(old_ms: float, new_ms: float) -> list[str]:
    """Return a sentence if the new student is slower; milliseconds of processor time per frame."""
    if new_ms <= SLOWER * old_ms or new_ms <= old_ms + SLOWER_MS:
        return []
    return [f'{new_ms:.1f} ms of processor time per frame instead of {old_ms:.1f}, more than {SLOWER:g} times as long']
