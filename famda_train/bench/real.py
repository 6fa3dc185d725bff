# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench real``: the method on real photographs, those of CamVid.

``day`` goes from the labelled street world to unlabelled photographs by day, as SYNTHIA → Cityscapes does; ``dusk``
goes from labelled photographs by day to unlabelled ones at dusk, as Cityscapes → ACDC does.  The configurations
``config/train/camvid_*.yaml`` say how.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from famda_ros import __version__
from famda_ros.errors import FamdaError, choose
from famda_train.adaptation.normalisation import write_with_statistics
from famda_train.bench.rows import BASE, ORACLE, ROWS, TRAININGS, Recipe, read_recipe, training_arguments
from famda_train.bench.summary import summarise
from famda_train.bench.trainings import Folder, Key, Run, Work, check_asked, check_jobs, counted, train_and_score
from famda_train.data.adaptation_data import DataSource, spaced_images
from famda_train.data.samples import Samples
from famda_train.environment import environment
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.models import load_predictor
from famda_train.teachers.engines import open_engine
from famda_train.teachers.labelling import label_frames
from famda_train.world import render_many
from famda_train.world.recording import write_frames

TARGETS = {'day': ('camvid_day_source', 'camvid_day'), 'dusk': ('camvid_dusk_source', 'camvid_dusk')}
"""Target → its configurations: of trainings on labelled frames, and of the self-training."""

WITH_ORACLE = ('day',)
"""Targets whose frames for adaptation have labels, which the oracle alone reads."""

REAL_ROWS = ('source_only', 'source_only_continued', 'self_training', 'superpixels', 'masks', 'full', 'oracle')
FIRST_SCENE, SEED_STRIDE, MOST_SEEDS = 8_000_000, 10_000, 10
DOMAIN, FOCAL_PER_WIDTH = 'varied', 1.1
"""The source of ``day``; the focal length of CamVid's camera is not published, this is an estimate."""

STATISTICS_IMAGES = 160
SPLITS_NEEDED = ('day_train', 'day_val', 'dusk_adapt', 'dusk_val')


@dataclass(frozen=True)
class RealSize:
    """How much of everything; the default is the bench, smaller ones only show that it works.

    Attributes:
        source: frames of the street world.
        width, height: of all frames in training, pixels.
        base_steps, steps: as in :func:`~famda_train.bench.rows.read_recipe`.
    """

    source: int = 800
    width: int = 320
    height: int = 240
    base_steps: int | None = None
    steps: int | None = None


SIZES = {'full': RealSize(), 'small': RealSize(source=24, width=96, height=72, base_steps=20, steps=12)}


@dataclass(frozen=True)
class RealPlan:
    """What to compare.

    Attributes:
        data: folder of CamVid.
        rows: names from :data:`~famda_train.bench.rows.ROWS`.
        targets: from :data:`TARGETS`.
        seeds: 0 to 9; of scenes, initialisation and sampling.
        size: how much of everything.
    """

    data: Path
    rows: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    size: RealSize = SIZES['full']

    def check(self) -> None:
        """Raise FamdaError unless every word and number can be used and the data is there."""
        for name in self.rows:
            choose({row: None for row in REAL_ROWS}, name, 'row')
        for target in self.targets:
            choose(TARGETS, target, 'target')
        check_asked(self.rows, self.targets, self.seeds, MOST_SEEDS)
        for split in SPLITS_NEEDED:
            if not (self.data / split / 'images').is_dir():
                raise FamdaError(f"'{self.data}' has no folder '{split}/images'; see docs/results.md for its layout")

    def wanted(self) -> list[Key]:
        """Return (row, target, seed) of everything that is scored, in the order of the result."""
        return [
            (name, target, seed)
            for target in self.targets
            for name in self.rows
            for seed in self.seeds
            if name != ORACLE or target in WITH_ORACLE
        ]


