# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run ``famda fit`` in other processes, several at once, with progress."""
from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch

from famda_ros.resources import resource
from famda_train.child_process import ChildProcess, Parent, ready

Progress = Callable[[str, int], None]
"""(name of the run, steps done)"""

PLAIN = {'overwrite': True, 'keep_every': 0, 'pictures_every': 0, 'trainer__logger': False, 'data__validate': None}
"""Options of a training that writes its checkpoint at the end and nothing else."""

Finished = Callable[[str, float], None]
"""(name of the run, its seconds)"""


def fit_config(name: str) -> Path:
    """Return the path of a shipped training configuration, ``config/train/<name>.yaml``."""
    return resource(f'config/train/{name}.yaml')


def fit_arguments(config: str, seed: int, **values) -> list[str]:
    """Return arguments of ``famda fit``.

    Args:
        config: name of a shipped training configuration.
        seed: of initialisation and sampling.
        values: options that differ from the configuration; __ stands for the dots of nested keys, None for null,
            and a dictionary for a group of keys that replaces the configuration's.
    """
    options = [f'--{key.replace("__", ".")}={_as_text(value)}' for key, value in values.items()]
    return ['--config', str(fit_config(config)), f'--seed_everything={seed}', *options]


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value, default=str)
    return 'null' if value is None else str(value)


class StepReporter(lightning.Callback):
    """Report every tenth step and the last.

    Args:
        report: called with the number of steps done.
    """

    def __init__(self, report: Callable[[int], None]):
        self._report = report

    def on_train_batch_end(self, trainer, *_):
        """Report a step."""
        step = trainer.global_step
        if step % 10 == 0 or step == trainer.max_steps:
            self._report(step)


def fit_here(arguments: Sequence[str], callbacks: Sequence[lightning.Callback], threads: int) -> None:
    """Run ``famda fit`` in this process, which a training has for itself.

    Args:
        arguments: of ``famda fit``.
        callbacks: further callbacks of the training.
        threads: CPU threads of torch.

    Raises:
        FamdaError: the training cannot be done.
    """
    from famda_train.training.training_cli import main

    torch.set_num_threads(threads)
    warnings.simplefilter('ignore')  # hints of Lightning about loaders and loggers
    main(list(arguments), callbacks)


def _fit(parent: Parent, arguments: list[str], threads: int) -> None:
    start = time.perf_counter()
    fit_here(arguments, [StepReporter(lambda step: parent.report(('step', step)))], threads)
    parent.report(('seconds', time.perf_counter() - start))


def fit_all(
    runs: Mapping[str, Sequence[str]],
    progress: Progress,
    finished: Finished = lambda *_: None,
    after: Mapping[str, str] | None = None,
    jobs: int | None = None,
) -> None:
    """Train several configurations side by side; the cores are shared evenly.

    Args:
        runs: name → arguments of ``famda fit``.
        progress: called as steps are done.
        finished: called when a run is done, with its seconds.
        after: name of a run → name of the run that must be done before it starts.
        jobs: trainings at a time; None = all at once.

    Raises:
        FamdaError: a run failed, with its reason; the others are ended.
    """
    jobs = jobs or max(1, len(runs))
    # By the jobs, not by the runs: the last trainings of an interrupted bench run on as many threads as ever.
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting, running = list(runs), dict[str, ChildProcess]()
    after = {name: first for name, first in (after or {}).items() if first in runs}
    done: list[tuple[str, float]] = []
    try:
        while waiting or running:
            for name in [name for name in waiting if after.get(name) not in (*waiting, *running)]:
                if len(running) < jobs:
                    waiting.remove(name)
                    running[name] = ChildProcess(f"training '{name}'", _fit, list(runs[name]), threads)
            # Reported only now, so that what is made of a result does not keep the next training waiting.
            while done:
                finished(*done.pop())
            name, seconds = _follow(running, progress)
            running.pop(name).end()
            done.append((name, seconds))
        while done:
            finished(*done.pop())
    finally:
        for process in running.values():
            process.end()


def _follow(running: Mapping[str, ChildProcess], progress: Progress) -> tuple[str, float]:
    """Pass on the progress of the running trainings until one is done; return its (name, seconds)."""
    names = {process: name for name, process in running.items()}
    while True:
        for process in ready(list(names)):
            _, (what, value) = process.receive()
            if what == 'seconds':
                return names[process], value
            progress(names[process], value)
