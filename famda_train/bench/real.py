# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench real``: the method on real photographs, those of CamVid.

``day`` goes from the labelled street world to unlabelled photographs by day, as SYNTHIA → Cityscapes does, and
``day_clean`` goes there from cleanly rendered streets; ``dusk`` goes from labelled photographs by day to unlabelled
ones at dusk, as Cityscapes → ACDC does.  The settings are in the configurations ``config/train/camvid_*.yaml``.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from famda_ros import __version__
from famda_ros.files import make_output_folder
from famda_train.bench.checked_student import CheckedStudent
from famda_train.bench.few_labels import write_few_labels
from famda_train.bench.real_plan import TARGETS, RealPlan
from famda_train.bench.rows import BASE, BASELINE, FULL, ROWS, TRAININGS, Recipe, read_recipe, training_arguments
from famda_train.bench.trainings import BenchFolder, Key, Run, Work, check_jobs, counted, train_and_score
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.render_to_disk import write_frames
from famda_train.evaluation.evaluate import Predict, evaluate
from famda_train.evaluation.models import load_predictor
from famda_train.export.export_student import export_student
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.engines import open_engine
from famda_train.labelling.labelling import label_frames
from famda_train.pictures.student_comparison import COLUMNS, write_comparison
from famda_train.teachers.depth_teachers import build_depth_teacher
from famda_train.training.batch_norm_statistics import write_with_statistics
from famda_train.training.data_module import DataSource, spaced_images
from famda_train.training.samples import Samples
from famda_train.world import render_many

FIRST_SCENE, SEED_STRIDE = 8_000_000, 10_000
CHECKED = ('source_only', BASELINE, FULL)
"""Rows whose depth is checked; following pixels from frame to frame takes longer than all else that is scored."""
PROBES, PROBED_DOMAIN = 24, 'varied'
"""Rendered frames on which exported students are compared with their checkpoints: no photograph goes into a file."""
PICTURES = 3
"""Frames of the pictures of a target."""

STATISTICS_IMAGES = 160


