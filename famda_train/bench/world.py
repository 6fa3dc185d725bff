# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench world``: what every part of the method brings on the street world.

The output folder keeps everything: scenes, checkpoints and ``world.json``, which is
written after every training and every row.  An interrupted run resumes there.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from famda_ros import __version__
from famda_ros.errors import FamdaError, choose
from famda_train.bench.few_labels import write_few_labels
from famda_train.bench.rows import BASE, FEW_LABELS, ROWS, TRAININGS, Recipe, read_recipe, training_arguments
from famda_train.bench.trainings import BenchFolder, Key, Run, Work, check_asked, check_jobs, counted, train_and_score
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.datasets.render_to_disk import write_frames
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.models import load_predictor
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.labelling import label_frames
from famda_train.training.batch_norm_statistics import write_with_statistics
from famda_train.world import DOMAINS, render_many

SCENES = {'source': 0, 'target': 100_000, 'val': 200_000, 'test': 9_500_000}
"""Purpose → first scene of bench seed 0.  Settings may be chosen on ``val``; nothing was ever chosen on ``test``."""
SEED_STRIDE, MOST_SEEDS = 10_000, 10
"""Distance between the scenes of one bench seed and of the next, and how many fit between two purposes."""

SOURCE_CONFIG, FAMDA_CONFIG = 'street_world_source', 'street_world'
SOURCE_DOMAIN = 'synthetic'
WORLD_ROWS = tuple(name for name in ROWS if name not in ('superpixels', 'source_only_as_long', *FEW_LABELS))
"""Measured unless rows are named.  Superpixels are the masks of the street world, and ``source_only_adabn`` shows what
target statistics bring."""
STATISTICS_IMAGES = 160
"""Unlabelled target images from which normalisation statistics are taken again."""

METRICS = ('miou', 'abs_rel', 'rmse', 'delta1', 'iou')


@dataclass(frozen=True)
class BenchSize:
    """How much is rendered and trained; the default is the bench, smaller ones only show that it works.

    Attributes:
        source, target, test: frames rendered for training, adaptation and evaluation, at most 10 000 each.
        width, height: size of the frames in pixels.
        base_steps: steps of the base that all students start from; None = as in the source configuration.
        steps: further steps of every training; None = as in the configuration of the adaptation.
    """

    source: int = 500
    target: int = 400
    test: int = 120
    width: int = 192
    height: int = 96
    base_steps: int | None = None
    steps: int | None = None


SIZES = {
    'full': BenchSize(),
    'small': BenchSize(source=40, target=30, test=10, width=96, height=48, base_steps=60, steps=40),
}


@dataclass(frozen=True)
class Plan:
    """What to compare.

    Attributes:
        rows: names from :data:`~famda_train.bench.rows.ROWS`.
        targets: domains to adapt to.
        seeds: of scenes, initialisation and sampling, 0 to 9.
        split: ``test``, or ``val`` to choose settings on.
        size: how much is rendered and trained.
    """

    rows: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    split: str = 'test'
    size: BenchSize = SIZES['full']

    def check(self) -> None:
        """Raise FamdaError unless every word and number can be used."""
        for name in self.rows:
            choose(ROWS, name, 'row')
        for target in self.targets:
            choose({name: None for name in DOMAINS if name != SOURCE_DOMAIN}, target, 'target')
        choose({'test': None, 'val': None}, self.split, 'split')
        check_asked(self.rows, self.targets, self.seeds, MOST_SEEDS)
        frames = (self.size.source, self.size.target, self.size.test)
        if not 1 <= min(frames) <= max(frames) <= SEED_STRIDE:
            raise FamdaError(f'the bench takes 1 to {SEED_STRIDE} frames per purpose, not {frames}')

    def wanted(self) -> list[Key]:
        """Return (row, target, seed) of everything that is scored, in the order of the result."""
        return [(name, target, seed) for target in self.targets for name in self.rows for seed in self.seeds]


