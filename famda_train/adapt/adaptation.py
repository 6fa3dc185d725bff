# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One command from a recording to a student for its place: extract, label, train, compare, export, profile, report.

Every step leaves its result in ``adapt.json``; a run that was killed goes on with the step that was in hand, and
within it where that can.
"""
from __future__ import annotations

import datetime
import itertools
import json
import math
import os
import re
import shlex
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import lightning
import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of, write_atomically
from famda_ros.profiles.profile_file import load_profile
from famda_ros.resources import resolve
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.drift_reference import FEWEST_FRAMES
from famda_train.adapt.compare import compare, street_world
from famda_train.adapt.differing_frames import differing_frames
from famda_train.adapt.extract import ExtractSettings, extract
from famda_train.adapt.gate import PROMOTE
from famda_train.adapt.home_frames import write_home_frames
from famda_train.adapt.report import PICTURES, render_report
from famda_train.adapt.steps import Progress, StepFolder
from famda_train.adapt.teacher_choice import AUTO, TeacherChoice, choose_teachers
from famda_train.child_process import ChildProcess, Parent
from famda_train.datasets.checks import spread_images
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.street_world import StreetWorld
from famda_train.export.export_student import export_student
from famda_train.export.reference import REFERENCE_FRAMES
from famda_train.export.temperature import FRAMES
from famda_train.labelling.labelling import label_with_teachers
from famda_train.models.card import model_card
from famda_train.models.checkpoint import load_student
from famda_train.pictures.learning_curves import learning_curves
from famda_train.resumable_folder import remove
from famda_train.training.data_module import DataSource
from famda_train.training.parallel_fits import fit_all, fit_here
from famda_train.training.run_paths import last_checkpoint
from famda_train.training.samples import labelled_part, labels_digest
from famda_train.training.training_log import logged_scalars

STATE_FILE = 'adapt.json'
STEPS = ('extract', 'teachers', 'label', 'plan', 'fit', 'compare', 'export', 'profile', 'report')
BASE, CONFIG = 'package://famda_ros/models/street.ckpt', 'package://famda_ros/config/train/recordings.yaml'

FRAMES_PER_MINUTE = 10
MOST_FRAMES = 400
LABELLING_SHARE = 0.35
"""Of the time, so much may go into each kind of labelling."""
REST_SHARE = 0.2
"""Of the time, so much is kept for what comes after the training."""
FEWEST_STEPS, MOST_STEPS = 20, 600
"""More steps than these bring nothing; fewer are no training."""
PROBED_STEPS = 6
KEEP_EVERY = 25
"""Steps between checkpoints to go on from."""
LOGGED_STEPS = 60
"""Points of a learning curve."""
COMPARED_FRAMES = 60
PARITY_FRAMES = 40


@dataclass(frozen=True)
class AdaptSettings:
    """What decides the result of an adaptation.

    Attributes:
        base: checkpoint to start from.
        minutes: that it may take, about.
        config: training configuration; what the recording decides is replaced in it.
        name: of the domain and the file; '' = the name of the recording.
        masks, depth: teachers; 'auto' = the best that can be reached and that there is time for, 'none' = none.
        steps: of the training; None = as many as there is time for.
        count: most frames; None = ten for every minute.
        seed: of the training.
        labels: folder of frames of the place of which some are labelled; these are learnt, too. None = there is none.
        extract: topic, part, rate and focal, see :class:`~famda_train.adapt.extract.ExtractSettings`.
    """

    base: str = BASE
    minutes: float = 30.0
    config: str = CONFIG
    name: str = ''
    masks: str = AUTO
    depth: str = AUTO
    steps: int | None = None
    count: int | None = None
    seed: int = 0
    labels: str | None = None
    extract: ExtractSettings = field(default_factory=ExtractSettings)

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            FamdaError: names the option.
        """
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise FamdaError(f'--minutes must be a number above 0, not {self.minutes}')
        if self.steps is not None and self.steps < 1:
            raise FamdaError(f'--steps must be 1 or more, not {self.steps}')
        if self.count is not None and self.count < 1:
            raise FamdaError(f'--count must be 1 or more, not {self.count}')
        self.extract.check()


