# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the frames of a recording that two students see most differently."""
from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from famda_ros.pipeline.even_spread import is_chosen
from famda_ros.pipeline.offline import open_source
from famda_ros.student.colorize import overlay
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.runtime import Prediction
from famda_train.adapt.compare_students import RawStudent
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.report_page import Panel, ShownFrame
from famda_train.pictures.scored_frames import NOT_SCORED_RGB, RIGHT_RGB, label_errors

CANDIDATES = 4
"""Times as many frames as are shown are looked at, to show those that differ most."""
SHOWN_WIDTH = 480
NEARER_RGB, FARTHER_RGB = (40, 90, 200), (214, 60, 50)
MOST_RATIO = 1.5
"""Of two depths, at the end of the colours."""


class _Seen(NamedTuple):
    changed: float
    name: str
    image: np.ndarray
    before: Prediction
    after: Prediction


def differing_frames(
    recording: str | Path,
    students: tuple[str | Path, str | Path],
    count: int,
    topic: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[ShownFrame], LabelSpace]:
    """Return (frames that differ most between two students, these first; the students' label space).

    Args:
        recording: bag, frame folder or folder of images.
        students: checkpoint or .onnx file before, and after.
        count: how many are returned at most.
        topic: image topic of a bag; None = the only one.
        progress: called with (pictures read, pictures in all).

    Raises:
        FamdaError: what cannot be read.
    """
    old, new = (RawStudent(student) for student in students)
    total, pictures = open_source(recording, topic, _leave_out, _leave_out, _leave_out)
    looked_at, seen = min(total, CANDIDATES * count), list[_Seen]()
    for index, frame in enumerate(pictures):
        if is_chosen(index, looked_at, total):
            before, after = (s.predict(frame.image, frame.focal, frame.fy).prediction for s in (old, new))
            changed = 100 * float(np.mean(before.labels != after.labels))
            seen.append(_Seen(changed, frame.name, frame.image, before, after))
            seen = sorted(seen, key=lambda one: -one.changed)[:count]
        if progress is not None:
            progress(index + 1, total)
    space = old.card.label_space
    return [
        ShownFrame(one.name, f'{one.changed:.0f} % of the pixels change class', _panels(one, space)) for one in seen
    ], space


def _leave_out(_fault: object) -> None:
    """What cannot be read is not shown; the comparison has reported it."""


def _panels(seen: _Seen, space: LabelSpace) -> list[Panel]:
    old, new = seen.before, seen.after
    assert old.labels is not None and new.labels is not None
    masks = [_small(overlay(seen.image, labels, space)) for labels in (new.labels, old.labels)]
    changes = Panel('class changes: red', _small(label_errors(new.labels, old.labels), exact=True))
    if old.depth is None or new.depth is None:
        return [Panel('mask', *masks), changes]
    depths = [_small(depth_picture(depth)) for depth in (new.depth, old.depth)]
    moved = Panel('nearer: blue, farther: red', _small(depth_changes(old.depth, new.depth)))
    return [Panel('mask', *masks), Panel('depth', *depths), changes, moved]


def depth_changes(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB of after / before: pale = 1, blue = nearer, red = farther, black = not known in both.

    Args:
        before, after: float32 [H, W] metres; NaN and inf are no depth.
    """
    known = np.isfinite(before) & np.isfinite(after) & (before > 0) & (after > 0)
    ratio = np.log(np.where(known, after, 1.0) / np.where(known, before, 1.0)) / math.log(MOST_RATIO)
    strength = np.clip(np.abs(ratio), 0, 1)[..., None]
    towards = np.where((ratio > 0)[..., None], FARTHER_RGB, NEARER_RGB)
    picture = (RIGHT_RGB + strength * (towards - np.array(RIGHT_RGB))).round().astype(np.uint8)
    picture[~known] = NOT_SCORED_RGB
    return picture


def _small(picture: Any, exact: bool = False) -> np.ndarray:
    """Return a picture at the width at which it is shown; of colours that mean something, none are mixed."""
    height = max(1, round(picture.shape[0] * SHOWN_WIDTH / picture.shape[1]))
    return cv2.resize(picture, (SHOWN_WIDTH, height), interpolation=cv2.INTER_NEAREST if exact else cv2.INTER_AREA)
