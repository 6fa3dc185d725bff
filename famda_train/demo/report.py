# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of the demo: one HTML file that needs nothing else.

Pure functions: results and pictures in, text out.  What the page looks like is in ``templates/``.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from famda_ros.student.colorize import color_mask, overlay
from famda_ros.student.label_space import LabelSpace
from famda_train.evaluation.protocol import get_protocol
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.learning_curves import Curve
from famda_train.pictures.report_page import Panel, Row, ShownFrame, depth_legend, format_number, render_page
from famda_train.pictures.scored_frames import depth_error_title, depth_errors, label_errors
from famda_train.pictures.student_comparison import TITLES, present_classes


class Student(NamedTuple):
    """A row of the tables."""

    name: str
    meaning: str


class Metric(NamedTuple):
    """A number of every student, shown with some digits after the point."""

    name: str
    unit: str
    digits: int
    meaning: str


STUDENTS = {
    'source_only_plain': Student(
        'source only, plain',
        'Trained on labelled day frames and used at night as it is.',
    ),
    'source_only': Student(
        'source only, fair',
        'Trained on day frames for as many steps as FAMDA, normalisation statistics taken again on unlabelled night '
        'frames: the baseline to beat.',
    ),
    'famda': Student(
        'FAMDA',
        'Self-training on unlabelled night frames: pseudo-labels refined by masks, and depth from a depth teacher.',
    ),
}

METRICS = {
    'miou': Metric('mIoU', '%', 1, 'mean intersection over union of the classes; higher is better'),
    'abs_rel': Metric('AbsRel', '', 3, 'mean depth error relative to the true depth; lower is better'),
    'rmse': Metric('RMSE', 'm', 2, 'root mean square depth error; lower is better'),
    'delta1': Metric('δ < 1.25', '%', 1, 'pixels whose depth is within 25\u00a0% of the true one; higher is better'),
}


class Event(NamedTuple):
    """What happened at one point of the story."""

    title: str
    fact: str
    text: str


LIMITS = (
    'The depth teacher is a stand-in: it was trained on the same renderer that draws this world, so the depth gain '
    'here does not predict that of Depth Anything on your camera.',
    'Felzenszwalb segments stand in for SAM masks, so that nothing has to be downloaded. They are coarser.',
    'Class shares are the same by day and by night here, and the adaptation draws the teacher to those of the day. '
    'Real domains differ in what they show.',
    'The world is rendered. Real nights look different, in ways that it lacks, and they do not come at once: at dusk '
    'an alarm comes later.',
    'One seed, one run: other seeds give other numbers. FAMDA and the fair baseline take equally many steps, but a '
    'step of FAMDA costs more time.',
)


def render_report(
    results: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    space: LabelSpace,
    next_steps: Sequence[tuple[str, str]] = (),
    curves: Sequence[Curve] = (),
) -> str:
    """Return the report as one self-contained HTML page.

    Args:
        results: what ``results.json`` holds: ``drift``, ``recording``, ``adaptation``, ``gate``, ``deployment``,
            ``perception``, ``seconds``, ``environment`` and ``seed``.
        rows: pictures, see :mod:`famda_train.pictures.student_comparison`.
        space: label space of the masks.
        next_steps: (what, command) pairs.
        curves: of the adaptation's training.
    """
    adaptation = results['adaptation']
    students = {key: student for key, student in STUDENTS.items() if key in adaptation}
    seconds = {name: float(value) for name, value in results.get('seconds', {}).items() if name != 'total'}
    return render_page(
        Path(__file__).parent / 'templates' / 'report.html',
        headline=headline(adaptation),
        story=story(results),
        adaptation=adaptation,
        metrics=METRICS,
        titles=TITLES,
        frames=_shown_frames(rows, space),
        classes=[(space.classes[index], space.colors[index]) for index in present_classes(rows, space)],
        depth=depth_legend(),
        metric_names=[', '.join(filter(None, (metric.name, metric.unit))) for metric in METRICS.values()],
        scores=[_score_row(key, student, adaptation[key]) for key, student in students.items()],
        student_names=[student.name for student in students.values()],
        class_iou=_class_iou(adaptation, students),
        perception_facts=_perception_facts(results['perception']) if results['perception'] else {},
        seconds=seconds,
        total_seconds=results.get('seconds', {}).get('total', sum(seconds.values())),
        limits=LIMITS,
        next_steps=next_steps,
        curves=curves,
        facts=_facts(results),
    )  # fmt: skip


def headline(adaptation: Mapping[str, Any]) -> str:
    """Return the result in one sentence, whichever way it went."""
    before, after = adaptation['source_only'], adaptation['famda']
    miou = _change('mIoU', before.get('miou'), after.get('miou'), 1, ' %')
    error = _change('the depth error', before.get('abs_rel'), after.get('abs_rel'), 3, '')
    return f'Without a single night label, {miou} and {error}.'


