# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of the demo: one HTML file that needs nothing else.

Pure functions: results and pictures in, text out.  What the page looks like is in ``templates/``.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from famda_ros.files import write_atomically
from famda_ros.student.colorize import BEYOND_RANGE_RGB, color_mask, overlay
from famda_ros.student.label_space import LabelSpace
from famda_train.pictures.depth_colors import TICKS_M, depth_picture, depth_position, depth_scale
from famda_train.pictures.report_page import format_number, report_templates
from famda_train.pictures.student_comparison import OUTPUTS, TITLES, present_classes


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
    'The world is rendered. Real nights look different, in ways that it lacks.',
    'One seed, one run: other seeds give other numbers. FAMDA and the fair baseline take equally many steps, but a '
    'step of FAMDA costs more time.',
)


def write_report(
    path: str | Path,
    results: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    space: LabelSpace,
    next_steps: Sequence[tuple[str, str]] = (),
) -> None:
    """Write :func:`render_report` to ``path`` in one step."""
    write_atomically(path, render_report(results, rows, space, next_steps))


def render_report(
    results: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    space: LabelSpace,
    next_steps: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the report as one self-contained HTML page.

    Args:
        results: what ``results.json`` holds: ``drift``, ``recording``, ``adaptation``, ``gate``, ``deployment``,
            ``perception``, ``seconds``, ``environment`` and ``seed``.
        rows: pictures, see :mod:`famda_train.pictures.student_comparison`.
        space: label space of the masks.
        next_steps: (what, command) pairs.
    """
    adaptation = results['adaptation']
    students = {key: student for key, student in STUDENTS.items() if key in adaptation}
    seconds = {name: float(value) for name, value in results.get('seconds', {}).items() if name != 'total'}
    return report_templates(Path(__file__).parent / 'templates').get_template('report.html').render(
        headline=headline(adaptation),
        story=story(results) if 'drift' in results else [],
        adaptation=adaptation,
        students=students,
        metrics=METRICS,
        titles=TITLES,
        frames=[_frame(row, space) for row in rows],
        classes=[(space.classes[index], space.colors[index]) for index in present_classes(rows, space)],
        depth_scale=depth_scale(256, 1),
        ticks=[(metres, 100 * depth_position(metres)) for metres in TICKS_M],
        beyond_range=BEYOND_RANGE_RGB,
        class_iou=_class_iou(adaptation, students),
        perception_facts=_perception_facts(results['perception']) if results['perception'] else {},
        seconds=seconds,
        longest_seconds=max([*seconds.values(), 1e-9]),
        total_seconds=results.get('seconds', {}).get('total', sum(seconds.values())),
        limits=LIMITS,
        next_steps=next_steps,
        facts=_facts(results),
    )


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


def _frame(row: Mapping[str, Any], space: LabelSpace) -> dict[str, Any]:
    """Return the pictures of a row: its image, the mask over it, and mask and depth of every output."""
    return {
        'name': str(row['name']),
        'image': row['image'],
        'overlay': overlay(row['image'], row['famda']['labels'], space),
        'outputs': {
            key: {'mask': color_mask(row[key]['labels'], space), 'depth': depth_picture(row[key]['depth'])}
            for key in OUTPUTS
        },
    }


def _class_iou(adaptation: Mapping[str, Any], students: Mapping[str, Student]) -> dict[str, dict[str, float | None]]:
    """Return class → student → IoU in percent; None = not measured."""
    iou = {key: adaptation[key].get('iou', {}) for key in students}
    names = dict.fromkeys(name for values in iou.values() for name in values)
    return {name: {key: values.get(name) for key, values in iou.items()} for name in names}


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