class RealBench:
    """One bench in its folder: where its data is, and how its students are trained and scored.

    Args:
        out: output folder.
        plan: what to compare.
    """

    def __init__(self, out: Path, plan: RealPlan):
        plan.check()
        self.plan, size = plan, plan.size
        # Of all targets: others can be measured in the same folder later.
        recipes = {name: read_recipe(b.source, b.famda, size.base_steps, size.steps) for name, b in TARGETS.items()}
        settings = {target: asdict(recipe) for target, recipe in recipes.items()}
        self.recipes = recipes
        self.folder = BenchFolder(out, 'real.json', {'version': __version__, 'size': asdict(size), 'recipes': settings})

    def where(self, target: str, what: str, seed: int) -> dict[str, Any]:
        """Return the fields of the DataSource ``source``, ``target`` or ``validate`` of a target's benchmark."""
        recipe = self.recipes[target]
        found = dict(recipe.configs[recipe.famda]['data'][what])
        found['size'] = [self.plan.size.width, self.plan.size.height]
        if found.get('kind') != 'camvid':
            return {**found, 'path': str(self.folder.scenes(seed, TARGETS[target].domain or ''))}
        store = {'store': str(self.folder.path / 'stores' / found['split'])}
        return {**found, 'path': str(self.plan.data), 'options': {**found.get('options', {}), **store}}

    def run_of(self, key: Key) -> Run:
        """Return the run whose student a row scores."""
        name, target, seed = key
        return Run(ROWS[name].training, seed, target)

    def base_of(self, run: Run) -> Run:
        """Return the base that a run continues from."""
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
            source = self._labelled_target(run.target, run.seed)
        arguments = training_arguments(
            run.what, self._recipe(run), run.seed, run.target, source, target, self._few_labels(run),
            base=self.folder.checkpoint_of(self.base_of(run)), out=self.folder.checkpoint_of(run),
        )  # fmt: skip
        crop = self.plan.size.crop
        return arguments if crop is None else [*arguments, f'--data.crop={list(crop)}']

    def _labelled_target(self, target: str, seed: int) -> dict[str, Any]:
        space = self.where(target, 'validate', seed).get('label_space')
        return {**self.where(target, 'target', seed), 'label_space': space}

    def _few_labels(self, run: Run) -> Path:
        return self.folder.path / 'labels' / f'{run.target}_{run.training}'

    def scored_checkpoint(self, key: Key) -> Path:
        """Return the checkpoint of the student that a row scores."""
        name, target, seed = key
        if ROWS[name].target_statistics:
            return self.folder.checkpoint(seed, target, name)
        return self.folder.checkpoint_of(self.run_of(key))

    def score(self, key: Key) -> dict[str, Any]:
        """Return the finished row of a trained student."""
        name, target, seed = key
        run, checkpoint = self.run_of(key), self.scored_checkpoint(key)
        if ROWS[name].target_statistics:
            write_with_statistics(self.folder.checkpoint_of(run), self._target_images(target, seed), checkpoint)
        predict, card = load_predictor(checkpoint)
        frames = DataSource(**self.where(target, 'validate', seed)).open()
        checks = None
        if name in CHECKED and card.provenance.get('depth_taught'):
            teacher = build_depth_teacher(self.recipes[target].teachers['depth'])
            predict = checks = CheckedStudent(predict, frames, card.label_space, teacher)
        score = evaluate(predict, frames)
        no_depth = dict.fromkeys(('abs_rel', 'rmse', 'delta1'))  # CamVid has no depth to measure against
        row = {'name': name, 'target': target, 'seed': seed, 'miou': score['miou'], 'iou': score['iou'], **no_depth}
        seconds = self.folder.state['trainings'][run.name]
        return {**row, 'depth_checks': checks.compute() if checks else None, 'seconds': seconds}

    def draw(self, target: str, seed: int) -> list[Path]:
        """Draw fair baseline, FAMDA and ground truth on some frames; return the files, none without both students.

        The first one shows photographs and labels of the data set, the second one predictions only.
        """
        keys = {'source_only': (BASELINE, target, seed), 'famda': (FULL, target, seed)}
        if any(self.folder.row(key) is None for key in keys.values()):
            return []
        frames = DataSource(**self.where(target, 'validate', seed)).open()
        predictors = {output: load_predictor(self.scored_checkpoint(key))[0] for output, key in keys.items()}
        rows = [_drawn(frames, int(i), predictors) for i in np.linspace(0, len(frames) - 1, min(PICTURES, len(frames)))]
        assert frames.label_space is not None
        folder = make_output_folder(self.folder.path / 'pictures')
        files = {folder / f'{target}.png': COLUMNS, folder / f'{target}_students.png': tuple(keys)}
        for path, columns in files.items():
            write_comparison(path, rows, frames.label_space, columns)
        return list(files)

    def export(self, target: str, folder: Path) -> Path | None:
        """Write FAMDA's student of the seed that is best on the validation split, and return the file; None without."""
        rows = [row for seed in self.plan.seeds if (row := self.folder.row((FULL, target, seed))) is not None]
        if not rows:
            return None
        best = max(rows, key=lambda row: row['miou'])
        size, frames = self.plan.size, DataSource(**self.where(target, 'validate', 0)).open()
        probes = range(FIRST_SCENE, FIRST_SCENE + PROBES)
        images = (frame.image for frame in render_many(probes, PROBED_DOMAIN, size.width, size.height))
        scores = {name: best[name] for name in ('miou', 'iou')}
        metrics = {'data': frames.info['name'], 'frames': len(frames), 'protocol': 'metric', **scores}
        path = folder / f'camvid_{target}.onnx'
        checkpoint = self.scored_checkpoint((FULL, target, best['seed']))
        export_student(checkpoint, path, images, metrics=metrics, weights='fp16')
        return path

    def scored_on(self, target: str) -> str:
        """Return in words what rows of a target were scored on."""
        where = DataSource(**self.where(target, 'validate', 0))
        frames = where.open()
        space = frames.label_space
        return f"{len(frames)} frames of CamVid's {where.split}, {len(space) if space else 0} classes"

    def _target_images(self, target: str, seed: int) -> Sequence[torch.Tensor]:
        where = DataSource(**self.where(target, 'target', seed))
        return spaced_images(Samples(where.open(), where.size), STATISTICS_IMAGES)

    def render(self, left: Sequence[Key], progress) -> None:
        """Render the labelled streets that the rows ``left`` need and that are not there yet."""
        size = self.plan.size
        wanted = sorted({(seed, domain, t) for _, t, seed in left if (domain := TARGETS[t].domain) is not None})
        missing = [job for job in wanted if not (self.folder.scenes(job[0], job[1]) / 'dataset.yaml').exists()]
        bar = progress.add_task('render', total=len(missing) * size.source or None, visible=bool(missing))
        for seed, domain, target in missing:
            first = FIRST_SCENE + seed * SEED_STRIDE
            scenes = range(first, first + size.source)
            # The camera of the photographs, as far as it is known.
            focal = self.where(target, 'target', seed)['options']['focal'] * size.width
            frames = render_many(scenes, domain, size.width, size.height, focal)
            write_frames(self.folder.scenes(seed, domain), domain, scenes, counted(frames, progress, bar))

    def label(self, left: Sequence[Key], progress) -> None:
        """Fill the label stores by those teachers that the rows ``left`` need; all seeds share them."""
        for target in dict.fromkeys(target for _, target, _ in left):
            trainings = [TRAININGS[ROWS[name].training] for name, which, _ in left if which == target]
            teachers = {item for training in trainings for item in self.recipes[target].teachers_of(training).items()}
            frames = DataSource(**self.where(target, 'target', 0)).open()
            with open_engine('local') as engine:
                for role, name in sorted(teachers):
                    label_frames(frames, role, name, partial(_track, progress, f'{target}: {name}'), engine=engine)

    def label_few(self, left: Sequence[Key], progress) -> None:
        """Write the labelled frames of the target for those rows that learn some; all seeds share them."""
        runs = {self._few_labels(run): run for key in left if (run := self.run_of(key)).what.labels}
        missing = [path for path in runs if not (path / 'dataset.yaml').exists()]
        for path in progress.track(missing, description='label a few') if missing else ():
            run = runs[path]
            assert run.target is not None
            frames = DataSource(**self._labelled_target(run.target, run.seed)).open()
            store = LabelStore.open(frames.store, 'masks', self.recipes[run.target].teachers['masks'])
            write_few_labels(frames, run.what, store.read_segments, path)


