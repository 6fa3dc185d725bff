# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench world``: what every part of the method brings on the street world.

The output folder keeps everything: scenes, checkpoints and ``world.json``, which is
written after every training and every row.  A run that was cut short goes on there.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from famda_ros import __version__
from famda_ros.errors import FamdaError, choose
from famda_ros.files import make_output_folder, write_atomically
from famda_train.adaptation.normalisation import write_with_statistics
from famda_train.bench import rows as table
from famda_train.bench.rows import BASE, ROWS, TRAININGS, BenchSize, Recipe, Training
from famda_train.bench.summary import summarise
from famda_train.data.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.environment import environment
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.models import load_predictor
from famda_train.fitting import fit_all
from famda_train.teachers.labelling import label_frames
from famda_train.world import DOMAINS, render_many
from famda_train.world.recording import write_frames

SCENES = {'source': 0, 'target': 100_000, 'val': 200_000, 'test': 9_500_000}
"""Purpose → first scene of bench seed 0.  Settings may be chosen on ``val``; nothing was ever chosen on ``test``."""
SEED_STRIDE, MOST_SEEDS = 10_000, 10
"""Distance between the scenes of one bench seed and of the next, and how many fit between two purposes."""

SOURCE_DOMAIN = 'synthetic'
STATISTICS_IMAGES = 160
"""Unlabelled target images from which normalisation statistics are taken again."""

METRICS = ('miou', 'abs_rel', 'rmse', 'delta1', 'iou')


@dataclass(frozen=True)
class Plan:
    """What to compare.

    Attributes:
        rows: names from :data:`~famda_train.bench.rows.ROWS`.
        targets: domains to adapt to.
        seeds: 0 to 9; of scenes, initialisation and sampling.
        split: ``test``, or ``val`` to choose settings on.
        size: how much of everything.
    """

    rows: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    split: str = 'test'
    size: BenchSize = table.SIZES['full']

    def check(self) -> None:
        """Raise FamdaError unless every word and number can be used."""
        for name in self.rows:
            choose(ROWS, name, 'row')
        for target in self.targets:
            choose({name: None for name in DOMAINS if name != SOURCE_DOMAIN}, target, 'target')
        choose({'test': None, 'val': None}, self.split, 'split')
        if not (self.rows and self.targets and self.seeds):
            raise FamdaError('nothing to do: name at least one row, one target and one seed')
        if bad := [seed for seed in self.seeds if not 0 <= seed < MOST_SEEDS]:
            raise FamdaError(f'seeds go from 0 to {MOST_SEEDS - 1}, not {bad[0]}')
        frames = (self.size.source, self.size.target, self.size.test)
        if not 1 <= min(frames) <= max(frames) <= SEED_STRIDE:
            raise FamdaError(f'the bench takes 1 to {SEED_STRIDE} frames per purpose, not {frames}')

    def wanted(self) -> list[tuple[str, str, int]]:
        """Return (row, target, seed) of everything that is scored, in the order of the result."""
        return [(name, target, seed) for target in self.targets for name in self.rows for seed in self.seeds]


@dataclass(frozen=True)
class Run:
    """One training of one seed and, where it sees one, of one target."""

    training: str
    seed: int
    target: str | None

    @property
    def name(self) -> str:
        """Its name in progress bars and in ``world.json``."""
        return ' '.join(filter(None, (f'seed {self.seed}', self.target, self.training)))

    @property
    def what(self) -> Training:
        """What is trained."""
        return TRAININGS[self.training]


def run_of(row: str, target: str, seed: int) -> Run:
    """Return the run whose student a row scores."""
    training = ROWS[row].training
    return Run(training, seed, target if TRAININGS[training].sees_target else None)


