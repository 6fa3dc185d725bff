# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of the demo: one HTML file that needs nothing else.

Pure functions: results and pictures in, text out.
"""
from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.files import write_atomically
from famda_ros.student.colorize import BEYOND_RANGE_RGB, color_mask, overlay
from famda_ros.student.label_space import LabelSpace
from famda_train.demo.report_style import CSS
from famda_train.pictures.depth_colors import TICKS_M, depth_picture, depth_position, depth_scale
from famda_train.pictures.student_comparison import OUTPUTS, TITLES, encode_png, present_classes

STUDENTS = {
    'source_only_plain': (
        'source only, plain',
        'Trained on labelled day frames and used at night as it is.',
    ),
    'source_only': (
        'source only, fair',
        'Trained on day frames for as many steps as FAMDA, normalisation statistics taken again on unlabelled night '
        'frames: the baseline to beat.',
    ),
    'famda': (
        'FAMDA',
        'Self-training on unlabelled night frames, with labels refined by masks and depth taught by a depth teacher.',
    ),
}

METRICS = {
    'miou': ('mIoU', '%', 1, 'mean intersection over union of the classes; higher is better'),
    'abs_rel': ('AbsRel', '', 3, 'mean depth error relative to the true depth; lower is better'),
    'rmse': ('RMSE', 'm', 2, 'root mean square depth error; lower is better'),
    'delta1': ('δ < 1.25', '%', 1, 'pixels whose depth is within 25\u00a0% of the truth; higher is better'),
}

LIMITS = (
    'The depth teacher is a stand-in: it was trained on the same renderer that draws this world, so the depth gain '
    'here says nothing about how Depth Anything does on your camera.',
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
        results: what ``results.json`` holds: ``adaptation``, ``perception``,
            ``seconds``, ``environment`` and ``seed``.
        rows: pictures, see :mod:`famda_train.pictures.student_comparison`.
        space: label space of the masks.
        next_steps: (what, command) pairs.
    """
    adaptation = results['adaptation']
    sections = (
        _header(adaptation),
        _pictures(rows, space),
        _numbers(adaptation),
        _classes(adaptation),
        _perception(results['perception']),
        _seconds(results.get('seconds', {})),
        _limits(),
        _next_steps(next_steps),
        _footer(results),
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>FAMDA: day to night</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n'
        + '\n'.join(filter(None, sections))
        + '\n</main>\n</body>\n</html>\n'
    )


def headline(adaptation: Mapping[str, Any]) -> str:
    """Return the result in one sentence, whichever way it went."""
    before, after = adaptation['source_only'], adaptation['famda']
    miou = _change('mIoU', before.get('miou'), after.get('miou'), 1, ' %')
    error = _change('the depth error', before.get('abs_rel'), after.get('abs_rel'), 3, '')
    return f'Without a single night label, {miou} and {error}.'


def format_number(value: Any, digits: int) -> str:
    """Return a number with ``digits`` decimals; an en dash when there is none."""
    if value is None or not math.isfinite(value):
        return '–'
    return f'{value:.{digits}f}'


def _change(name: str, before: Any, after: Any, digits: int, unit: str) -> str:
    old, new = format_number(before, digits), format_number(after, digits)
    if '–' in (old, new) or old == new:
        return f'{name} stayed at {new}{unit}'
    return f'{name} {"rose" if after > before else "fell"} from {old} to {new}{unit}'


def _header(adaptation: Mapping[str, Any]) -> str:
    cards = []
    for key, (name, unit, digits, meaning) in METRICS.items():
        before, after = (format_number(adaptation[student].get(key), digits) for student in ('source_only', 'famda'))
        suffix = f'<small>&thinsp;{unit}</small>' if unit else ''
        cards.append(
            f'<div class="card"><div class="name">{name}</div>'
            f'<div class="value"><s>{before}</s><b>{after}</b>{suffix}</div><p>{meaning}</p></div>'
        )
    return (
        '<header>\n<p class="mark">FAMDA <span>street world, day to night</span></p>\n'
        f'<h1>{escape(headline(adaptation))}</h1>\n<div class="cards">{"".join(cards)}</div>\n'
        '<p class="quiet">Left: the fair baseline, explained below. Right: the same network after adaptation '
        'with unlabelled night frames. Both are scored on night frames that neither has seen.</p>\n</header>'
    )


