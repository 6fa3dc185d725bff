# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench gate``."""
from __future__ import annotations

from pathlib import Path
from typing import Any

POSITIONALS = ('world',)
HAS_RESULT = True
VERDICTS = ('promote', 'hold', 'ask')


def run(
    world: str,
    out: str = 'runs/bench_gate',
    target: str = 'night',
    seeds: tuple[int, ...] = (0, 1, 2),
    photographs: str | None = None,
    students: tuple[str, ...] = (),
    real: str | None = None,
) -> dict[str, Any]:
    """Measure what famda compare promotes, against ground truth that it does not see.

    The students of famda bench world, mixtures of their weights, and sabotaged ones (a class liked too much, noise on
    weights, shuffled classes, wrong metres) are compared in pairs on the unlabelled frames of their target. How good
    they are is measured on labelled frames of other scenes.

    Args:
        world: output folder of famda bench world, with its checkpoints and scenes.
        out: folder for gate.json, which holds every pair; an interrupted run continues there.
        target: domain that the students were adapted to.
        seeds: seeds of famda bench world, and of famda bench real.
        photographs: CamVid as of docs/datasets.md; students are compared on it too, by day and at dusk.
        students: checkpoints and .onnx files of one label space for the photographs.
        real: output folder of famda bench real --targets day; its students are compared on the photographs, too.
    """
    from famda_ros.errors import FamdaError
    from famda_train.bench.gate import run_gate
    from famda_train.commands.progress import progress_bar

    if bool(photographs) != bool(students or real):
        raise FamdaError('--photographs and --students or --real belong together; give both or none')
    with progress_bar() as bar:
        result = run_gate(
            Path(out), Path(world), target, seeds, Path(photographs) if photographs else None,
            [Path(student) for student in students], Path(real) if real else None, bar,
        )  # fmt: skip
    print(as_markdown(result))
    return result


def as_markdown(result: dict[str, Any]) -> str:
    """Return the table of the documentation."""
    lines = ['| | candidates | pairs | candidate is | promote | hold | ask |', '|---|---|---|---|---|---|---|']
    for name, group in result['groups'].items():
        for kind, row in group['table'].items():
            if row:
                counts = ' | '.join(str(row.get(verdict, 0)) for verdict in VERDICTS)
                lines.append(f'| {name} | {group["candidates"]} | {sum(row.values())} | {kind} | {counts} |')
    return '\n'.join(lines)
