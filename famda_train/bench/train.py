# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench train``: what a training step costs, source only and FAMDA side by side.

Both are ``famda fit`` with the shipped configurations, each in its own process.
They never compute at the same time: they take turns, a block of steps each, so that
other work of the machine slows both alike.  The vote inside masks is timed in
between, on labels and masks of the same frames.
"""
from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import lightning
import numpy as np
import torch
import yaml

from famda_ros.errors import FamdaError, choose
from famda_train.bench.world import FAMDA_CONFIG, SOURCE_CONFIG
from famda_train.child_process import ChildProcess, Parent
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.render_to_disk import write_frames
from famda_train.evaluation.machine import environment
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.labelling import label_with_teachers
from famda_train.models.checkpoint import StudentSpec, build_network
from famda_train.pseudo_labels.mask_vote import vote_in_masks
from famda_train.training.parallel_fits import PLAIN, fit_arguments, fit_here
from famda_train.world import render_many

SOURCE_SCENES, TARGET_SCENES = 0, 100_000
TEACHERS = {'masks': 'felzenszwalb', 'depth': 'street-world'}
ACCELERATORS = {'auto': 'auto', 'cpu': 'cpu', 'cuda': 'gpu'}
BLOCK = 5
"""Steps of one training before it is the turn of the other."""
MIB = 2**20


@dataclass(frozen=True)
class TrainSetup:
    """What is timed.

    Attributes:
        width, height: size of the frames in pixels.
        batch: source frames per step; FAMDA takes as many target frames on top.
        steps: number of timed steps of each training.
        device: ``auto``, ``cpu`` or ``cuda``.
        network: encoder, or all options of the network as a mapping in YAML; None = as in the configurations.
        threads: CPU threads of each training.
    """

    width: int = 192
    height: int = 96
    batch: int = 4
    steps: int = 60
    device: str = 'auto'
    network: str | None = None
    threads: int = os.cpu_count() or 1

    def check(self) -> None:
        """Raise FamdaError unless every value can be used."""
        choose(ACCELERATORS, self.device, 'device')
        if self.device == 'cuda' and not torch.cuda.is_available():
            raise FamdaError('there is no CUDA device here; take --device cpu')
        for name in ('width', 'height', 'batch', 'steps', 'threads'):
            if getattr(self, name) < 1:
                raise FamdaError(f'{name} must be 1 or more, not {getattr(self, name)}')
        # Built once here: what is wrong with it should be reported before frames are rendered.
        build_network(StudentSpec('', self.width, self.height, 0.0, network=self.network_options()), fresh=True)

    def network_options(self) -> dict[str, Any]:
        """Return the options of the network; {} = as in the configurations."""
        if self.network is None or not self.network.startswith('{'):
            return {'encoder': self.network} if self.network else {}
        try:
            return yaml.safe_load(self.network)
        except yaml.YAMLError as error:
            raise FamdaError(
                f"--network is an encoder or a mapping such as '{{encoder: NAME, decoder: NAME}}', not '{self.network}'"
            ) from error


class TakeTurns(lightning.Callback):
    """Do a block of steps at every turn, and report how long each step took.

    A step is everything from one end of a batch to the next: loading, forward, backward, optimiser, EMA teacher.

    Args:
        parent: grants the turns; after every block it gets the seconds of each step and the peak memory in MiB.
    """

    def __init__(self, parent: Parent):
        self._parent = parent
        self._seconds: list[float] = []
        self._since = 0.0

    def on_train_start(self, *_) -> None:
        """Wait for the first turn."""
        self._wait()

    def on_train_batch_end(self, *_) -> None:
        """Take the time; after a block, wait for the next turn."""
        self._seconds.append(now() - self._since)
        if len(self._seconds) == BLOCK:
            self._parent.report((self._seconds, peak_memory_mib()))
            self._seconds = []
            self._wait()
        else:
            self._since = now()

    def _wait(self) -> None:
        self._parent.wait()
        self._since = now()


def now() -> float:
    """Return the time in seconds, after all that the GPU was given is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_memory_mib() -> float:
    """Return the most memory that this process has had: on the GPU in use, else resident in the machine."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / MIB
    try:
        # Not getrusage: a started process inherits the peak of the one that started it.
        lines = Path('/proc/self/status').read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith('VmHWM'))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fit_in_turns(parent: Parent, arguments: list[str], threads: int) -> None:
    fit_here(arguments, [TakeTurns(parent)], threads)


class SteppedTraining:
    """A ``famda fit`` in another process that steps only when it is its turn."""

    def __init__(self, name: str, arguments: list[str], threads: int):
        self.name = name
        self.peak_mib = 0.0
        self._process = ChildProcess(f"training '{name}'", _fit_in_turns, arguments, threads)

    def block(self) -> list[float]:
        """Let it do a block of steps; return the seconds of each.

        Raises:
            FamdaError: it ended instead.
        """
        self._process.send('your turn')
        done, block = self._process.receive()
        if done:
            raise FamdaError(f"training '{self.name}' ended before it was timed; give fewer steps")
        seconds, self.peak_mib = block
        return seconds

    def end(self) -> None:
        """End it; what it has learnt is not kept."""
        self._process.end()


def run_train(setup: TrainSetup, progress) -> dict[str, Any]:
    """Time both trainings and return the result.

    Args:
        setup: what is timed.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        ``source_only`` and ``famda`` (each ms_per_step: median, images_per_s: frames of both domains,
        peak_memory_mib), ``ratio`` of the medians, ``refinement`` (ms, share of a FAMDA step), ``memory``
        (rss or cuda), ``device``, ``setup``, ``environment``.

    Raises:
        FamdaError: the setup cannot be used, or a training failed.
    """
    setup.check()
    with tempfile.TemporaryDirectory(prefix='famda-bench-') as folder:
        source, target = _write_frames(Path(folder), setup, progress)
        seconds, peaks = _time(_arguments(setup, source, target, Path(folder)), source, target, setup, progress)
    ms = {name: 1000 * median(values) for name, values in seconds.items()}
    frames = {'source_only': setup.batch, 'famda': 2 * setup.batch}
    trainings = {
        name: {
            'ms_per_step': round(ms[name], 2),
            'images_per_s': round(1000 * count / ms[name], 2),
            'peak_memory_mib': round(peaks[name], 1),
        }
        for name, count in frames.items()
    }
    return {
        **trainings,
        'ratio': round(ms['famda'] / ms['source_only'], 3),
        'refinement': {'ms': round(ms['refinement'], 3), 'share': round(ms['refinement'] / ms['famda'], 4)},
        'memory': 'cuda' if _on_gpu(setup) else 'rss',
        'device': torch.cuda.get_device_name() if _on_gpu(setup) else 'cpu',
        'setup': asdict(setup),
        'environment': environment(),
    }


def _on_gpu(setup: TrainSetup) -> bool:
    return setup.device != 'cpu' and torch.cuda.is_available()


def _write_frames(folder: Path, setup: TrainSetup, progress) -> tuple[Path, Path]:
    """Render a labelled source and an unlabelled target, with the outputs of both teachers."""
    count = max(16, 2 * setup.batch)
    paths = []
    for domain, first, labelled in (('synthetic', SOURCE_SCENES, True), ('night', TARGET_SCENES, False)):
        scenes = range(first, first + count)
        frames = render_many(scenes, domain, setup.width, setup.height)
        frames = progress.track(frames, total=count, description=f'render: {domain}')
        write_frames(folder / domain, domain, scenes, frames, labelled)
        paths.append(folder / domain)
    label_with_teachers(FrameFolder(paths[1]), TEACHERS, progress)
    return paths[0], paths[1]


def _arguments(setup: TrainSetup, source: Path, target: Path, folder: Path) -> dict[str, list[str]]:
    # More steps than are timed: the trainings are ended from outside.
    common: dict[str, Any] = {
        **PLAIN,
        'data__source': source,
        'data__batch_size': setup.batch,
        'trainer__accelerator': ACCELERATORS[setup.device],
        'trainer__max_steps': 10 * (setup.steps + 2 * BLOCK),
        'model__init_args__init_from': None,
    }
    if setup.network is not None:
        common['model__init_args__network'] = json.dumps(setup.network_options())
    teachers = {f'data__{role}': name for role, name in TEACHERS.items()}
    return {
        'source_only': fit_arguments(SOURCE_CONFIG, 0, **common, out=folder / 'source.ckpt'),
        'famda': fit_arguments(FAMDA_CONFIG, 0, **common, **teachers, data__target=target, out=folder / 'famda.ckpt'),
    }


def _time(
    arguments: dict[str, list[str]], source: Path, target: Path, setup: TrainSetup, progress
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return (seconds of every timed step, peak memory in MiB), both by name."""
    rounds = -(-setup.steps // BLOCK)
    bar = progress.add_task('steps', total=(1 + rounds) * BLOCK)
    refine = RefinementTimer(source, target, setup)
    trainings = [SteppedTraining(name, values, setup.threads) for name, values in arguments.items()]
    seconds: dict[str, list[float]] = {name: [] for name in (*arguments, 'refinement')}
    try:
        for number in range(1 + rounds):
            for training in trainings:
                values = training.block()
                seconds[training.name] += values if number else []  # the first block warms up
            seconds['refinement'] += refine.block() if number else []
            progress.advance(bar, BLOCK)
    finally:
        for training in trainings:
            training.end()
    return seconds, {training.name: training.peak_mib for training in trainings}


class RefinementTimer:
    """Time the vote inside masks on one batch: labels of source frames, masks of target frames."""

    def __init__(self, source: Path, target: Path, setup: TrainSetup):
        labelled, store = FrameFolder(source), LabelStore.open(target, 'masks', TEACHERS['masks'])
        places = range(setup.batch)
        assert labelled.label_space is not None  # written above
        self._classes = len(labelled.label_space)
        self._threads = setup.threads
        device = 'cuda' if _on_gpu(setup) else 'cpu'
        segments = [store.read_segments(record.stem).astype(np.int32) for record in FrameFolder(target).frames]
        self._labels = torch.from_numpy(np.stack([labelled.labels(i) for i in places])).to(device)
        self._segments = torch.from_numpy(np.stack([segments[i] for i in places])).to(device)
        self._votes = torch.rand(self._labels.shape, device=device)

    def block(self) -> list[float]:
        """Return the seconds of as many votes as a training does steps in a block."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            return [self._once() for _ in range(BLOCK)]
        finally:
            torch.set_num_threads(before)

    def _once(self) -> float:
        start = now()
        vote_in_masks(self._labels, self._segments, self._classes, self._votes, 0.5)
        return now() - start
