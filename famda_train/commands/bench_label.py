# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench label``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run(
    teachers: tuple[str, ...] = ('felzenszwalb', 'street-world'),
    engines: tuple[str, ...] = ('local', 'ray'),
    size: str = '360x480',
    seconds: float = 12.0,
    turns: int = 2,
) -> dict[str, Any]:
    """Time teachers on frames of the street world, on one and two workers of each engine: images/s.

    The combinations take turns; the best turn of each counts.

    Args:
        teachers: mask and depth teachers, with their default settings.
        engines: engines to time: local, ray.
        size: HEIGHTxWIDTH of the frames in pixels.
        seconds: length of each turn in seconds, after a warm-up of 6 s.
        turns: turns per combination.
    """
    from famda_train.bench.label import LabelSetup, run_label
    from famda_train.commands.bench_train import parse_size
    from famda_train.commands.progress import progress_bar

    height, width = parse_size(size)
    with progress_bar() as bar:
        result = run_label(LabelSetup(teachers, engines, width, height, seconds, turns), bar)
    _print(result)
    return result


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table('teacher', 'engine')
    for heading in ('workers', 'images/s', 'over one worker', 'over local'):
        table.add_column(heading, justify='right')
    for row in result['rows']:
        ratios = result['ratios'][row['teacher']] if row['workers'] == 2 else {}
        second, ray = ratios.get(f'{row["engine"]}_2_over_1'), ratios.get(f'{row["engine"]}_over_local')
        numbers = [f'{value:.2f}' if value else '' for value in (row['images_per_s'], second, ray)]
        table.add_row(row['teacher'], row['engine'], str(row['workers']), *numbers)
    Console().print(table)