class RealBench:
    """One bench in its folder: where its data is, and how its students are trained and scored.

    Args:
        out: output folder.
        plan: what to compare.
    """

    def __init__(self, out: Path, plan: RealPlan):
        plan.check()
        self.plan, size = plan, plan.size
        # All targets, whichever are asked for: a folder can be gone on with for another one.
        recipes = {target: read_recipe(*names, size.base_steps, size.steps) for target, names in TARGETS.items()}
        settings = {target: asdict(recipe) for target, recipe in recipes.items()}
        self.recipes = recipes
        self.folder = Folder(out, 'real.json', {'version': __version__, 'size': asdict(size), 'recipes': settings})

    def where(self, target: str, what: str, seed: int) -> dict[str, Any]:
        """Return the fields of the DataSource ``source``, ``target`` or ``validate`` of a target's benchmark."""
        recipe = self.recipes[target]
        found = dict(recipe.configs[recipe.famda]['data'][what])
        found['size'] = [self.plan.size.width, self.plan.size.height]
        if found.get('kind') != 'camvid':
            return {**found, 'path': str(self.folder.scenes(seed, 'source'))}
        store = self.folder.path / 'stores' / found['split']
        return {**found, 'path': str(self.plan.data), 'options': {'store': str(store)}}

    def run_of(self, key: Key) -> Run:
        """Return the run whose student a row scores."""
        name, target, seed = key
        return Run(ROWS[name].training, seed, target)

    def base_of(self, run: Run) -> Run:
        """Return the base that a run goes on from."""
        return Run(BASE, run.seed, run.target)

    def steps(self, run: Run) -> int:
        """Return the steps of a run."""
        return self._recipe(run).steps_of(run.what)

    def _recipe(self, run: Run) -> Recipe:
        assert run.target is not None
        return self.recipes[run.target]

    def arguments(self, run: Run) -> list[str]:
        """Return the ``famda fit`` arguments of a run."""
        assert run.target is not None
        target = self.where(run.target, 'target', run.seed)
        source = self.where(run.target, 'source', run.seed)
        if run.what.on_target:
            source = {**target, 'label_space': self.where(run.target, 'validate', run.seed)['label_space']}
        return training_arguments(
            run.what, self._recipe(run), run.seed, run.target, source, target,
            base=self.folder.checkpoint_of(self.base_of(run)), out=self.folder.checkpoint_of(run),
        )  # fmt: skip

    def score(self, key: Key) -> dict[str, Any]:
        """Return the finished row of a trained student."""
        name, target, seed = key
        run = self.run_of(key)
        checkpoint = self.folder.checkpoint_of(run)
        if ROWS[name].target_statistics:
            student, checkpoint = checkpoint, self.folder.checkpoint(seed, target, name)
            write_with_statistics(student, self._target_images(target, seed), checkpoint)
        predict, _ = load_predictor(checkpoint)
        score = evaluate(predict, DataSource(**self.where(target, 'validate', seed)).open())
        seconds = self.folder.state['trainings'][run.name]
        no_depth = dict.fromkeys(('abs_rel', 'rmse', 'delta1'))  # CamVid has no depth to measure against
        row = {'name': name, 'target': target, 'seed': seed, 'miou': score['miou'], 'iou': score['iou'], **no_depth}
        return {**row, 'seconds': seconds}

    def scored_on(self, target: str) -> str:
        """Return in words what rows of a target were scored on."""
        where = DataSource(**self.where(target, 'validate', 0))
        frames = where.open()
        space = frames.label_space
        return f"{len(frames)} frames of CamVid's {where.split}, {len(space) if space else 0} classes"

    def _target_images(self, target: str, seed: int) -> Sequence[torch.Tensor]:
        where = DataSource(**self.where(target, 'target', seed))
        return spaced_images(Samples(where.open(), where.size), STATISTICS_IMAGES)

    def render(self, seeds: Sequence[int], progress) -> None:
        """Render the labelled streets that are not there yet."""
        size = self.plan.size
        missing = [seed for seed in seeds if not (self.folder.scenes(seed, 'source') / 'dataset.yaml').exists()]
        bar = progress.add_task('render', total=len(missing) * size.source or None, visible=bool(missing))
        for seed in missing:
            first = FIRST_SCENE + seed * SEED_STRIDE
            scenes = range(first, first + size.source)
            frames = render_many(scenes, DOMAIN, size.width, size.height, FOCAL_PER_WIDTH * size.width)
            write_frames(self.folder.scenes(seed, 'source'), DOMAIN, scenes, counted(frames, progress, bar))

    def label(self, progress) -> None:
        """Fill the label stores of the targets by those teachers that a row needs; all seeds share them."""
        for target in self.plan.targets:
            trainings = [TRAININGS[ROWS[name].training] for name in self.plan.rows]
            teachers = {item for training in trainings for item in self.recipes[target].teachers_of(training).items()}
            frames = DataSource(**self.where(target, 'target', 0)).open()
            with open_engine('local') as engine:
                for role, name in sorted(teachers):
                    label_frames(frames, role, name, partial(_track, progress, f'{target}: {name}'), engine=engine)


def run_real(out: Path, plan: RealPlan, jobs: int | None, progress) -> dict[str, Any]:
    """Run the bench, or what is left of it, and return its result.

    Args:
        out: output folder.
        plan: what to compare.
        jobs: trainings at a time, which share the cores; None = one per core, or one with a GPU.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        ``rows`` (name, target, seed, miou in percent, iou by class, seconds of the training; no depth metrics),
        ``summary`` (see :func:`~famda_train.bench.summary.summarise`), ``scored_on``, ``settings``, ``environment``.

    Raises:
        FamdaError: the plan or the folder cannot be used, or a training failed.
    """
    check_jobs(jobs)
    bench = RealBench(out, plan)
    left = [key for key in plan.wanted() if bench.folder.row(key) is None]
    if left:
        if 'day' in {target for _, target, _ in left}:
            bench.render(sorted({seed for _, _, seed in left}), progress)
        bench.label(progress)
        work = Work(bench.run_of, bench.base_of, bench.steps, bench.arguments, bench.score)
        train_and_score(bench.folder, work, left, jobs, progress)
    rows = [bench.folder.row(key) for key in plan.wanted()]
    return {
        'protocol': 'metric',
        'scored_on': {target: bench.scored_on(target) for target in plan.targets},
        'rows': rows,
        'summary': summarise([row for row in rows if row is not None]),
        'settings': bench.folder.state['settings'],
        'environment': environment(),
    }


def _track(progress, description: str, outcomes: Iterable, total: int) -> Iterable:
    return progress.track(outcomes, total=total, description=description)
