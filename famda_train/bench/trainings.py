# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A bench of adaptation as a resumable folder of trainings and scored rows."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from famda_ros.errors import FamdaError
from famda_train.bench.rows import ROWS, TRAININGS, Training
from famda_train.bench.summary import summarise
from famda_train.evaluation.machine import environment
from famda_train.resumable_folder import ResumableFolder
from famda_train.training.parallel_fits import fit_all

Key = tuple[str, str, int]
"""(row, target, seed) of one scored student."""


@dataclass(frozen=True)
class Run:
    """One training of one seed and, where it belongs to one, of one target."""

    training: str
    seed: int
    target: str | None

    @property
    def name(self) -> str:
        """Its name in progress bars and in the file of the bench."""
        return ' '.join(filter(None, (f'seed {self.seed}', self.target, self.training)))

    @property
    def what(self) -> Training:
        """What is trained."""
        return TRAININGS[self.training]


class BenchFolder(ResumableFolder):
    """The output folder of a bench: where scenes and checkpoints are, and which trainings and rows are done."""

    def __init__(self, out: Path, file: str, settings: dict[str, Any]):
        super().__init__(out, file, settings, {'trainings': {}, 'rows': []})

    def scenes(self, seed: int, name: str) -> Path:
        """Return the frame folder of a purpose."""
        return self.path / 'scenes' / f'seed{seed}' / name

    def checkpoint(self, seed: int, target: str | None, name: str) -> Path:
        """Return the path of a checkpoint; its folder exists."""
        folder = self.path / 'checkpoints' / f'seed{seed}' / (target or '')
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f'{name}.ckpt'

    def checkpoint_of(self, run: Run) -> Path:
        """Return the checkpoint that a run writes."""
        return self.checkpoint(run.seed, run.target, run.training)

    def is_trained(self, run: Run) -> bool:
        """Return whether a run is done."""
        return run.name in self.state['trainings'] and self.checkpoint_of(run).exists()

    def row(self, key: Key) -> dict[str, Any] | None:
        """Return a finished row."""
        found = [row for row in self.state['rows'] if (row['name'], row['target'], row['seed']) == key]
        return found[0] if found else None

    def missing(self, keys: Sequence[Key]) -> list[Key]:
        """Return the keys of rows that are not finished."""
        return [key for key in keys if self.row(key) is None]

    def result(self, keys: Sequence[Key], scored_on: dict[str, str]) -> dict[str, Any]:
        """Return the part of a result that all benches have.

        Args:
            keys: of the rows, which are finished, in the order of the result.
            scored_on: target → what rows were scored on, in words.

        Returns:
            ``protocol``, ``scored_on``, ``rows``, ``summary`` (see :func:`~famda_train.bench.summary.summarise`),
            ``settings`` and ``environment``.
        """
        rows = [row for key in keys if (row := self.row(key)) is not None]
        return {
            'protocol': 'metric',
            'scored_on': scored_on,
            'rows': rows,
            'summary': summarise(rows),
            'settings': self.state['settings'],
            'environment': environment(),
        }


@dataclass(frozen=True)
class Work:
    """How the trainings of a bench are made and their students scored.

    Attributes:
        run_of: key of a row → the run whose student it scores.
        base_of: a run → the base that it continues from.
        steps: a run → its optimiser steps.
        arguments: a run → its ``famda fit`` arguments.
        score: key of a row → the finished row, with ``miou`` and ``seconds``.
    """

    run_of: Callable[[Key], Run]
    base_of: Callable[[Run], Run]
    steps: Callable[[Run], int]
    arguments: Callable[[Run], list[str]]
    score: Callable[[Key], dict[str, Any]]


def train_and_score(folder: BenchFolder, work: Work, left: Sequence[Key], jobs: int | None, progress) -> None:
    """Train what the rows need and score every row as soon as its student is there.

    Args:
        folder: of the bench; rows that it lacks are added to it.
        work: how.
        left: keys of the rows that may be missing.
        jobs: trainings at a time, which share the cores; None = one per core, or one with a GPU.
        progress: a running :class:`rich.progress.Progress`.
    """
    runs = _missing_runs(folder, work, left)
    bars = TrainingBars(progress, {name: work.steps(run) for name, run in runs.items()})

    def score_trained() -> None:
        for key in left:
            if folder.row(key) is None and folder.is_trained(work.run_of(key)):
                row = work.score(key)
                folder.state['rows'].append(row)
                folder.save()
                progress.console.print(_in_a_line(row), highlight=False)

    def finished(name: str, seconds: float) -> None:
        bars.finish(name)
        folder.state['trainings'][name] = round(seconds, 2)
        folder.save()
        score_trained()

    score_trained()
    arguments = {name: work.arguments(run) for name, run in runs.items()}
    after = {name: work.base_of(run).name for name, run in runs.items() if run.what.further}
    if jobs is None:
        jobs = 1 if torch.cuda.is_available() else (os.cpu_count() or 1)
    fit_all(arguments, bars.show, finished, after, jobs)


def _missing_runs(folder: BenchFolder, work: Work, left: Sequence[Key]) -> dict[str, Run]:
    """Return name → run of the trainings that rows wait for; bases first, for all else waits for them."""
    runs: dict[str, Run] = {}
    for key in left:
        if not folder.is_trained(run := work.run_of(key)):
            for needed in (work.base_of(run), run):
                if not folder.is_trained(needed):
                    runs[needed.name] = needed
    return dict(sorted(runs.items(), key=lambda item: (item[1].what.further, item[1].seed)))


def check_asked(rows: Sequence[str], targets: Sequence[str], seeds: Sequence[int], most_seeds: int) -> None:
    """Raise FamdaError unless there is something to do, with seeds below ``most_seeds``."""
    if not (rows and targets and seeds):
        raise FamdaError('nothing to do: name at least one row, one target and one seed')
    if bad := [seed for seed in seeds if not 0 <= seed < most_seeds]:
        raise FamdaError(f'seeds go from 0 to {most_seeds - 1}, not {bad[0]}')


def check_jobs(jobs: int | None) -> None:
    """Raise FamdaError for a number of trainings at a time that cannot be."""
    if jobs is not None and jobs < 1:
        raise FamdaError(f'--jobs must be 1 or more, not {jobs}')


def counted(items, progress, bar) -> Iterator:
    """Yield the items and advance a bar for each."""
    for item in items:
        yield item
        progress.advance(bar)


class TrainingBars:
    """A bar for every running training, and one for all of them, which knows when all will be done."""

    def __init__(self, progress, steps: dict[str, int]):
        self._progress, self._steps = progress, steps
        self._done = dict.fromkeys(steps, 0)
        self._bars: dict[str, Any] = {}
        self._all = progress.add_task('all trainings', total=sum(steps.values()) or None, visible=bool(steps))

    def show(self, name: str, step: int) -> None:
        """Show that a training has done so many steps."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=self._steps[name])
        self._done[name] = step
        self._progress.update(self._bars[name], completed=step)
        self._progress.update(self._all, completed=sum(self._done.values()))

    def finish(self, name: str) -> None:
        """Take the bar of a finished training away."""
        self.show(name, self._steps[name])
        self._progress.remove_task(self._bars.pop(name))


def _in_a_line(row: dict[str, Any]) -> str:
    depth = '' if row.get('abs_rel') is None else f'AbsRel {row["abs_rel"]:.3f}, '
    return (
        f'{row["target"]}, seed {row["seed"]}, {ROWS[row["name"]].text}: '
        f'mIoU {row["miou"]:.1f} %, {depth}{row["seconds"]:.0f} s'
    )
