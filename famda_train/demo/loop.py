# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's loop: a student by day, a drive into the night, and what follows, up to better masks in the same node.

Every step leaves its result in the output folder, and an interrupted run continues
with the first step that is not done.
"""
from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from famda_ros import __version__
from famda_ros.files import atomic_path, write_atomically
from famda_ros.messages.triggered_recorder import RecorderSettings
from famda_ros.profiles.deployed_models import deploy, versions
from famda_ros.student.drift_reference import FEWEST_FRAMES
from famda_ros.student.label_space import FLAT7
from famda_train.adapt import adaptation
from famda_train.adapt.adaptation import AdaptSettings, adapt
from famda_train.adapt.compare import compare
from famda_train.adapt.gate import PROMOTE
from famda_train.adapt.steps import Progress, StepFolder
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.render_to_disk import write_drive, write_frames
from famda_train.datasets.street_world import StreetWorld
from famda_train.demo.drives import drive_through, write_with_truth
from famda_train.demo.report import render_report
from famda_train.demo.robot import PROFILE, drive_and_swap, judge_swap
from famda_train.demo.sabotage import SABOTAGE, write_shuffled
from famda_train.demo.watch import watch_and_record
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.machine import environment
from famda_train.evaluation.models import load_predictor
from famda_train.export.export_student import export_student
from famda_train.pictures.learning_curves import learning_curves
from famda_train.pictures.student_comparison import write_comparison
from famda_train.resumable_folder import remove
from famda_train.training.batch_norm_statistics import write_with_statistics
from famda_train.training.data_module import AdaptationData, DataSource
from famda_train.training.parallel_fits import PLAIN, fit_all, fit_arguments, fit_config
from famda_train.training.training_log import logged_scalars
from famda_train.world import render_many

STUDENTS = ('source_only_plain', 'source_only', 'famda')

# No two purposes share a seed.  Nothing was ever tuned on the test seeds.
SOURCE_SEED, NIGHT_SEED, HOME_SEED, DRIVE_SEED, TEST_SEED = 0, 100_000, 7_000_000, 8_000_000, 9_000_000
SEED_STRIDE = 10_000
"""Distance between the scenes of one demo seed and of the next."""

HOME, AWAY = 'synthetic', 'night'
"""Domains of the street world: of the robot's own light, and of the night."""
MASKS, DEPTH = 'felzenszwalb', 'street-world'
STEPS = (
    'render', 'fit_base', 'export_day', 'render_into_the_night', 'watch', 'adapt', 'fit_baseline', 'evaluate',
    'sabotage', 'render_night_drive', 'node',
)  # fmt: skip
SKY = FLAT7.sky_id
PARITY_FRAMES, COMPARED = 40, 60
STATISTICS_FRAMES = 160
WITHOUT_ROS = (
    "rclpy is missing, so no node takes over the new student; source a ROS 2 distribution or run: pip install "
    "'famda_ros[ros]'"
)

STATE_FILE = 'demo.json'
PRODUCTS = (
    'results.json', 'report.html', 'night.png', 'day.onnx', 'night.onnx', 'base.ckpt', 'source_only_plain.ckpt',
    'source_only.ckpt', 'sabotaged.ckpt', 'adapt.yaml', 'adaptation', 'synthetic', 'test', 'into_the_night',
    'recordings', 'night_drive', 'night_drive.npz', 'night_answers', 'robot',
)  # fmt: skip
"""Everything that a demo leaves in its folder, besides ``demo.json``; the result is removed first."""


@dataclass(frozen=True)
class DemoSize:
    """How much is rendered and trained; the default is the demo, tests take less.

    Attributes:
        source, test: frames rendered for training and evaluation.
        home: frames of the day that the drift monitor takes for home.
        target: most frames that are extracted from the recording and adapted to.
        base_steps: source-only steps that both students start from.
        steps: further steps of FAMDA, and of the source-only baseline.
        home_s, night_s: seconds of the drive by day, and of its part by night.
        pre_s, post_s: recorded before and after the alarm, seconds.
        drive_s: length of the drive through the node, seconds.
        swap_after: answers of the node after which it gets its next student.
        drive_width, drive_height: size of the camera's images, pixels.
        pictures: test scenes shown in the report.
    """

    source: int = 500
    test: int = 120
    home: int = 200
    target: int = 400
    base_steps: int = 1000
    steps: int = 600
    home_s: float = 8.0
    night_s: float = 50.0
    pre_s: float = 2.0
    post_s: float = 44.0
    drive_s: float = 30.0
    swap_after: int = 50
    drive_width: int = 480
    drive_height: int = 240
    pictures: int = 5