class Folder:
    """The output folder: where things lie, and what is done."""

    def __init__(self, out: Path, settings: dict[str, Any]):
        """Open a folder, or begin one.

        Raises:
            FamdaError: it cannot be written, or holds something else.
        """
        self.path = make_output_folder(out)
        self._file = self.path / 'world.json'
        self.state: dict[str, Any] = {'settings': settings, 'trainings': {}, 'rows': []}
        if self._file.exists():
            self._resume(settings)
        elif any(self.path.iterdir()):
            raise FamdaError(f"'{out}' is not empty and holds no bench; choose another --out")
        self.save()

    def _resume(self, settings: dict[str, Any]) -> None:
        try:
            state = json.loads(self._file.read_text())
            same = state['settings'] == json.loads(json.dumps(settings))
            self.state = {key: state[key] for key in self.state}
        except (ValueError, KeyError, TypeError) as error:
            raise FamdaError(f"'{self._file}' is damaged; choose another --out") from error
        if not same:
            raise FamdaError(f"'{self.path}' holds a bench with other settings; choose another --out")

    def save(self) -> None:
        """Write ``world.json``."""
        write_atomically(self._file, json.dumps(self.state, indent=2) + '\n')

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
        """Tell whether a run is done."""
        return run.name in self.state['trainings'] and self.checkpoint_of(run).exists()

    def row(self, key: tuple[str, str, int]) -> dict[str, Any] | None:
        """Return a finished row."""
        found = [row for row in self.state['rows'] if (row['name'], row['target'], row['seed']) == key]
        return found[0] if found else None


def run_world(out: Path, plan: Plan, jobs: int | None, progress) -> dict[str, Any]:
    """Run the bench, or what is left of it, and return its result.

    Args:
        out: output folder.
        plan: what to compare.
        jobs: trainings at a time, which share the cores; None = one per core, or one with a GPU.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        ``rows`` (name, target, seed, miou in percent, abs_rel, rmse in metres, delta1 in percent, iou by class,
        seconds of the training), ``summary`` (see :func:`~famda_train.bench.summary.summarise`), ``protocol``,
        ``split``, ``frames``, ``settings``, ``environment``.

    Raises:
        FamdaError: the plan or the folder cannot be used, or a training failed.
    """
    plan.check()
    if jobs is not None and jobs < 1:
        raise FamdaError(f'--jobs must be 1 or more, not {jobs}')
    recipe = table.read_recipe(plan.size)
    folder = Folder(out, {'version': __version__, 'split': plan.split, **asdict(plan.size), **asdict(recipe)})
    left = [key for key in plan.wanted() if folder.row(key) is None]
    if left:
        _render(folder, plan, sorted({seed for _, _, seed in left}), progress)
        _label(folder, plan, recipe, sorted({seed for _, _, seed in left}), progress)
        _train_and_score(folder, plan, recipe, left, jobs, progress)
    rows = [folder.row(key) for key in plan.wanted()]
    return {
        'protocol': 'metric',
        'split': plan.split,
        'frames': plan.size.test,
        'rows': rows,
        'summary': summarise([row for row in rows if row is not None]),
        'settings': folder.state['settings'],
        'environment': environment(),
    }


def _render(folder: Folder, plan: Plan, seeds: Sequence[int], progress) -> None:
    """Render what is not there yet: source, targets with and without labels, and scenes to score on."""
    size, wanted = plan.size, []
    for seed in seeds:
        wanted.append((seed, 'source', SOURCE_DOMAIN, 'source', size.source))
        for target in plan.targets:
            wanted.append((seed, f'{target}_labelled', target, 'target', size.target))
            wanted.append((seed, f'{target}_{plan.split}', target, plan.split, size.test))
    missing = [job for job in wanted if not _is_written(folder.scenes(job[0], job[1]))]
    bar = progress.add_task('render', total=sum(job[-1] for job in missing) or None, visible=bool(missing))
    for seed, name, domain, purpose, count in missing:
        first = SCENES[purpose] + seed * SEED_STRIDE
        scenes = range(first, first + count)
        frames = _count(render_many(scenes, domain, size.width, size.height), progress, bar)
        write_frames(folder.scenes(seed, name), domain, scenes, frames)
    for seed in seeds:
        for target in plan.targets:
            if not _is_written(folder.scenes(seed, target)):
                _write_unlabelled(folder.scenes(seed, f'{target}_labelled'), folder.scenes(seed, target))


def _is_written(path: Path) -> bool:
    return (path / 'dataset.yaml').exists()  # the last file of a frame folder


def _write_unlabelled(labelled: Path, out: Path) -> None:
    """Copy the images alone: where there are no labels, no row can have learnt from them."""
    frames = FrameFolder(labelled)
    with FrameFolderWriter(out, **{**frames.info, 'label_space': None}) as writer:
        for index, frame in enumerate(frames.frames):
            writer.add(frame.stem, frames.image(index), focal=frame.focal, **frame.extra)


