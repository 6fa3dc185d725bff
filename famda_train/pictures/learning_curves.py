# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers over the steps of a training, as lines for a report."""
from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

SMOOTHING = 0.8
"""Of a smooth value, so much is kept at the next one."""
FIRST, LAST = ('loss', 'target_loss'), ('learning_rate',)
"""Tags that are shown before and after all others; the latter are set, not measured, and are not smoothed."""


class Curve(NamedTuple):
    """A line in a drawing of its own; lengths in pixels, from the upper left.

    Attributes:
        title: what it shows.
        ends: the value at both ends, of the smooth line.
        low, high: of the vertical axis.
        first_step, last_step: of the horizontal axis.
        raw, smooth: points as SVG has them.
        width, height: of the drawing.
        left, right, top, bottom: of the axes.
    """

    title: str
    ends: str
    low: str
    high: str
    first_step: int
    last_step: int
    raw: str
    smooth: str
    width: int = 320
    height: int = 150
    left: int = 52
    right: int = 312
    top: int = 6
    bottom: int = 126


def learning_curves(scalars: Mapping[str, Sequence[tuple[int, float]]]) -> list[Curve]:
    """Return a curve for each tag that changes; the loss first, the learning rate last.

    Args:
        scalars: tag → (step, value) pairs in the order of steps; values that are no numbers are left out.
    """
    known = {
        tag: kept for tag, points in scalars.items() if len(kept := [p for p in points if math.isfinite(p[1])]) > 1
    }
    order = sorted(known, key=lambda tag: (tag in LAST, tag not in FIRST, tag))
    return [_curve(tag, known[tag]) for tag in order]


def _curve(tag: str, points: Sequence[tuple[int, float]]) -> Curve:
    steps, values = [step for step, _ in points], [value for _, value in points]
    smooth = values if tag in LAST else list(_smoothed(values))
    low, high = min(values), max(values)
    room = (high - low) or 1.0
    form = Curve(tag, '', '', '', 0, 0, '', '')

    def line(heights: Iterable[float]) -> str:
        span = max(1, steps[-1] - steps[0])
        return ' '.join(
            f'{form.left + (step - steps[0]) / span * (form.right - form.left):.1f},'
            f'{form.bottom - (height - low) / room * (form.bottom - form.top):.1f}'
            for step, height in zip(steps, heights, strict=True)
        )

    return form._replace(
        title=tag.replace('_', ' '), ends=f'{smooth[0]:.3g} → {smooth[-1]:.3g}', low=f'{low:.2g}', high=f'{high:.2g}',
        first_step=steps[0], last_step=steps[-1], raw=line(values), smooth=line(smooth),
    )  # fmt: skip


def _smoothed(values: Iterable[float]) -> Iterable[float]:
    """Yield the exponential mean, without its pull to the beginning (Kingma and Ba, arXiv 1412.6980, 3)."""
    mean = weight = 0.0
    for value in values:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + 1 - SMOOTHING
        yield mean / weight