def _pictures(rows: Sequence[Mapping[str, Any]], space: LabelSpace) -> str:
    if not rows:
        return ''
    figures = []
    for row in rows:
        name = str(row['name'])
        masks = [_cell(color_mask(row[key]['labels'], space), f'{name}, mask, {TITLES[key]}') for key in OUTPUTS]
        depths = [_cell(depth_picture(row[key]['depth']), f'{name}, depth, {TITLES[key]}') for key in OUTPUTS]
        blend = overlay(row['image'], row['famda']['labels'], space)
        figures.append(
            f'<figure class="frame"><figcaption>{escape(name)}</figcaption>'
            + _cell(row['image'], f'{name}, camera image', TITLES['image'])
            + ''.join(_captioned(cell, TITLES[key]) for cell, key in zip(masks, OUTPUTS, strict=True))
            + _cell(blend, f'{name}, mask of FAMDA over the camera image')
            + ''.join(depths)
            + '</figure>'
        )
    classes = ''.join(
        f'<li><i style="background:{_css_color(space.colors[index])}"></i>{escape(space.classes[index])}</li>'
        for index in present_classes(rows, space)
    )
    ticks = ''.join(
        f'<span style="left:{100 * depth_position(metres):.2f}%">{metres}&thinsp;m</span>'
        for metres in TICKS_M
    )
    return (
        '<section>\n<h2>What the robot sees at night</h2>\n' + '\n'.join(figures) + '\n<div class="legends">'
        f'<ul class="legend" aria-label="classes">{classes}</ul>'
        f'<div class="depth"><div class="scale"><img src="{_data_uri(depth_scale(256, 1))}" alt="depth colours">'
        f'<div class="ticks">{ticks}</div></div><ul class="legend"><li>'
        f'<i style="background:{_css_color(BEYOND_RANGE_RGB)}"></i>beyond range or unknown</li></ul></div>'
        '</div>\n</section>'
    )


def _numbers(adaptation: Mapping[str, Any]) -> str:
    head = ''.join(
        f'<th scope="col" class="n">{name}{f" <small>{unit}</small>" if unit else ""}</th>'
        for name, unit, _, _ in METRICS.values()
    )
    lines = []
    for key, (name, meaning) in STUDENTS.items():
        if key not in adaptation:
            continue
        cells = ''.join(
            f'<td class="n">{format_number(adaptation[key].get(metric), digits)}</td>'
            for metric, (_, _, digits, _) in METRICS.items()
        )
        lines.append(f'<tr class="{key}"><th scope="row">{name}<p>{meaning}</p></th>{cells}</tr>')
    protocol = escape(str(adaptation.get('protocol', 'metric')))
    return (
        '<section>\n<h2>The numbers</h2>\n<div class="scroll"><table>'
        f'<thead><tr><th scope="col">trained how</th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>\n'
        f'<p class="quiet">Protocol <code>{protocol}</code>: one confusion matrix over all frames; depth in true '
        'metres, no rescaling to the truth, pooled over all pixels up to 80 m.</p>\n</section>'
    )


def _classes(adaptation: Mapping[str, Any]) -> str:
    students = [key for key in STUDENTS if key in adaptation]
    names = list(dict.fromkeys(name for key in students for name in adaptation[key].get('iou', {})))
    if not names:
        return ''
    lines = []
    for name in names:
        cells = ''
        for key in students:
            value = adaptation[key].get('iou', {}).get(name)
            cells += f'<td class="bar {key}">{_bar(value)}<span>{format_number(value, 1)}</span></td>'
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    head = ''.join(f'<th scope="col">{STUDENTS[key][0]}</th>' for key in students)
    return (
        '<section>\n<h2>Class by class</h2>\n<div class="scroll"><table class="classes">'
        f'<thead><tr><th scope="col">IoU <small>%</small></th>{head}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table></div>\n</section>'
    )