def _label(folder: Folder, plan: Plan, recipe: Recipe, seeds: Sequence[int], progress) -> None:
    """Fill the label stores of the targets by those teachers that a row needs."""
    roles = {role for name in plan.rows for role in TRAININGS[ROWS[name].training].teachers}
    jobs = [(seed, target, role) for seed in seeds for target in plan.targets for role in sorted(roles)]
    bar = progress.add_task('label', total=len(jobs) * plan.size.target or None, visible=bool(jobs))
    for done, (seed, target, role) in enumerate(jobs, 1):
        frames = FrameFolder(folder.scenes(seed, target))
        label_frames(frames, role, recipe.teachers[role], lambda indices: _count(indices, progress, bar))
        progress.update(bar, completed=done * plan.size.target)  # frames that were labelled before


def _count(items, progress, bar) -> Iterator:
    for item in items:
        yield item
        progress.advance(bar)


def _train_and_score(
    folder: Folder, plan: Plan, recipe: Recipe, left: list[tuple[str, str, int]], jobs: int | None, progress
) -> None:
    """Train what the rows need and score every row as soon as its student is there."""
    runs = _missing_runs(folder, left)
    bars = TrainingBars(progress, {name: recipe.steps_of(run.what) for name, run in runs.items()})

    def score_trained() -> None:
        for key in left:
            if folder.row(key) is None and folder.is_trained(run_of(*key)):
                row = _score(folder, plan, key)
                folder.state['rows'].append(row)
                folder.save()
                progress.console.print(_in_a_line(row), highlight=False)

    def finished(name: str, seconds: float) -> None:
        bars.finish(name)
        folder.state['trainings'][name] = round(seconds, 2)
        folder.save()
        score_trained()

    score_trained()
    arguments = {name: _arguments(folder, plan, recipe, run) for name, run in runs.items()}
    after = {name: Run(BASE, run.seed, None).name for name, run in runs.items() if run.what.further}
    if jobs is None:
        jobs = 1 if torch.cuda.is_available() else (os.cpu_count() or 1)
    fit_all(arguments, bars.show, finished, after, jobs)


def _missing_runs(folder: Folder, left: Sequence[tuple[str, str, int]]) -> dict[str, Run]:
    """Return name → run of the trainings that rows wait for; bases first, for all else waits for them."""
    runs: dict[str, Run] = {}
    for key in left:
        if not folder.is_trained(run := run_of(*key)):
            for needed in (Run(BASE, run.seed, None), run):
                if not folder.is_trained(needed):
                    runs[needed.name] = needed
    return dict(sorted(runs.items(), key=lambda item: (item[1].what.further, item[1].seed)))


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


def _arguments(folder: Folder, plan: Plan, recipe: Recipe, run: Run) -> list[str]:
    # What does not see a target is the same for all of them; the name is of no use there.
    target = run.target or plan.targets[0]
    return table.training_arguments(
        run.what, recipe, run.seed, target,
        source=folder.scenes(run.seed, f'{target}_labelled' if run.what.on_target else 'source'),
        unlabelled=folder.scenes(run.seed, target),
        base=folder.checkpoint(run.seed, None, BASE),
        out=folder.checkpoint_of(run),
    )  # fmt: skip


def _score(folder: Folder, plan: Plan, key: tuple[str, str, int]) -> dict[str, Any]:
    """Return the finished row of a trained student."""
    name, target, seed = key
    run = run_of(*key)
    checkpoint = folder.checkpoint_of(run)
    if ROWS[name].target_statistics:
        student, checkpoint = checkpoint, folder.checkpoint(seed, target, name)
        _take_target_statistics(student, FrameFolder(folder.scenes(seed, target)), checkpoint)
    predict, _ = load_predictor(checkpoint)
    score = evaluate(predict, FrameFolder(folder.scenes(seed, f'{target}_{plan.split}')))
    return {
        'name': name,
        'target': target,
        'seed': seed,
        **{metric: score[metric] for metric in METRICS},
        'seconds': folder.state['trainings'][run.name],
    }


def _take_target_statistics(student: Path, frames: FrameFolder, out: Path) -> None:
    """Write a student again with the normalisation statistics of unlabelled target frames."""
    images = torch.from_numpy(np.stack(list(frames.images(STATISTICS_IMAGES)))).permute(0, 3, 1, 2).float() / 255
    write_with_statistics(student, images.split(8), out)


def _in_a_line(row: dict[str, Any]) -> str:
    return (
        f'{row["target"]}, seed {row["seed"]}, {ROWS[row["name"]].text}: '
        f'mIoU {row["miou"]:.1f} %, AbsRel {row["abs_rel"]:.3f}, {row["seconds"]:.0f} s'
    )
