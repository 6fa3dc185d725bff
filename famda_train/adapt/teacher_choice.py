# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which teachers can be reached, and which of them there is time for."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from famda_ros.errors import FamdaError
from famda_train.datasets.checks import checked_image
from famda_train.datasets.dataset import Dataset
from famda_train.teachers.depth_teachers import build_depth_teacher
from famda_train.teachers.mask_teachers import build_mask_teacher

AUTO, NONE = 'auto', 'none'
MASKS, DEPTH = 'sam-onnx', 'depth-anything'
"""Taken where they can be reached and there is time."""
OTHER_MASKS = 'felzenszwalb'
"""Taken otherwise; it needs no weights.  The other depth is the student's own, whose scale is kept."""


@dataclass(frozen=True)
class TeacherChoice:
    """Which teachers label the frames.

    Attributes:
        masks, depth: names; None = none.
        sentence: that says so, with the reasons.
    """

    masks: str | None
    depth: str | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def choose_teachers(
    frames: Dataset, seconds: float, masks: str = AUTO, depth: str = AUTO, clock: Callable[[], float] = time.monotonic
) -> TeacherChoice:
    """Choose the best teachers that can be reached and that label the frames in time.

    Args:
        frames: to be labelled.
        seconds: that each kind of labelling may take.
        masks, depth: name of a teacher; 'auto' = choose, 'none' = none.
        clock: returns seconds.
    """
    image, focal, why = checked_image(frames, 0), frames.frames[0].focal, []

    def reason_against(name: str, label_one: Callable[[str], float]) -> str:
        """Return why a teacher is not taken: it cannot be reached, or takes too long; '' = it is taken."""
        try:
            start = label_one(name)
        except FamdaError as error:
            return str(error).partition(';')[0]  # what to do about it, the page says
        needed = (clock() - start) * len(frames)
        if needed <= seconds:
            return ''
        return f'{len(frames)} frames would take {_minutes(needed)}, and labelling has {_minutes(seconds)}'

    def masks_of_one(name: str) -> float:
        teacher, start = build_mask_teacher(name), clock()
        teacher(image)
        return start

    def depth_of_one(name: str) -> float:
        teacher, start = build_depth_teacher(name), clock()
        teacher(image, focal)
        return start

    if masks == AUTO:
        masks = MASKS
        if reason := reason_against(MASKS, masks_of_one):
            masks = OTHER_MASKS
            why.append(f'not {MASKS}: {reason}')
    if depth == AUTO:
        depth = DEPTH
        if reason := reason_against(DEPTH, depth_of_one):
            depth = NONE
            why.append(f'not {DEPTH}: {reason}')
    by_masks, by_depth = _or_none(masks) or 'nobody', _or_none(depth) or 'the student itself, its scale kept'
    sentence = '; '.join([f'masks by {by_masks}, depth by {by_depth}', *why])
    return TeacherChoice(_or_none(masks), _or_none(depth), sentence)


def _or_none(name: str) -> str | None:
    return None if name == NONE else name


def _minutes(seconds: float) -> str:
    return f'{seconds / 60:.3g} minutes'
