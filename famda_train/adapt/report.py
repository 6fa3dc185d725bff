# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an adaptation: one HTML file that needs nothing else."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from famda_ros.files import write_atomically
from famda_ros.student.colorize import overlay
from famda_ros.student.label_space import LabelSpace
from famda_train.adapt.gate import ASK, PROMOTE
from famda_train.datasets.checks import sample_indices
from famda_train.datasets.dataset import Dataset
from famda_train.evaluation.models import load_predictor
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.report_page import report_templates

CANDIDATES = 4
"""Times as many frames as are shown are looked at, to show those that differ most."""
SHOWN_WIDTH = 480
HEADLINES = {
    PROMOTE: 'The adapted student sees this place better; put it on the robot.',
    ASK: 'Scores without labels cannot tell which student is better; label a few frames, and they will.',
}
HELD = 'The adapted student is not better; the one before stays.'


def write_report(
    path: str | Path,
    result: Mapping[str, Any],
    comparison: Mapping[str, Any],
    frames: Dataset,
    students: tuple[Path, Path],
    pictures: int,
) -> None:
    """Write the report of an adaptation in one step.

    Args:
        path: the .html file.
        result: what :func:`famda_train.adapt.adaptation.adapt` returns.
        comparison: of the students, as JSON values.
        frames: of the place.
        students: checkpoints before and after.
        pictures: how many frames are shown.
    """
    rows, space = picture_rows(frames, students, pictures)
    write_atomically(path, render_report(result, comparison, rows, space))


def picture_rows(
    frames: Dataset, students: tuple[Path, Path], count: int
) -> tuple[list[dict[str, Any]], LabelSpace]:
    """Return (frames that differ most between two students, their label space).

    Each has ``name``, ``changed`` (percent of the pixels) and ``before`` and ``after``: mask over the image beside the
    depth, uint8 RGB.
    """
    (before, card), (after, _) = (load_predictor(student) for student in students)
    space = card.label_space
    seen = []
    for index in sample_indices(len(frames), min(len(frames), CANDIDATES * count)):
        image, focal = frames.image(index), frames.frames[index].focal
        pair = before(image, focal), after(image, focal)
        changed = 100 * float(np.mean(pair[0].labels != pair[1].labels))
        seen.append((changed, frames.frames[index].stem, image, pair))
    seen.sort(key=lambda row: -row[0])
    rows = [
        {
            'name': stem,
            'changed': changed,
            **{name: _picture(image, found, space) for name, found in zip(('before', 'after'), pair, strict=True)},
        }
        for changed, stem, image, pair in seen[:count]
    ]
    return rows, space


def _picture(image: np.ndarray, found: Any, space: LabelSpace) -> np.ndarray:
    """Return the mask over the image beside the depth."""
    height = max(1, round(image.shape[0] * SHOWN_WIDTH / image.shape[1]))
    pair = overlay(image, found.labels, space), depth_picture(found.depth)
    return np.hstack([cv2.resize(half, (SHOWN_WIDTH, height), interpolation=cv2.INTER_AREA) for half in pair])


def render_report(
    result: Mapping[str, Any], comparison: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], space: LabelSpace
) -> str:
    """Return the report as one self-contained HTML page; arguments as in :func:`write_report`."""
    seconds = {name: float(value) for name, value in result['seconds'].items()}
    return report_templates(Path(__file__).parent / 'templates').get_template('adapt.html').render(
        name=result['name'],
        verdict=result['verdict'],
        headline=HEADLINES.get(result['verdict'], HELD),
        reasons=comparison['reasons'],
        frames=rows,
        classes=list(zip(space.classes, space.colors, strict=True)),
        terms=comparison['terms'],
        total=comparison['total'],
        to_label=comparison['frames_to_label'],
        shares=comparison['measured']['class_shares'],
        seconds=seconds,
        total_seconds=sum(seconds.values()),
        longest_seconds=max([*seconds.values(), 1e-9]),
        facts={'frames': result['frames'], 'training steps': result['steps']},
        teachers=result['teachers'],
        losses=result['losses'],
        next_steps=next_steps(result),
    )


def next_steps(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, command) pairs that work with the files of this run."""
    model = result['model']
    look = f'famda perceive RECORDING --model {model} --out answers --pictures pictures'
    steps = [('Look at it on a recording', look)]
    if result['verdict'] == PROMOTE:
        steps.append(('Put it on the robot', f'famda deploy {model} --to /opt/famda'))
    else:
        steps.append((
            'Decide with labelled frames',
            f'famda compare {result["base"]} {result["checkpoint"]} RECORDING --labels FOLDER',
        ))  # fmt: skip
    return steps