def open_demo(out: Path, settings: dict[str, Any]) -> StepFolder:
    """Return the folder of a demo.

    A finished demo is run anew, from nothing: half old and half new would be no result.  Only what a demo writes is
    removed; a user's own files beside it stay.
    """
    finished = all((out / name).exists() for name in (STATE_FILE, 'results.json'))
    folder = StepFolder(out, STATE_FILE, settings, restart=finished)
    for product in PRODUCTS if finished else ():
        remove(folder.path / product)
    return folder


def run_demo(
    out: Path, seed: int, size: DemoSize, bars, say: Callable[[str], object] = print, ros: bool | None = None
) -> dict[str, Any]:
    """Run the demo and return what ``results.json`` holds.

    Args:
        out: output folder.
        seed: of scenes, initialisation and sampling.
        size: how much is rendered and trained.
        bars: a running :class:`rich.progress.Progress`.
        say: called with a sentence about each thing that happens.
        ros: whether a node is run; None = where rclpy is.

    Raises:
        FamdaError: the folder is taken or cannot be written, or a step failed.
    """
    ros = importlib.util.find_spec('rclpy') is not None if ros is None else ros
    folder = open_demo(out, {'seed': seed, 'version': __version__, 'ros': ros, **asdict(size)})
    return _Demo(folder, seed, size, Progress(bars, STEPS), bars, say, ros).run()