def adapt(
    sources: Sequence[str | Path],
    out: str | Path,
    settings: AdaptSettings,
    progress: Progress,
    say: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Adapt a student to a recording.

    Args:
        sources: recordings as :func:`~famda_train.adapt.extract.extract` reads them, or one frame folder.
        out: folder of the run; an interrupted run goes on, a finished one returns its result.
        settings: what decides the result.
        progress: shows it.
        say: is told what was chosen, in a sentence each.

    Returns:
        ``verdict`` ('promote', 'hold', 'ask') and ``reasons``, ``model`` (.onnx), ``profile`` (.yaml; None unless
        promoted), ``checkpoint``, ``report``, ``frames``, ``teachers`` (a sentence), ``steps``, ``seconds`` by step,
        ``labelled`` (how many labelled frames were learnt), ``losses`` (what could not be read), ``commands`` ([what,
        command] pairs).

    Raises:
        FamdaError: no recording that can be read, no such base, ``out`` holds something else, or a step failed.
    """
    return _Adaptation(sources, Path(out), settings, progress, say).run()


class _Adaptation:
    """A run: its folder, and where its files are."""

    def __init__(self, sources, out: Path, settings: AdaptSettings, progress: Progress, say):
        settings.check()
        if not sources:
            raise FamdaError('name a recording: a bag, a video, or a folder of frames or pictures')
        self._sources, self._settings, self._progress, self._say = list(sources), settings, progress, say
        self._base, self._config = resolve(settings.base), resolve(settings.config)
        for what, path in (('checkpoint', self._base), ('training configuration', self._config)):
            if not path.is_file():
                raise FamdaError(f"there is no {what} '{path}'; check the path")
        network, self._spec = load_student(self._base)
        self._card = model_card(self._spec, network, self._base.stem)
        self._given = _given_folder(self._sources)
        self._labels = _labelled_frames(settings.labels, self._spec.label_space) if settings.labels else None
        identity = {
            **asdict(settings),
            'sources': [str(source) for source in self._sources],
            'base': sha256_of(self._base),
            'config': sha256_of(self._config),
            'labelled': self._labels and labels_digest(self._labels),
        }
        self._name = settings.name or _plain_name(self._sources[0])
        self._run = StepFolder(out, STATE_FILE, identity)
        self._run.on_begin = progress.begin
        self._out, self._frames_path = out, self._given or out / 'frames'
        self._checkpoint, self._probe = out / 'student.ckpt', out / '.probe.ckpt'

    def run(self) -> dict[str, Any]:
        results = self._run.state['results']
        if 'report' in results:
            return results['report']
        extracted = self._run.step('extract', self._extract, self._out / 'frames', resumable=True)
        for sentence in extracted['losses']:
            self._say(f'warning: {sentence}')
        choice = TeacherChoice(**self._run.step('teachers', self._choose_teachers))
        self._say(f'{choice.sentence}')
        self._run.step('label', lambda: self._label(choice), resumable=True)
        plan = self._run.step('plan', lambda: self._plan(choice), self._probe)
        each = f' of {plan["seconds_per_step"]:.2f} s' if plan['seconds_per_step'] else ''
        labelled = f', {len(self._labels)} labelled ones' if self._labels else ''
        self._say(f'{extracted["frames"]} frames{labelled}, {plan["steps"]} steps{each}')
        self._run.step('fit', lambda: self._fit(choice, plan['steps']), self._checkpoint, resumable=True)
        comparison = self._run.step('compare', self._compare)
        home = self._out / '.home'
        model = Path(self._run.step('export', lambda: self._export(comparison, home), home))
        profile = self._run.step('profile', lambda: self._profile(model, comparison))
        result = self._run.step('report', lambda: self._report(extracted, choice, plan, comparison, model, profile))
        self._progress.end()
        return result

    def _left_s(self) -> float:
        """Return the seconds that are left of those that there were."""
        return 60 * self._settings.minutes - sum(self._run.state['seconds'].values())

    def _frames(self) -> FrameFolder:
        return FrameFolder(self._frames_path)

    def _extract(self) -> dict[str, Any]:
        if self._given is not None:
            return {'frames': len(self._frames()), 'losses': [], 'left_out': {}, 'images': len(self._frames())}
        count = self._settings.count or min(MOST_FRAMES, max(1, round(FRAMES_PER_MINUTE * self._settings.minutes)))
        settings = ExtractSettings(**{**asdict(self._settings.extract), 'count': count})

        return extract(self._sources, self._frames_path, settings, self._progress.of('extract'))

    def _choose_teachers(self) -> dict[str, Any]:
        seconds = LABELLING_SHARE * 60 * self._settings.minutes
        return choose_teachers(self._frames(), seconds, self._settings.masks, self._settings.depth).to_dict()

    def _label(self, choice: TeacherChoice) -> dict[str, Any]:
        teachers = {'masks': choice.masks, 'depth': choice.depth}
        if not any(teachers.values()):
            return {}
        done = label_with_teachers(self._frames(), teachers, self._progress)
        for role, store in done.items():
            if store['failed']:
                first = store['failed'][0]
                raise FamdaError(
                    f'{len(store["failed"])} frames could not be labelled with {role}; the first, {first["stem"]}: '
                    f'{first["reason"]}'
                )
        return done

    def _arguments(self, choice: TeacherChoice, steps: int, out: Path, **values: Any) -> list[str]:
        """Return the arguments of ``famda fit``."""
        frame = self._frames().frames[0]
        size = network_size(replace(self._card, pixels=0), frame.width, frame.height)  # that of training
        options: dict[str, Any] = {
            'seed_everything': self._settings.seed,
            'model.init_args.init_from': self._base,
            'model.init_args.domain': self._name,
            'data.target': json.dumps({'path': str(self._frames_path), 'size': list(size)}),
            'data.target_labels': self._settings.labels or 'null',
            'data.masks': choice.masks or 'null',
            'data.depth': choice.depth or 'null',
            'data.validate': 'null',
            'trainer.max_steps': steps,
            'trainer.logger': 'false',
            'pictures_every': 0,
            'out': out,
            **values,
        }
        return ['--config', str(self._config), *(f'--{name}={value}' for name, value in options.items())]

    def _plan(self, choice: TeacherChoice) -> dict[str, Any]:
        """Measure some steps, and take as many as there is time for; those that were asked for need no measuring."""
        if self._settings.steps is not None:
            return {'steps': self._settings.steps, 'seconds_per_step': None}
        arguments = self._arguments(choice, PROBED_STEPS, self._probe, keep_every=0, overwrite='true')
        process = ChildProcess('measuring training steps', _measure_steps, arguments)
        times: list[float] = []
        try:
            while len(times) < PROBED_STEPS:
                done, value = process.receive()
                if done:
                    break
                times.append(value)
                self._progress.update('measuring steps', len(times), PROBED_STEPS)
        finally:
            process.end()
        intervals = [later - earlier for earlier, later in itertools.pairwise(times)]
        per_step = statistics.median(intervals[len(intervals) // 2 :])
        room = self._left_s() - REST_SHARE * 60 * self._settings.minutes
        steps = min(MOST_STEPS, max(FEWEST_STEPS, int(room / per_step)))
        return {'steps': steps, 'seconds_per_step': round(per_step, 3)}

    def _training(self, choice: TeacherChoice, steps: int) -> list[str]:
        """Return the arguments of the training itself."""
        logged = {'trainer.logger': 'true', 'trainer.log_every_n_steps': max(1, steps // LOGGED_STEPS)}
        return self._arguments(choice, steps, self._checkpoint, keep_every=KEEP_EVERY, **logged)

    def _fit(self, choice: TeacherChoice, steps: int) -> None:
        last = last_checkpoint(self._checkpoint)
        how = {'resume': 'true'} if last.is_file() else {'overwrite': 'true'}
        arguments = [*self._training(choice, steps), *(f'--{name}={value}' for name, value in how.items())]
        try:
            fit_all({'fit': arguments}, lambda name, step: self._progress.update('fit', step, steps))
        except FamdaError:
            if 'resume' not in how:
                raise
            # What a killed run has left cannot be gone on from: the training begins anew.
            last.unlink(missing_ok=True)
            self._fit(choice, steps)

    def _compare(self) -> dict[str, Any]:
        frames = self._frames()
        found = compare(
            self._base, self._checkpoint, frames.path, count=min(COMPARED_FRAMES, len(frames)),
            progress=self._progress.update,
        ).to_dict()  # fmt: skip
        write_atomically(self._out / 'compare.json', json.dumps(found, indent=2) + '\n')
        return found

    def _home(self, folder: Path) -> FrameFolder | None:
        """Return what the drift monitor is to take for home: pictures of the whole recording; None = too few."""
        frames = self._frames()
        if self._given is None:
            frames = write_home_frames(
                self._sources, folder, self._settings.extract, REFERENCE_FRAMES, self._name,
                self._progress.of('reading home'),
            )  # fmt: skip
        if len(frames) >= FEWEST_FRAMES:
            return frames
        self._say(
            f'{len(frames)} pictures are too few to know later when the camera sees something else: the file gets no '
            f'reference for drift; record {FEWEST_FRAMES} or more'
        )
        return None

    def _labelled(self) -> list[Dataset]:
        """Return labelled frames that nothing was trained on, to calibrate the confidence; [] = there are none."""
        source = (yaml.safe_load(self._config.read_text()) or {}).get('data', {}).get('source')
        path = source.get('path', '') if isinstance(source, dict) else source
        if not StreetWorld.detect(Path(str(path))):
            data = street_world(self._card)
            return [] if data is None else [data]
        width, height = self._card.network_width, self._card.network_height
        return [StreetWorld(str(path), split='val', frames=FRAMES, width=width, height=height, focal=self._card.focal)]

    def _export(self, comparison: dict[str, Any], home: Path) -> str:
        """Write the student for the robot; its name says what it is for, when it was made and what is in it."""
        date = datetime.date.today().strftime('%Y%m%d')
        out = self._out / f'{self._name}-{date}-{sha256_of(self._checkpoint)[:8]}.onnx'
        frames = self._frames()
        gate = {key: comparison[key] for key in ('verdict', 'reasons', 'total')}
        export_student(
            self._checkpoint, out, spread_images(frames, PARITY_FRAMES), metrics={'gate': gate}, weights='fp16',
            confidence=self._labelled(), shifts=(),
            confidence_progress=self._progress.of('confidence'),
            reference=self._home(home),
            reference_progress=self._progress.of('reference'),
        )  # fmt: skip
        remove(home)
        return str(out)

    def _profile(self, model: Path, comparison: dict[str, Any]) -> str | None:
        """Write the profile that a node takes, of a student that was promoted."""
        if comparison['verdict'] != PROMOTE:
            return None
        path = model.with_suffix('.yaml')
        write_atomically(path, yaml.safe_dump({'model': model.name, 'recording': {'tags': {'domain': self._name}}}))
        load_profile(path)
        return str(path)

    def _report(self, extracted, choice: TeacherChoice, plan, comparison, model: Path, profile) -> dict[str, Any]:
        result = {
            'verdict': comparison['verdict'],
            'reasons': comparison['reasons'],
            'model': str(model),
            'profile': profile,
            'checkpoint': str(self._checkpoint),
            'report': str(self._out / 'report.html'),
            'frames': extracted['frames'],
            'labelled': len(self._labels or ()),
            'left_out': extracted['left_out'],
            'teachers': choice.sentence,
            'steps': plan['steps'],
            'seconds': dict(self._run.state['seconds']),
            'losses': extracted['losses'],
            'base': str(self._base),
            'name': self._name,
            'commands': self._commands(choice, plan['steps']),
        }
        shown, space = differing_frames(
            self._frames().path, (self._base, self._checkpoint), PICTURES,
            progress=self._progress.of('pictures'),
        )  # fmt: skip
        curves = learning_curves(logged_scalars(self._checkpoint))
        write_atomically(self._out / 'report.html', render_report(result, comparison, shown, space, curves))
        return result

    def _commands(self, choice: TeacherChoice, steps: int) -> list[list[str]]:
        """Return [what, command] pairs, as JSON has them, that do again, alone, what this run did."""
        frames = self._frames()
        count = min(COMPARED_FRAMES, len(frames))
        compared = self._base, self._checkpoint, frames.path, '--frames', count
        pairs = [
            ('The training', ['fit', *self._training(choice, steps)]),
            ('The comparison', ['compare', *map(str, compared)]),
        ]
        return [[what, shlex.join(['famda', *words])] for what, words in pairs]


class _StepClock(lightning.Callback):
    """Report the time at the end of every step."""

    def __init__(self, report: Callable[[float], None]):
        self._report = report

    def on_train_batch_end(self, *_: Any) -> None:
        """Report it."""
        self._report(time.perf_counter())


def _measure_steps(parent: Parent, arguments: list[str]) -> None:
    fit_here(arguments, [_StepClock(parent.report)], threads=os.cpu_count() or 1)


def _given_folder(sources: Sequence[str | Path]) -> Path | None:
    """Return the frame folder that was given instead of recordings; None = recordings were.

    Raises:
        FamdaError: it was given beside others.
    """
    folders = [Path(source) for source in sources if FrameFolder.detect(Path(source))]
    if folders and len(sources) > 1:
        raise FamdaError(f"'{folders[0]}' is a frame folder; give it alone, or the recordings that it was made of")
    return folders[0] if folders else None


def _labelled_frames(path: str, label_space: str) -> Dataset:
    """Return the labelled ones of the frames of a folder, read in a label space.

    Raises:
        FamdaError: there are none, or they cannot be read so.
    """
    try:
        frames = DataSource(path, label_space=label_space).open()
    except FamdaError as error:
        space = DataSource(path).open().label_space
        if space is None:
            raise
        raise FamdaError(
            f"'{path}' is labelled in {space.name}, the student in {label_space}; label frames in {label_space}, or "
            f'give a --base that knows the classes of {space.name}'
        ) from error
    return labelled_part(frames)


def _plain_name(source: str | Path) -> str:
    """Return a name for files and domains after a recording."""
    name = re.sub(r'[^A-Za-z0-9_-]+', '-', Path(source).resolve().name.partition('.')[0]).strip('-_')
    return name[:40] or 'recording'
