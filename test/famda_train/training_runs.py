# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Trainings for tests: a small street to train on, ``famda fit`` in this or another process, what came of it."""
from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import socket
from pathlib import Path

import lightning
import torch
from small_street import SMALL_NETWORK, write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.labelling.labelling import label_frames
from famda_train.models.checkpoint import load_student
from famda_train.training.training_cli import main

SOURCE, SELF = 'SourceTraining', 'SelfTraining'
CLASSES = {SOURCE: 'famda_train.training.source_training', SELF: 'famda_train.training.self_training'}
DEADLINE_S = 200


def write_streets(folder: Path) -> Path:
    """Write source, target (with teachers' outputs) and validation frames into a folder."""
    write_street(folder / 'source', 'synthetic', 5)
    write_street(folder / 'val', 'night', 2, first=80)
    target = FrameFolder(write_street(folder / 'target', 'night', 5, first=50, truth=False))
    for role, name in (('masks', 'felzenszwalb'), ('depth', 'street-world'), ('depth', 'street-world-relative')):
        label_frames(target, role, name)
    return folder


def arguments(kind: str, folder: Path, out: str, *extra: str, steps: int = 6, norm: str = 'batch') -> list[str]:
    """Return the command line of a training on :func:`write_streets`, which writes ``folder / out``."""
    network = {**SMALL_NETWORK, 'norm': norm}
    target = [f'--data.target={folder / "target"}', '--data.masks=felzenszwalb', '--data.depth=street-world']
    return [
        f'--model={CLASSES[kind]}.{kind}', f'--model.network={network}', '--model.ramp_steps=2',
        *(['--model.statistics_batches=2', *target] if kind == SELF else []), f'--data.source={folder / "source"}',
        '--data.batch_size=2', '--seed_everything=3', f'--trainer.max_steps={steps}', '--trainer.accelerator=cpu',
        '--trainer.log_every_n_steps=1', '--pictures_every=0', '--keep_every=0', '--overwrite=true',
        f'--out={folder / out}', *extra,
    ]  # fmt: skip


class Recorder(lightning.Callback):
    """Keep the loss of every step, {step: loss}."""

    def __init__(self):
        self.losses: dict[int, float] = {}

    def on_train_batch_end(self, trainer, *_):
        """Read what was logged."""
        self.losses[trainer.global_step] = float(trainer.callback_metrics['loss'])


class At(lightning.Callback):
    """Call ``do(trainer, batch)`` as a step begins."""

    def __init__(self, step: int, do):
        self.step, self.do = step, do

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        """Count steps from 0."""
        if trainer.global_step == self.step:
            self.do(trainer, batch)


def fit(args: list[str], *callbacks) -> dict[int, float]:
    """Train in this process; return the loss by step."""
    recorder = Recorder()
    main(args, [recorder, *callbacks])
    return recorder.losses


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Return parameters and buffers of the student of a checkpoint."""
    return load_student(path)[0].state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Return whether two state dictionaries agree bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def kill_this_process(*_) -> None:
    """End as by ``kill -9``."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_the_middle_of_writing(*_) -> None:
    """Make the next checkpoint end after some bytes of it, with the process."""

    def write(checkpoint, path):
        path.write_bytes(b'PK half of a checkpoint')
        kill_this_process()

    torch.save = write


def fill_the_disk(*_) -> None:
    """Let no file grow beyond 20 kB, less than any checkpoint, from now on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))


def poison_second_process(trainer, batch) -> None:
    """Spoil the source frames of one of two processes."""
    if trainer.global_rank == 1:
        batch['source']['image'][:] = float('nan')


def start(worker, *args) -> multiprocessing.Process:
    """Run a function of this file in another process, which has imported torch but never used it."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['famda_train.training.training_cli', 'famda_train.labelling.labelling'])
    process = context.Process(target=worker, args=args, daemon=True)
    process.start()
    return process


def end(*processes) -> list[int]:
    """Wait for processes; return their exit codes (-9 = killed)."""
    for process in processes:
        process.join(DEADLINE_S)
        assert process.exitcode is not None, 'still running'
    return [process.exitcode for process in processes]


def fit_until_killed(args: list[str], step: int) -> None:
    """Train, and be killed in the middle of a step."""
    torch.set_num_threads(1)
    fit(args, Dying(step))


class Dying(lightning.Callback):
    """Kill the process between gradient and update of a step."""

    def __init__(self, step: int):
        self.step = step

    def on_before_optimizer_step(self, trainer, *_):
        """Count steps from 0."""
        if trainer.global_step == self.step:
            kill_this_process()


def fit_with(args: list[str], report: str, step: int, do) -> None:
    """Train, do something at a step; write {losses, error} as JSON."""
    torch.set_num_threads(1)
    recorder, error = Recorder(), ''
    try:
        main(args, [recorder, At(step, do)])
    except FamdaError as failure:
        error = str(failure)
    Path(report).write_text(json.dumps({'losses': recorder.losses, 'error': error}))


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def start_ranks(args: list[str], reports: list[str], step: int = -1, do=None) -> list:
    """Start one process of a distributed training per report, as Lightning's launcher does."""
    port = free_port()
    return [start(fit_rank, args, report, rank, len(reports), port, step, do) for rank, report in enumerate(reports)]


def fit_rank(args: list[str], report: str, rank: int, ranks: int, port: int, step: int, do) -> None:
    """Train as one of several processes."""
    values = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port, 'LOCAL_RANK': rank, 'NODE_RANK': 0, 'WORLD_SIZE': ranks}
    os.environ.update({key: str(value) for key, value in values.items()})
    fit_with([*args, f'--trainer.devices={ranks}', '--trainer.strategy=ddp'], report, step, do)