def run_of(row: str, target: str, seed: int) -> Run:
    """Return the run whose student a row scores."""
    training = ROWS[row].training
    return Run(training, seed, target if TRAININGS[training].sees_target else None)


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
        ``split``, ``frames``, ``scored_on`` (target → what rows were scored on), ``settings``, ``environment``.

    Raises:
        FamdaError: the plan or the folder cannot be used, or a training failed.
    """
    plan.check()
    check_jobs(jobs)
    recipe = read_recipe(SOURCE_CONFIG, FAMDA_CONFIG, plan.size.base_steps, plan.size.steps)
    settings = {'version': __version__, 'split': plan.split, 'size': asdict(plan.size), 'recipe': asdict(recipe)}
    folder = BenchFolder(out, 'world.json', settings)
    left = folder.missing(plan.wanted())
    if left:
        _render(folder, plan, sorted({seed for _, _, seed in left}), progress)
        _label(folder, plan, recipe, sorted({seed for _, _, seed in left}), progress)
        _label_few(folder, recipe, left, progress)
        work = Work(
            run_of=lambda key: run_of(*key),
            base_of=lambda run: Run(BASE, run.seed, None),
            steps=lambda run: recipe.steps_of(run.what),
            arguments=lambda run: _arguments(folder, plan, recipe, run),
            score=lambda key: _score(folder, plan, key),
        )
        train_and_score(folder, work, left, jobs, progress)
    scored_on = f'{plan.size.test} unseen scenes per seed, {plan.split} split'
    return {
        **folder.result(plan.wanted(), dict.fromkeys(plan.targets, scored_on)),
        'split': plan.split,
        'frames': plan.size.test,
    }


def _render(folder: BenchFolder, plan: Plan, seeds: Sequence[int], progress) -> None:
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
        frames = counted(render_many(scenes, domain, size.width, size.height), progress, bar)
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


def _label(folder: BenchFolder, plan: Plan, recipe: Recipe, seeds: Sequence[int], progress) -> None:
    """Fill the label stores of the targets by those teachers that a row needs."""
    trainings = [TRAININGS[ROWS[name].training] for name in plan.rows]
    teachers = sorted({teacher for training in trainings for teacher in recipe.teachers_of(training).items()})
    jobs = [(seed, target, *teacher) for seed in seeds for target in plan.targets for teacher in teachers]
    bar = progress.add_task('label', total=len(jobs) * plan.size.target or None, visible=bool(jobs))
    for done, (seed, target, role, name) in enumerate(jobs, 1):
        frames = FrameFolder(folder.scenes(seed, target))
        label_frames(frames, role, name, lambda outcomes, total: counted(outcomes, progress, bar))
        progress.update(bar, completed=done * plan.size.target)  # frames that were labelled before


def _label_few(folder: BenchFolder, recipe: Recipe, left: Sequence[Key], progress) -> None:
    """Write the labelled frames of the target for those rows that learn some."""
    runs = [run for key in left if (run := run_of(*key)).what.labels and not _is_written(_few_labels(folder, run))]
    for run in progress.track(runs, description='label a few') if runs else ():
        assert run.target is not None
        store = LabelStore.open(folder.scenes(run.seed, run.target), 'masks', recipe.teachers['masks'])
        labelled = FrameFolder(folder.scenes(run.seed, f'{run.target}_labelled'))
        write_few_labels(labelled, run.what, store.read_segments, _few_labels(folder, run))


def _few_labels(folder: BenchFolder, run: Run) -> Path:
    return folder.scenes(run.seed, f'{run.target}_{run.training}')


def _arguments(folder: BenchFolder, plan: Plan, recipe: Recipe, run: Run) -> list[str]:
    # What does not see a target is the same for all of them; the name is of no use there.
    target = run.target or plan.targets[0]
    return training_arguments(
        run.what, recipe, run.seed, target,
        source=folder.scenes(run.seed, f'{target}_labelled' if run.what.on_target else 'source'),
        target=folder.scenes(run.seed, target),
        target_labels=_few_labels(folder, run),
        base=folder.checkpoint(run.seed, None, BASE),
        out=folder.checkpoint_of(run),
    )  # fmt: skip


def _score(folder: BenchFolder, plan: Plan, key: Key) -> dict[str, Any]:
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