def run_real(
    out: Path, plan: RealPlan, jobs: int | None, progress, models: Path | None = None
) -> dict[str, Any]:
    """Run the bench, or what is left of it, and return its result.

    Args:
        out: output folder.
        plan: what to compare.
        jobs: trainings at a time, which share the cores; None = one per core, or one with a GPU.
        models: folder for FAMDA's student of each target's best seed; None = it is not exported.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        ``rows`` (name, target, seed, miou in percent, iou by class, ``depth_checks`` of
        :class:`~famda_train.evaluation.depth_checks.DepthChecks`, seconds of the training; no depth metrics),
        ``summary`` (see :func:`~famda_train.bench.summary.summarise`), ``pictures``, ``models``, ``scored_on``,
        ``settings``, ``environment``.

    Raises:
        FamdaError: the plan or the folder cannot be used, or a training failed.
    """
    check_jobs(jobs)
    bench = RealBench(out, plan)
    left = bench.folder.missing(plan.wanted())
    if left:
        bench.render(left, progress)
        bench.label(left, progress)
        bench.label_few(left, progress)
        work = Work(bench.run_of, bench.base_of, bench.steps, bench.arguments, bench.score)
        train_and_score(bench.folder, work, left, jobs, progress)
    return {
        **bench.folder.result(plan.wanted(), {target: bench.scored_on(target) for target in plan.targets}),
        'pictures': [str(path) for target in plan.targets for path in bench.draw(target, plan.seeds[0])],
        'models': [str(path) for target in plan.targets if models and (path := bench.export(target, models))],
    }


def _drawn(frames: Dataset, index: int, predictors: Mapping[str, Predict]) -> dict[str, Any]:
    """Return a row of :mod:`famda_train.pictures.student_comparison`."""
    frame, image, labels = frames.frames[index], frames.image(index), frames.labels(index)
    outputs = {}
    for name, predict in predictors.items():
        predicted = predict(image, frame.focal)
        outputs[name] = {'labels': predicted.labels, 'depth': predicted.depth}
    unknown = np.full(labels.shape, np.nan, np.float32)
    return {'name': frame.stem, 'image': image, **outputs, 'ground_truth': {'labels': labels, 'depth': unknown}}


def _track(progress, description: str, outcomes: Iterable, total: int) -> Iterable:
    return progress.track(outcomes, total=total, description=description)
