# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's loop: render, label, fit, evaluate, export, play through the node, report.

Every step leaves its result in the output folder, and an interrupted run continues
with the first step that is not done.
"""
from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.harness.play_bag import play_through_node
from famda_ros.student.drift_reference import FEWEST_FRAMES
from famda_ros.student.label_space import FLAT7
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.render_to_disk import write_drive, write_frames
from famda_train.datasets.street_world import StreetWorld
from famda_train.demo.report import write_report
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.machine import environment
from famda_train.evaluation.models import load_predictor
from famda_train.export.export_student import export_student
from famda_train.labelling.labelling import label_with_teachers
from famda_train.pictures.student_comparison import write_comparison
from famda_train.resumable_folder import ResumableFolder, remove
from famda_train.training.batch_norm_statistics import write_with_statistics
from famda_train.training.data_module import AdaptationData
from famda_train.training.parallel_fits import PLAIN, fit_all, fit_arguments
from famda_train.world import drive, render_many

STUDENTS = ('source_only_plain', 'source_only', 'famda')

# No two purposes share a seed.  Nothing was ever tuned on the test seeds.
SOURCE_SEED, TARGET_SEED, TEST_SEED, DRIVE_SEED = 0, 100_000, 9_000_000, 8_000_000
SEED_STRIDE = 10_000
"""Distance between the scenes of one demo seed and of the next."""

TEACHERS = {'masks': 'felzenszwalb', 'depth': 'street-world'}
SKY = FLAT7.sky_id

STATE_FILE = 'demo.json'
PRODUCTS = (
    'results.json', 'report.html', 'night.png', 'night.onnx', 'base.ckpt', *(f'{name}.ckpt' for name in STUDENTS),
    'synthetic', 'night', 'test', 'night_drive', 'night_answers',
)  # fmt: skip
"""Everything that a demo leaves in its folder, besides ``demo.json``; the result is removed first."""


@dataclass(frozen=True)
class DemoSize:
    """How much is rendered and trained; the default is the demo, tests take less.

    Attributes:
        source, target, test: frames rendered for training, adaptation and evaluation.
        base_steps: source-only steps that both students start from.
        steps: further steps of FAMDA, and of the source-only baseline.
        drive_s: length of the drive through the node, seconds.
        drive_width, drive_height: size of its images, pixels.
        pictures: test scenes shown in the report.
    """

    source: int = 500
    target: int = 400
    test: int = 120
    base_steps: int = 1000
    steps: int = 600
    drive_s: float = 10.0
    drive_width: int = 480
    drive_height: int = 240
    pictures: int = 5


class DemoFolder(ResumableFolder):
    """The output folder of a demo; ``demo.json`` keeps the seconds and the result of every finished step.

    A finished demo is run anew, from nothing: half old and half new would be no result.  Only what a demo writes is
    removed; a user's own files beside it stay.
    """

    def __init__(self, out: Path, settings: dict[str, Any]):
        finished = all((out / name).exists() for name in (STATE_FILE, 'results.json'))
        super().__init__(out, STATE_FILE, settings, {'seconds': {}, 'results': {}}, restart=finished)
        self._changed = False  # a step was done: what older runs made of its products is out of date
        for product in PRODUCTS if finished else ():
            remove(self.path / product)

    def step(self, name: str, work: Callable[[], Any], *products: Path) -> Any:
        """Do a step unless it is done; return its (JSON) result.

        Args:
            name: of the step.
            work: does it.
            products: files and folders of the step; those of an interrupted attempt are removed first.
        """
        done = name in self.state['results'] and all(product.exists() for product in products)
        if done and not self._changed:
            return self.state['results'][name]
        self._changed = True
        for product in products:
            remove(product)
        quiet = not sys.stderr.isatty()  # progress bars are not drawn into files
        if quiet:
            print(f'{name} …', file=sys.stderr, flush=True)
        start = time.perf_counter()
        result = work()
        self.state['seconds'][name] = round(time.perf_counter() - start, 2)
        self.state['results'][name] = result
        self.save()
        if quiet:
            print(f'{name}: {self.state["seconds"][name]:.1f} s', file=sys.stderr, flush=True)
        return result

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of every step, and in all."""
        seconds = self.state['seconds']
        return {**seconds, 'total': round(sum(seconds.values()), 2)}


