# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench world``."""
from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

POSITIONALS = ()
HAS_RESULT = True


def run(
    out: str = 'runs/bench_world',
    targets: tuple[str, ...] = ('night', 'day'),
    seeds: tuple[int, ...] = (0, 1, 2),
    rows: tuple[str, ...] = (),
    split: Literal['test', 'val'] = 'test',
    size: Literal['full', 'small'] = 'full',
    jobs: int | None = None,
    markdown: str | None = None,
) -> dict[str, Any]:
    """Measure on the street world what every part of the method brings, and what is left to gain; no downloads.

    Every row is a student; all of a seed and target start from one base and take equally many further steps:
    source_only (the base as it is), source_only_adabn (its normalisation statistics taken again on unlabelled
    target frames), source_only_continued (the fair baseline: further steps on the source, then the same),
    self_training, masks, depth (self-training with one teacher), full (with both) and oracle (further steps on
    labelled target frames).  Tables show mean and standard deviation over seeds.  An interrupted run continues
    where it stopped; a finished one shows its tables again.  Only where they are named: labels_5, labels_10 and
    labels_20 (full, and the labels of so many target frames) and clicks_20 (ten clicks on each of 20).

    Args:
        out: folder for scenes, checkpoints and world.json, which is written after every row.
        targets: domains to adapt to: night, day.
        seeds: seeds of scenes, initialisation and sampling, 0 to 9.
        rows: names of the rows to measure; default: all but those with labels of the target's frames.
        split: scenes to score on: test, or val to choose settings on.
        size: full: as documented, about 10 minutes per seed on 2 cores; small: only to see it work.
        jobs: trainings at a time, which share the CPU cores; default: one per core, or 1 with a GPU.
        markdown: file in which the tables replace what stands between <!-- famda bench world --> and
            <!-- /famda bench world -->.
    """
    from famda_train.bench.tables import as_markdown, check_markers, print_tables, write_markdown
    from famda_train.bench.world import SIZES, WORLD_ROWS, Plan, run_world
    from famda_train.commands.progress import progress_bar

    if markdown:
        check_markers(markdown, 'world')  # now, not after the work
    plan = Plan(once(rows or WORLD_ROWS), once(targets), once(seeds), split, SIZES[size])
    with progress_bar() as bar:
        result = run_world(Path(out), plan, jobs, bar)
    result = {'command': command(out, targets, seeds, rows, split, size), **result}
    print_tables(result)
    if markdown:
        write_markdown(markdown, 'world', as_markdown(result))
    return result


def once(words: Iterable) -> tuple:
    """Return the words in their order, each once."""
    return tuple(dict.fromkeys(words))


def command(
    out: str, targets: Iterable[str], seeds: Iterable[int], rows: Iterable[str], split: str, size: str
) -> str:
    """Return the command line that measures the same again."""
    words = ['famda', 'bench', 'world', '--targets', *targets, '--seeds', *map(str, seeds)]
    words += ['--rows', *rows] if rows else []
    for option, value, default in (('--split', split, 'test'), ('--size', size, 'full')):
        words += [option, value] if value != default else []
    return shlex.join([*words, '--out', out])
