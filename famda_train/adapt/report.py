# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The reports of a comparison and of an adaptation: one HTML file that needs nothing else."""
from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from famda_ros.student.label_space import LabelSpace
from famda_train.adapt.gate import ASK, PROMOTE
from famda_train.pictures.learning_curves import Curve
from famda_train.pictures.report_page import Row, ShownFrame, depth_legend, format_number, render_page

PICTURES = 6
"""Frames in a report."""
HEADLINES = {
    PROMOTE: 'The new student sees this place better; put it on the robot.',
    ASK: 'Scores without labels cannot tell which student is better; label a few frames, and they will.',
}
HELD = 'The new student is not better; the one before stays.'
TEMPLATES = Path(__file__).parent / 'templates'


def render_comparison(
    comparison: Mapping[str, Any],
    frames: Sequence[ShownFrame],
    space: LabelSpace,
    commands: Sequence[Sequence[str]],
) -> str:
    """Return the report of ``famda compare`` as one self-contained HTML page.

    Args:
        comparison: :class:`~famda_train.adapt.compare.Comparison` as JSON values.
        frames: of :func:`~famda_train.adapt.differing_frames.differing_frames`.
        space: label space of the masks.
        commands: (what, command) pairs that led here.
    """
    old, new, recording = (shlex.quote(comparison[key]) for key in ('old', 'new', 'recording'))
    if comparison['verdict'] == PROMOTE:
        then = [('Put it on the robot', f'famda deploy {new} --to /opt/famda')] if new.endswith('.onnx') else []
    else:
        then = [('Decide with labelled frames', f'famda compare {old} {new} {recording} --labels FOLDER')]
    subject = f'two students on {Path(comparison["recording"]).name}'
    about = _about(comparison, frames, space, subject)
    return render_page(TEMPLATES / 'compare.html', **about, commands=commands, next_steps=then)


def render_report(
    result: Mapping[str, Any],
    comparison: Mapping[str, Any],
    frames: Sequence[ShownFrame],
    space: LabelSpace,
    curves: Sequence[Curve],
) -> str:
    """Return the report of ``famda adapt`` as one self-contained HTML page.

    Args:
        result: what :func:`famda_train.adapt.adaptation.adapt` returns.
        comparison, frames, space: as for :func:`render_comparison`.
        curves: of the training.
    """
    labelled = {'labelled frames': result['labelled']} if result['labelled'] else {}
    return render_page(
        TEMPLATES / 'adapt.html',
        **_about(comparison, frames, space, f'adapted to {result["name"]}'),
        curves=curves,
        seconds={name: float(value) for name, value in result['seconds'].items()},
        facts={'frames': result['frames'], **labelled, 'training steps': result['steps']},
        teachers=result['teachers'],
        losses=result['losses'],
        commands=result['commands'],
        next_steps=next_steps(result),
    )


def next_steps(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (what, command) pairs that work with the files of this run."""
    model, base, checkpoint = (shlex.quote(result[key]) for key in ('model', 'base', 'checkpoint'))
    look = f'famda perceive RECORDING --model {model} --out answers --pictures pictures'
    steps = [('Look at it on a recording', look)]
    if result['verdict'] == PROMOTE:
        steps.append(('Put it on the robot', f'famda deploy {model} --to /opt/famda'))
    else:
        decide = f'famda compare {base} {checkpoint} RECORDING --labels FOLDER'
        steps.append(('Decide with labelled frames', decide))
        again = f'famda adapt RECORDING --base {base} --labels FOLDER --out ANOTHER'
        steps.append(('Or learn from them', again))
    return steps


def _about(
    comparison: Mapping[str, Any], frames: Sequence[ShownFrame], space: LabelSpace, subject: str
) -> dict[str, Any]:
    """Return what both pages say of a comparison."""
    terms = [
        Row(name.replace('_', ' '), [*(format_number(term[key], 3) for key in ('old', 'new')), f'{term["gain"]:+.2f}'])
        for name, term in comparison['terms'].items()
    ]
    measured = comparison['measured']
    return {
        'subject': subject,
        'verdict': comparison['verdict'],
        'headline': HEADLINES.get(comparison['verdict'], HELD),
        'reasons': comparison['reasons'],
        'to_label': comparison['frames_to_label'],
        'frames': frames,
        'classes': list(zip(space.classes, space.colors, strict=True)),
        'depth': depth_legend(),
        'terms': [*terms, Row('sum', ['', '', f'{comparison["total"]:+.2f}'], marked=True)],
        'measured': _measured(measured),
        'shares': {name: [100 * share for share in pair] for name, pair in measured['class_shares'].items()},
        'old': comparison['old'],
        'new': comparison['new'],
        'recording': comparison['recording'],
    }


def _measured(measured: Mapping[str, Any]) -> dict[str, str]:
    """Return what was measured beside the terms, as text; of what there is."""
    facts = {'pixels of equal class': f'{100 * measured["agreement"]:.1f} %'}
    if measured['depth_ratio'] is not None:
        facts['depth, after over before'] = format_number(measured['depth_ratio'], 2)
    if None not in (kept := measured['temporal_agreement']):
        facts['labels kept in the next frame'] = f'{" → ".join(format_number(100 * share, 1) for share in kept)} %'
    if 'milliseconds' in measured:
        facts['processor time of a frame'] = f'{" → ".join(f"{ms:.0f}" for ms in measured["milliseconds"])} ms'
    for key, name in (('home_miou', 'mIoU at home'), ('labelled', 'mIoU on labelled frames')):
        if key in measured:
            facts[name] = f'{" → ".join(format_number(value, 1) for value in measured[key]["miou"])} %'
    return facts