def run_demo(out: Path, seed: int, size: DemoSize, progress) -> dict[str, Any]:
    """Run the demo and return what ``results.json`` holds.

    Args:
        out: output folder.
        seed: of scenes, initialisation and sampling.
        size: how much is rendered and trained.
        progress: a running :class:`rich.progress.Progress`.

    Raises:
        FamdaError: no ROS 2 here, the folder is taken or cannot be written, or a step failed.
    """
    if importlib.util.find_spec('rclpy') is None:
        raise FamdaError("rclpy is missing; source a ROS 2 distribution or run: pip install 'famda_ros[ros]'")
    demo = DemoFolder(out, {'seed': seed, 'version': __version__, **asdict(size)})
    folder = demo.path
    source, target, test = (folder / name for name in ('synthetic', 'night', 'test'))
    checkpoints = {name: folder / f'{name}.ckpt' for name in STUDENTS}
    base, model = folder / 'base.ckpt', folder / 'night.onnx'
    drive_bag, answers = folder / 'night_drive', folder / 'night_answers'

    _render_all(demo, seed, size, progress)
    demo.step('label', lambda: label_with_teachers(FrameFolder(target), TEACHERS, progress), target / 'teachers')
    demo.step('fit_base', lambda: _fit_base(source, base, seed, size, progress), base)
    demo.step('fit_both', lambda: _fit_both(source, target, base, checkpoints, seed, size, progress),
              checkpoints['source_only_plain'], checkpoints['famda'])  # fmt: skip
    demo.step('statistics', lambda: _take_target_statistics(source, target, checkpoints), checkpoints['source_only'])
    scores = demo.step('evaluate', lambda: _evaluate(checkpoints, test, progress))
    demo.step('export', lambda: _export(checkpoints['famda'], model, target, scores['famda']), model)
    demo.step('drive', lambda: _render_drive(drive_bag, seed, size, progress), drive_bag)
    perception = demo.step('node', lambda: _play(model, drive_bag, answers, progress), answers)

    results = {
        'adaptation': scores,
        'perception': perception,
        'seconds': demo.seconds,
        'environment': environment(),
        'seed': seed,
    }
    rows = picture_rows(checkpoints, FrameFolder(test), size.pictures)
    write_comparison(folder / 'night.png', rows[:3], FLAT7)
    write_report(folder / 'report.html', results, rows, FLAT7, next_steps(folder))
    write_atomically(folder / 'results.json', json.dumps(results, indent=2) + '\n')
    return results


def _render_all(demo: DemoFolder, seed: int, size: DemoSize, progress) -> None:
    shift = seed * SEED_STRIDE
    for name, domain, first, count, labelled in (
        ('synthetic', 'synthetic', SOURCE_SEED + shift, size.source, True),
        ('night', 'night', TARGET_SEED + shift, size.target, False),
        ('test', 'night', TEST_SEED + shift, size.test, True),
    ):
        path, seeds = demo.path / name, range(first, first + count)

        def work(path=path, domain=domain, seeds=seeds, labelled=labelled, name=name):
            frames = progress.track(render_many(seeds, domain), total=len(seeds), description=f'render: {name}')
            write_frames(path, domain, seeds, frames, labelled)

        demo.step(f'render_{name}', work, path)


def _fit_bars(progress, totals: dict[str, int]) -> Callable[[str, int], None]:
    """Draw a bar for every run; return a function (name, steps) that moves it."""
    bars = {name: progress.add_task(f'fit: {name}', total=total) for name, total in totals.items()}
    return lambda name, step: progress.update(bars[name], completed=step)


def _fit_base(source: Path, base: Path, seed: int, size: DemoSize, progress) -> None:
    arguments = fit_arguments(
        'street_world_source', seed, **PLAIN, data__source=source, trainer__max_steps=size.base_steps, out=base
    )
    fit_all({'source only': arguments}, _fit_bars(progress, {'source only': size.base_steps}))


def _fit_both(source: Path, target: Path, base: Path, checkpoints, seed: int, size: DemoSize, progress) -> None:
    common: dict[str, Any] = {
        **PLAIN, 'data__source': source, 'model__init_args__init_from': base, 'trainer__max_steps': size.steps,
    }  # fmt: skip
    runs = {
        'source only, continued': fit_arguments(
            'street_world_source', seed, **common, out=checkpoints['source_only_plain'],
            model__init_args__learning_rate=1e-3,
        ),
        'FAMDA': fit_arguments(
            'street_world', seed, **common, out=checkpoints['famda'], data__target=target
        ),
    }  # fmt: skip
    fit_all(runs, _fit_bars(progress, dict.fromkeys(runs, size.steps)))