def story(results: Mapping[str, Any]) -> list[Event]:
    """Return what happened, in the order in which it did; of the deployment only what there was."""
    drift, recording, gate, robot = (results[key] for key in ('drift', 'recording', 'gate', 'deployment'))
    events = [
        Event(
            'The night is noticed', f'{format_number(drift["detected_after_s"], 1)} s',
            f'The day student drives {format_number(drift["home_s"], 0)} s through its own light, with '
            f'{drift["false_alarms"]} false alarms, and then into the night: {drift["reason"]}.',
        ),
        Event(
            'A bag is recorded', f'{format_number(recording["bag_seconds"], 1)} s',
            f'The alarm triggers the recorder: {recording["images"]} images, those of {recording["pre_s"]:g} s before '
            'the alarm among them.',
        ),
        Event(
            'A student is adapted', f'{recording["frames"]} frames',
            f'Frames of that bag, without a label, through famda adapt. {headline(results["adaptation"])}',
        ),
        Event('The gate decides', gate['verdict'], f'Without labels: {gate["reasons"][0]}.'),
        Event(
            'A sabotaged student comes by', gate['sabotaged_verdict'],
            f'The same student, {gate["sabotage"]}: {gate["sabotaged_reasons"][0]}.',
        ),
    ]  # fmt: skip
    if robot['swapped_without_drop'] is None:
        return [*events, Event('The student on the robot', 'as before', f'{robot["left_out"]}.')]
    masks = (
        f'On the frames after it the node gives {format_number(robot["miou_after"], 1)} % mIoU; the day student would '
        f'give {format_number(robot["miou_day_after"], 1)} % there, and gave '
        f'{format_number(robot["miou_before"], 1)} % on those before.'
    )
    lost = 'No frame is lost' if robot['swapped_without_drop'] else 'Some frames are lost'
    swap = (
        f'Deployed as a new version, taken over by the running node between two frames, after '
        f'{robot["frames_before"]} answers of the day student. {lost}. {masks}'
    )
    return [*events, Event('The running node takes it', f'{robot["frames_after"]} frames', swap)]


def _change(name: str, before: Any, after: Any, digits: int, unit: str) -> str:
    old, new = format_number(before, digits), format_number(after, digits)
    if '–' in (old, new) or old == new:
        return f'{name} stayed at {new}{unit}'
    return f'{name} {"rose" if after > before else "fell"} from {old} to {new}{unit}'


def _shown_frames(rows: Sequence[Mapping[str, Any]], space: LabelSpace) -> list[ShownFrame]:
    """Return the frames, those first on whose pixels the two students differ most."""
    changed = [100 * float(np.mean(row['source_only']['labels'] != row['famda']['labels'])) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: -changed[place])
    return [
        ShownFrame(str(rows[p]['name']), f'{changed[p]:.0f} % of the pixels change class', _panels(rows[p], space))
        for p in order
    ]


def _panels(row: Mapping[str, Any], space: LabelSpace) -> list[Panel]:
    """Return camera and masks, and below them depth; each with the ground truth and what is wrong."""
    before, after, truth = (row[key] for key in ('source_only', 'famda', 'ground_truth'))
    masks = [color_mask(output['labels'], space) for output in (truth, after, before)]
    wrong = [label_errors(output['labels'], truth['labels']) for output in (after, before)]
    depth = [depth_picture(output['depth']) for output in (truth, after, before)]
    rules = get_protocol('metric')
    errors = [depth_errors(output['depth'], truth['depth'], rules) for output in (after, before)]
    return [
        Panel('camera', row['image']),
        Panel('true mask', masks[0]),
        Panel('mask', *masks[1:]),
        Panel('wrong labels', *wrong),
        Panel('FAMDA over the camera', overlay(row['image'], after['labels'], space)),
        Panel('true depth', depth[0]),
        Panel('depth', *depth[1:]),
        Panel(depth_error_title(), *errors),
    ]


def _score_row(key: str, student: Student, scores: Mapping[str, Any]) -> Row:
    cells = [format_number(scores.get(name), metric.digits) for name, metric in METRICS.items()]
    return Row(student.name, cells, student.meaning, key == 'famda')


def _class_iou(adaptation: Mapping[str, Any], students: Mapping[str, Student]) -> dict[str, list[float | None]]:
    """Return class → IoU in percent of every student; None = not measured."""
    iou = [adaptation[key].get('iou', {}) for key in students]
    names = dict.fromkeys(name for values in iou for name in values)
    return {name: [values.get(name) for values in iou] for name in names}


def _perception_facts(perception: Mapping[str, Any]) -> dict[str, str]:
    latency = perception['latency_ms']
    return {
        'frames sent': str(perception['frames_sent']),
        'answered': str(perception['frames_answered']),
        'dropped': str(perception['frames_dropped']),
        'headers equal': 'yes' if perception['headers_equal'] else 'no',
        'latency, median': f'{format_number(latency["p50"], 1)} ms',
        'latency, 99th percentile': f'{format_number(latency["p99"], 1)} ms',
    }


def _facts(results: Mapping[str, Any]) -> list[str]:
    """Return on what, and from which seed, the demo ran."""
    names = {'cpu': 'CPU', 'cores': 'cores', 'python': 'Python', 'torch': 'torch', 'onnxruntime': 'ONNX Runtime'}
    facts = [f'{names.get(name, name)} {value}' for name, value in results.get('environment', {}).items()]
    return facts if results.get('seed') is None else [*facts, f'seed {results["seed"]}']
