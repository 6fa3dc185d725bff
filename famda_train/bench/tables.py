# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The result of a bench of adaptation for people: tables on the terminal and in a Markdown file."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_train.bench.rows import BASELINE, FEW_LABELS, FULL, ORACLE, ROWS
from famda_train.evaluation.machine import environment_line

COLUMNS = {'miou': ('mIoU %', 1), 'abs_rel': ('AbsRel', 3), 'rmse': ('RMSE m', 2), 'delta1': ('δ < 1.25 %', 1)}
"""Metric → (heading, digits)."""

GAINS = {'miou': ('mIoU gain', 1), 'abs_rel': ('AbsRel gain', 3)}
"""Metrics whose gain over the fair baseline of the same seed is reported; more is better for both."""

CHECKS = {
    ('teacher', 'abs_rel'): ('difference to the depth teacher %', 100, 0),
    ('teacher', 'scale'): ('scale to it', 1, 2),
    ('stability', 'scale_jump'): ('scale jump %', 1, 1),
    ('stability', 'noise'): ('noise %', 1, 1),
    ('road', 'camera_height_m'): ('camera height m', 1, 2),
    ('road', 'tilt_degrees'): ('tilt of the road °', 1, 1),
}
"""Part and name of a depth check of famda_train.evaluation.depth_checks → heading, factor, digits."""

NOTHING = '–'

Cells = list[list[str]]


def score_cells(summary: dict[str, Any]) -> Cells:
    """Return heading and lines of the table of a target: mean ± standard deviation, gain, share closed.

    Metrics that no row has are left out.
    """
    known = {metric for scores in summary['rows'].values() for metric in scores if scores[metric]['mean'] is not None}
    columns = {metric: column for metric, column in COLUMNS.items() if metric in known}
    gains = {metric: column for metric, column in GAINS.items() if metric in known}
    heads = [head for head, _ in columns.values()]
    closings = [f'closed: {COLUMNS[metric][0].removesuffix(" %")}' for metric in gains]
    cells = [['', *heads, *(f'{head} (least)' for head, _ in gains.values()), *closings]]
    for name, scores in summary['rows'].items():
        gain, closed = summary['gain'].get(name, {}), summary['closed'].get(name, {})
        cells.append([
            ROWS[name].text,
            *(_spread(scores[metric], digits) for metric, (_, digits) in columns.items()),
            *(_gain(gain.get(metric), digits) for metric, (_, digits) in gains.items()),
            *(f'{100 * closed[metric]:.0f} %' if metric in closed else NOTHING for metric in gains),
        ])  # fmt: skip
    return cells


def class_cells(summary: dict[str, Any]) -> Cells:
    """Return heading and lines of the per-class IoU table: fair baseline, FAMDA, oracle; means over seeds."""
    names = [name for name in (BASELINE, FULL, ORACLE) if name in summary['iou']]
    if not names:
        return []
    classes = list(summary['iou'][names[0]])
    lines = [[ROWS[name].text, *(_number(summary['iou'][name].get(c), 0) for c in classes)] for name in names]
    return [['IoU %', *classes], *lines]


def label_cells(summary: dict[str, Any]) -> Cells:
    """Return heading and lines of what labels of some frames add to FAMDA, by seed; nothing where none were learnt."""
    full = summary['gain'].get(FULL, {}).get('miou', {'seeds': {}})['seeds']
    lines = []
    for name in FEW_LABELS:
        gains = summary['gain'].get(name, {}).get('miou', {'seeds': {}})['seeds']
        if full.keys() & gains.keys():
            more = [f'{gains[seed] - full[seed]:+.1f}' if seed in gains else NOTHING for seed in full]
            lines.append([ROWS[name].text, *more])
    return [['mIoU more than FAMDA', *(f'seed {seed}' for seed in full)], *lines] if lines else []


def check_cells(rows: Sequence[dict[str, Any]]) -> Cells:
    """Return heading and lines of the depth checks of a target, means over seeds; nothing where none was made.

    Args:
        rows: of the target, with ``name`` and perhaps ``depth_checks``.
    """
    checks: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get('depth_checks'):
            checks.setdefault(row['name'], []).append(row['depth_checks'])
    lines = []
    for name, found in checks.items():
        cells = [ROWS[name].text]
        for (part, value), (_, factor, digits) in CHECKS.items():
            known = [check[part][value] for check in found if check[part][value] is not None]
            cells.append(_number(factor * mean(known) if known else None, digits))
        lines.append(cells)
    return [['depth, no ground truth', *(head for head, _, _ in CHECKS.values())], *lines] if lines else []