def _perception(perception: Mapping[str, Any]) -> str:
    latency = perception['latency_ms']
    facts = (
        ('frames sent', str(perception['frames_sent'])),
        ('answered', str(perception['frames_answered'])),
        ('dropped', str(perception['frames_dropped'])),
        ('headers equal', 'yes' if perception['headers_equal'] else 'no'),
        ('latency, median', f'{format_number(latency["p50"], 1)} ms'),
        ('latency, 99th percentile', f'{format_number(latency["p99"], 1)} ms'),
    )
    items = ''.join(f'<div><dt>{name}</dt><dd>{escape(value)}</dd></div>' for name, value in facts)
    return (
        '<section>\n<h2>On the robot</h2>\n'
        '<p>The adapted student ran in <code>perception_node</code>, a real ROS 2 node in a process of its own, and '
        'answered a night drive that was played to it as camera topics. Headers are equal when every mask and depth '
        'image carries exactly the stamp and the frame of its camera image.</p>\n'
        f'<dl class="facts">{items}</dl>\n</section>'
    )


def _seconds(seconds: Mapping[str, Any]) -> str:
    steps = {name: float(value) for name, value in seconds.items() if name != 'total'}
    if not steps:
        return ''
    longest = max(*steps.values(), 1e-9)
    lines = ''.join(
        f'<div><dt>{escape(name.replace("_", " "))}</dt>'
        f'<dd>{_bar(100 * value / longest)}<span>{format_number(value, 1)}</span></dd></div>'
        for name, value in steps.items()
    )
    total = format_number(float(seconds.get('total', sum(steps.values()))), 0)
    return (
        f'<section>\n<h2>Where the {total} seconds went</h2>\n'
        f'<dl class="steps" aria-label="seconds per step">{lines}</dl>\n</section>'
    )


def _limits() -> str:
    items = ''.join(f'<li>{escape(text)}</li>' for text in LIMITS)
    return f'<section>\n<h2>What this does not show</h2>\n<ul class="limits">{items}</ul>\n</section>'


def _next_steps(next_steps: Sequence[tuple[str, str]]) -> str:
    items = ''.join(f'<li>{escape(what)}<pre>{escape(command)}</pre></li>' for what, command in next_steps)
    return f'<section>\n<h2>Next</h2>\n<ul class="next">{items}</ul>\n</section>' if items else ''


def _footer(results: Mapping[str, Any]) -> str:
    names = {'cpu': 'CPU', 'cores': 'cores', 'python': 'Python', 'torch': 'torch', 'onnxruntime': 'ONNX Runtime'}
    facts = [f'{names.get(name, name)} {value}' for name, value in results.get('environment', {}).items()]
    if results.get('seed') is not None:
        facts.append(f'seed {results["seed"]}')
    return f'<footer>{" · ".join(escape(fact) for fact in facts)}</footer>'


def _cell(picture: np.ndarray, alt: str, caption: str | None = None) -> str:
    height, width = picture.shape[:2]
    image = f'<img src="{_data_uri(picture)}" width="{width}" height="{height}" alt="{escape(alt)}">'
    return image if caption is None else _captioned(image, caption)


def _captioned(image: str, caption: str) -> str:
    return f'<div><span class="caption">{escape(caption)}</span>{image}</div>'


def _bar(percent: float | None) -> str:
    width = 0.0 if percent is None or not math.isfinite(percent) else min(max(percent, 0.0), 100.0)
    return f'<i class="track"><i style="width:{width:.1f}%"></i></i>'


def _data_uri(picture: np.ndarray) -> str:
    return 'data:image/png;base64,' + base64.b64encode(encode_png(picture)).decode('ascii')


def _css_color(color: tuple[int, int, int]) -> str:
    return '#{:02x}{:02x}{:02x}'.format(*color)