class _Demo:
    """A run: its folder, and where its files are."""

    def __init__(self, folder: StepFolder, seed: int, size: DemoSize, progress: Progress, bars, say, ros: bool):
        self._folder, self._seed, self._size, self._ros = folder, seed, size, ros
        self._progress, self._bars, self._say = progress, bars, say
        folder.on_begin = progress.begin
        self._out = out = folder.path
        self._shift = seed * SEED_STRIDE
        self._source, self._test = out / 'synthetic', out / 'test'
        self._base, self._day, self._night = out / 'base.ckpt', out / 'day.onnx', out / 'night.onnx'
        self._sabotaged = out / 'sabotaged.ckpt'
        self._into, self._drive, self._truth = out / 'into_the_night', out / 'night_drive', out / 'night_drive.npz'
        self._recordings, self._answers, self._robot = out / 'recordings', out / 'night_answers', out / 'robot'
        self._adapted = out / 'adaptation'
        self._frames = self._adapted / 'frames'
        self._checkpoints = {
            'source_only_plain': out / 'source_only_plain.ckpt',
            'source_only': out / 'source_only.ckpt',
            'famda': self._adapted / 'student.ckpt',
        }

    def run(self) -> dict[str, Any]:
        """Do every step that is not done, and write the results."""
        self._folder.step('render', self._render, self._source, self._test)
        self._folder.step('fit_base', self._fit_base, self._base)
        self._folder.step('export_day', self._export_day, self._day)
        self._folder.step('render_into_the_night', self._render_into_the_night, self._into)
        drift, recording = self._folder.step('watch', self._watch, self._recordings)
        self._say(f'noticed after {drift["detected_after_s"]:.1f} s of night: {drift["reason"]}')
        adapted = self._folder.step('adapt', lambda: self._adapt(recording), self._adapted, resumable=True)
        self._say(f'the gate says {adapted["verdict"]}: {adapted["reasons"][0]}')
        self._folder.step('fit_baseline', self._fit_baseline, *list(self._checkpoints.values())[:2])
        scores = self._folder.step('evaluate', self._evaluate)
        sabotaged = self._folder.step('sabotage', self._sabotage, self._sabotaged)
        self._say(f'of the same student with {SABOTAGE}, it says {sabotaged["verdict"]}: {sabotaged["reasons"][0]}')
        self._folder.step('render_night_drive', self._render_night_drive, self._drive, self._truth)
        if not self._ros:
            self._say(WITHOUT_ROS)
        deployment, perception = self._folder.step(
            'node', lambda: self._run_node(adapted), self._robot, self._answers, self._night
        )
        seconds = self._folder.state['seconds']
        results = {
            'drift': drift,
            'recording': {**recording, 'frames': adapted['frames']},
            'adaptation': scores,
            'gate': {
                'verdict': adapted['verdict'], 'reasons': adapted['reasons'], 'sabotage': SABOTAGE,
                'sabotaged_verdict': sabotaged['verdict'], 'sabotaged_reasons': sabotaged['reasons'],
            },
            'deployment': deployment,
            'perception': perception,
            'seconds': {**seconds, 'total': round(sum(seconds.values()), 2)},
            'environment': environment(),
            'seed': self._seed,
        }  # fmt: skip
        rows = picture_rows(self._checkpoints, FrameFolder(self._test), self._size.pictures)
        write_comparison(self._out / 'night.png', rows[:3], FLAT7)
        curves = learning_curves(logged_scalars(self._checkpoints['famda']))
        page = render_report(results, rows, FLAT7, next_steps(self._out), curves)
        write_atomically(self._out / 'report.html', page)
        write_atomically(self._out / 'results.json', json.dumps(results, indent=2) + '\n')
        self._progress.end()
        return results

    def _render(self) -> None:
        for path, domain, first, count in (
            (self._source, HOME, SOURCE_SEED, self._size.source),
            (self._test, AWAY, TEST_SEED, self._size.test),
        ):
            seeds = range(first + self._shift, first + self._shift + count)
            frames = self._progress.track(render_many(seeds, domain), total=count, description=f'render: {path.name}')
            write_frames(path, domain, seeds, frames)

    def _fit(self, name: str, steps: int, out: Path, **values: Any) -> None:
        arguments = fit_arguments(
            'street_world_source', self._seed, **PLAIN, **values, data__source=self._source, trainer__max_steps=steps,
            model__init_args__domain='day', out=out,
        )  # fmt: skip
        fit_all({name: arguments}, lambda _, step: self._progress.update(f'fit: {name}', step, steps))

    def _fit_base(self) -> None:
        self._fit('day student', self._size.base_steps, self._base)

    def _fit_baseline(self) -> None:
        """Make the honest baseline: as many steps as FAMDA, by day, and the night's normalisation statistics."""
        plain, fair = self._checkpoints['source_only_plain'], self._checkpoints['source_only']
        start = {'model__init_args__init_from': self._base, 'model__init_args__learning_rate': 1e-3}
        self._fit('source only, continued', self._size.steps, plain, **start)
        seen = FrameFolder(self._source).frames[0]  # the camera sees more pixels of the same shape
        target = DataSource(str(self._frames), size=(seen.width, seen.height))
        images = AdaptationData(str(self._source), target).target_images(STATISTICS_FRAMES)
        write_with_statistics(plain, images, fair)

    def _export_day(self) -> None:
        # Days that it was not trained on: what it has learnt by heart would look more certain than its home is.
        home = StreetWorld(HOME, split='val', frames=self._size.home)
        images = FrameFolder(self._source).images(PARITY_FRAMES)
        export_student(
            self._base, self._day, images, 'street-world-day', confidence=[home],
            confidence_progress=self._progress.of('confidence'), shifts=(),
            reference=home if len(home) >= FEWEST_FRAMES else None, reference_progress=self._progress.of('reference'),
        )  # fmt: skip

    def _render_into_the_night(self) -> None:
        size = self._size
        parts = (HOME, HOME_SEED + self._shift, size.home_s), (AWAY, NIGHT_SEED + self._shift, size.night_s)
        count, moments = drive_through(parts, size.drive_width, size.drive_height)
        drive = self._progress.track(moments, total=count, description='render: into the night')
        write_drive(self._into, f'{HOME}, then {AWAY}', drive)

    def _watch(self) -> list[dict[str, Any]]:
        settings = RecorderSettings(pre_s=self._size.pre_s, post_s=self._size.post_s, tags={'domain': AWAY})
        return list(
            watch_and_record(
                self._day, self._into, self._recordings, self._size.home_s, settings, self._progress.of('drive')
            )
        )

    def _adapt(self, recording: dict[str, Any]) -> dict[str, Any]:
        """Do what ``famda adapt`` does, from the day student and with the rendered days as its labelled source."""
        config = yaml.safe_load(fit_config('street_world').read_text())
        config['data']['source'] = str(self._source)
        path = self._out / 'adapt.yaml'
        write_atomically(path, yaml.safe_dump(config))
        settings = AdaptSettings(
            base=str(self._base), config=str(path), name=AWAY, masks=MASKS, depth=DEPTH, steps=self._size.steps,
            count=self._size.target, seed=self._seed,
        )  # fmt: skip
        return adapt([recording['bag']], self._adapted, settings, Progress(self._bars, adaptation.STEPS), self._say)

    def _evaluate(self) -> dict[str, Any]:
        test = FrameFolder(self._test)
        scores: dict[str, Any] = {}
        for name in STUDENTS:
            predict, _ = load_predictor(self._checkpoints[name])
            scores[name] = evaluate(predict, test, progress=self._progress.of(f'evaluate: {name}'))
        return {'protocol': scores['famda']['protocol'], **scores}

    def _sabotage(self) -> dict[str, Any]:
        write_shuffled(self._checkpoints['famda'], self._sabotaged)
        frames = FrameFolder(self._frames)
        found = compare(
            self._base, self._sabotaged, frames.path, count=min(COMPARED, len(frames)), progress=self._progress.update
        )
        return {key: found.to_dict()[key] for key in ('verdict', 'reasons')}

    def _render_night_drive(self) -> None:
        part = AWAY, DRIVE_SEED + self._shift, self._size.drive_s
        count, moments = drive_through([part], self._size.drive_width, self._size.drive_height)
        drive = self._progress.track(moments, total=count, description='render: night drive')
        write_with_truth(self._drive, self._truth, AWAY, drive)

    def _run_node(self, adapted: dict[str, Any]) -> list[dict[str, Any] | None]:
        """Deploy the day student and, once it was promoted and while frames flow, the one of the night."""
        with atomic_path(self._night) as temporary:
            shutil.copyfile(adapted['model'], temporary)
        deploy(self._day, self._robot, PROFILE)
        promoted, left_out = adapted['verdict'] == PROMOTE, ''
        if not promoted:
            left_out = f'the gate says {adapted["verdict"]}, so the day student stays'
        deployment: dict[str, Any] = {'swapped_without_drop': None}
        perception = None
        if self._ros:
            successor = self._night if promoted else None
            outcome, swapped_after, refused = drive_and_swap(
                self._robot, self._drive, self._answers, successor, self._size.swap_after
            )
            perception = _perception(outcome)
            left_out = left_out or refused
            if not left_out:
                truth = np.load(self._truth)['labels']
                swap = judge_swap(self._drive, self._answers, truth, self._day, self._night, swapped_after)
                left_out = '' if swap.frames_after else 'the drive was over before the node had taken the new student'
            if not left_out:
                deployment = {f'swapped_{key}' if key == 'without_drop' else key: v for key, v in asdict(swap).items()}
        elif promoted:
            deploy(self._night, self._robot, PROFILE)
            left_out = WITHOUT_ROS
        deployed = [entry['file'] for entry in versions(self._robot)]
        return [{**deployment, 'deployed': deployed, 'left_out': left_out}, perception]


def _perception(outcome: dict[str, Any]) -> dict[str, Any]:
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
        ('The same with a recording of yours', 'famda adapt my_drive.mcap --out runs/mine'),
        ('What is on the robot, and the way back', f'famda models {folder / "robot"}'),
        ('Start the node on a robot', f'{launch} cameras:=/camera/image_raw model:={model.absolute()}'),
    ]