def tables_of(result: dict[str, Any], target: str) -> list[Cells]:
    """Return the tables of a target that hold something: scores, what labels add, IoU by class, checks of depth."""
    summary, rows = result['summary'][target], [row for row in result['rows'] if row['target'] == target]
    tables = score_cells(summary), label_cells(summary), class_cells(summary), check_cells(rows)
    return [cells for cells in tables if cells]


def terminal_tables(result: dict[str, Any]) -> list[Table]:
    """Return the tables of all targets."""
    tables = []
    for target in result['summary']:
        for number, cells in enumerate(tables_of(result, target)):
            table = Table(title='' if number else _caption(result, target), title_justify='left')
            for index, head in enumerate(cells[0]):
                table.add_column(head, justify='right' if index else 'left')
            for line in cells[1:]:
                table.add_row(*line)
            tables.append(table)
    return tables


def as_markdown(result: dict[str, Any]) -> str:
    """Return the tables of all targets, what they were measured on and how to measure them again."""
    parts = []
    for target in result['summary']:
        parts.append(f'**{_caption(result, target)}**')
        parts += [_markdown_table(cells, bold=ROWS[FULL].text) for cells in tables_of(result, target)]
    if any(len(summary['seeds']) > 1 for summary in result['summary'].values()):
        parts.append('Means over the seeds ± sample standard deviation.')
    parts += [f'Measured on: {environment_line(result["environment"])}.', f'```bash\n{result["command"]}\n```']
    return '\n\n'.join(parts)


def only(result: dict[str, Any], target: str, command: str) -> dict[str, Any]:
    """Return the part of a bench result about one target, with the command that measures that alone."""
    return {**result, 'summary': {target: result['summary'][target]}, 'command': command}


def markers(bench: str) -> tuple[str, str]:
    """Return the two comments between which the tables of a bench stand, for example of ``world``."""
    return f'<!-- famda bench {bench} -->', f'<!-- /famda bench {bench} -->'


def print_tables(result: dict[str, Any]) -> None:
    """Show the tables of all targets on the terminal."""
    # Not narrower than the tables, where the output goes into a file.
    console = Console(width=None if Console().is_terminal else 140)
    for table in terminal_tables(result):
        console.print(table)


def check_markers(path: str | Path, bench: str) -> str:
    """Return the text of a Markdown file that has a place for the tables of a bench.

    Raises:
        FamdaError: it cannot be read, or has not one pair of :func:`markers`.
    """
    begin, end = markers(bench)
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise FamdaError(f"cannot read '{path}' ({error})") from error
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise FamdaError(f"'{path}' has no place for the tables; put the lines '{begin}' and '{end}' where they belong")
    return text


def write_markdown(path: str | Path, bench: str, content: str) -> None:
    """Replace what stands between the markers of a Markdown file; everything else stays as it is.

    Raises:
        FamdaError: see :func:`check_markers`.
    """
    text, (begin, end) = check_markers(path, bench), markers(bench)
    before, after = text[: text.index(begin)], text[text.index(end) :]
    try:
        write_atomically(path, f'{before}{begin}\n\n{content}\n\n{after}')
    except OSError as error:
        raise FamdaError(f"cannot write '{path}' ({error.strerror})") from error


def _caption(result: dict[str, Any], target: str) -> str:
    seeds = ', '.join(map(str, result['summary'][target]['seeds']))
    return f'{target}: {result["scored_on"][target]}, seeds {seeds}'


def _markdown_table(cells: Cells, bold: str) -> str:
    head, *lines = ([f'**{cell}**' if line[0] == bold else cell for cell in line] for line in cells)
    rule = ['---', *['--:'] * (len(head) - 1)]
    return '\n'.join(f'| {" | ".join(line)} |' for line in (head, rule, *lines))


def _gain(gain: dict[str, float] | None, digits: int) -> str:
    if gain is None:
        return NOTHING
    average, least = (round(gain[which], digits) + 0.0 for which in ('mean', 'min'))  # + 0.0: no "-0.000"
    return f'{average:+.{digits}f} ({least:+.{digits}f})'


def _spread(value: dict[str, float | None], digits: int) -> str:
    spread = f' ± {value["std"]:.{digits}f}' if value['std'] is not None else ''
    return f'{_number(value["mean"], digits)}{spread}'


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f'{value:.{digits}f}'