def _take_target_statistics(source: Path, target: Path, checkpoints) -> None:
    """Make the honest baseline: the same weights, with the target's normalisation statistics."""
    images = AdaptationData(str(source), str(target)).target_images(160)
    write_with_statistics(checkpoints['source_only_plain'], images, checkpoints['source_only'])


def _evaluate(checkpoints, test: Path, progress) -> dict[str, Any]:
    folder = FrameFolder(test)
    bar = progress.add_task('evaluate', total=len(STUDENTS) * len(folder))
    scores: dict[str, Any] = {}
    for name in STUDENTS:
        predict, _ = load_predictor(checkpoints[name])
        scores[name] = evaluate(predict, folder, progress=lambda *_: progress.advance(bar))
    return {'protocol': scores['famda']['protocol'], **scores}


def _export(checkpoint: Path, model: Path, target: Path, score: dict[str, Any]) -> dict[str, Any]:
    frames = FrameFolder(target)
    # The target has no labels: the confidence is calibrated on rendered days, which the student was not trained on.
    exported = export_student(
        checkpoint, model, frames.images(40), 'street-world-night', score, confidence=[StreetWorld('day', split='val')],
        shifts=(), reference=frames if len(frames) >= FEWEST_FRAMES else None,
    )  # fmt: skip
    return asdict(exported.agreement)


def _render_drive(bag: Path, seed: int, size: DemoSize, progress) -> None:
    count = round(size.drive_s * 10)
    moments = drive(
        DRIVE_SEED + seed * SEED_STRIDE, 'night', count, 10.0, size.drive_width, size.drive_height,
        workers=os.cpu_count() or 1,
    )  # fmt: skip
    write_drive(bag, 'night', progress.track(moments, total=count, description='render: night drive'))


def _play(model: Path, bag: Path, answers: Path, progress) -> dict[str, Any]:
    task = progress.add_task('node: play the drive', total=None)
    outcome = play_through_node(model, bag, answers)
    if not (outcome['headers_equal'] and outcome['sizes_equal'] and outcome['encodings_equal']):
        raise FamdaError(f"the node's outputs do not match the images it was sent; compare '{bag}' with '{answers}'")
    progress.update(task, total=1, completed=1)
    keys = ('frames_sent', 'frames_answered', 'frames_lost_after_node', 'every_frame_accounted', 'headers_equal')
    return {
        **{key: outcome[key] for key in keys},
        # Replaced by a newer frame while waiting: in the node, or already in its input queue of one.
        'frames_dropped': outcome['frames_dropped'] + outcome['frames_lost_before_node'],
        'latency_ms': outcome['latency_ms'],
    }


def picture_rows(checkpoints: dict[str, Path], folder: FrameFolder, count: int) -> list[dict[str, Any]]:
    """Return evenly spaced test scenes with the students' predictions and the ground truth."""
    predictors = {name: load_predictor(checkpoints[name])[0] for name in ('source_only', 'famda')}
    rows = []
    for index in np.linspace(0, len(folder) - 1, min(count, len(folder))).astype(int):
        image, focal = folder.image(index), folder.frames[index].focal
        row = {'name': f'scene {folder.frames[index].extra.get("seed", index)}', 'image': image}
        for name, predictor in predictors.items():
            found = predictor(image, focal)
            assert found.labels is not None and found.depth is not None
            # Students do not learn the depth of sky: a picture of it would only show noise.
            row[name] = {'labels': found.labels, 'depth': np.where(found.labels == SKY, np.inf, found.depth)}
        row['ground_truth'] = {'labels': folder.labels(index), 'depth': folder.depth(index)}
        rows.append(row)
    return rows


def next_steps(folder: Path) -> list[tuple[str, str]]:
    """Return (what, command) pairs that work with the files of this run."""
    model, launch = folder / 'night.onnx', 'ros2 launch famda_ros perception.launch.py'
    return [
        ('Run the adapted student over a recording', f'famda perceive my_drive.mcap --model {model} --out answers'),
        ('Score it again', f'famda evaluate {model} {folder / "test"}'),
        ('Render another domain to adapt to', 'famda world --domain day --frames 400 --out runs/day'),
        ('Start the node on a robot', f'{launch} cameras:=/camera/image_raw model:={model.absolute()}'),
    ]
