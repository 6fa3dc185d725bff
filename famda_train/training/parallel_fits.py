# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run ``famda fit`` in processes of their own, several at once, with progress."""
from __future__ import annotations

import json
import multiprocessing
import os
import queue
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch

from famda_ros.errors import FamdaError
from famda_ros.resources import resource

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
    """Send (name, 'step', steps done) through a queue."""

    def __init__(self, name: str, messages):
        self._name, self._messages = name, messages

    def on_train_batch_end(self, trainer, *_):
        """Report every tenth step and the last."""
        step = trainer.global_step
        end_with_parent()
        if step % 10 == 0 or step == trainer.max_steps:
            self._messages.put((self._name, 'step', step))


def end_with_parent() -> None:
    """End this process at once if the one that started it was killed: nobody waits for its training any more."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)


def fit_here(arguments: Sequence[str], callbacks: Sequence[lightning.Callback], threads: int) -> str | None:
    """Run ``famda fit`` in this process, a worker; return None, or why it failed."""
    from famda_train.training.training_cli import main

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its trainings
    torch.set_num_threads(threads)
    warnings.simplefilter('ignore')  # hints of Lightning about loaders and loggers
    try:
        main(list(arguments), callbacks)
    except FamdaError as error:
        return str(error)
    except BaseException:
        return traceback.format_exc()
    return None


def _fit(name: str, arguments: list[str], threads: int, messages) -> None:
    start = time.perf_counter()
    failure = fit_here(arguments, [StepReporter(name, messages)], threads)
    seconds = time.perf_counter() - start
    messages.put((name, 'done', seconds) if failure is None else (name, 'error', failure))


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
    context = multiprocessing.get_context('spawn')
    messages = context.Queue()
    jobs = jobs or max(1, len(runs))
    # By the jobs, not by the runs: the last trainings of an interrupted bench run on as many threads as ever.
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting, running = list(runs), dict[str, Any]()
    after = {name: first for name, first in (after or {}).items() if first in runs}
    try:
        done: list[tuple[str, float]] = []
        while waiting or running:
            for name in [name for name in waiting if after.get(name) not in (*waiting, *running)]:
                if len(running) < jobs:
                    waiting.remove(name)
                    running[name] = context.Process(
                        target=_fit, args=(name, list(runs[name]), threads, messages), daemon=True
                    )
                    running[name].start()
            # Told only now, so that what is made of a result does not keep the next training waiting.
            while done:
                finished(*done.pop())
            name, seconds = _follow(running, messages, progress)
            running.pop(name).join()
            done.append((name, seconds))
        while done:
            finished(*done.pop())
    finally:
        for worker in running.values():
            worker.terminate()
            worker.join()


def _follow(running: Mapping, messages, progress: Progress) -> tuple[str, float]:
    """Pass on the progress of the running trainings until one is done; return its (name, seconds)."""
    while True:
        try:
            name, what, value = messages.get(timeout=5)
        except queue.Empty:
            dead = [name for name, worker in running.items() if not worker.is_alive()]
            if dead and messages.empty():
                raise FamdaError(f"training '{dead[0]}' was killed; is there enough memory?") from None
            continue
        if what == 'step':
            progress(name, value)
        elif what == 'done':
            return name, value
        else:
            raise FamdaError(f"training '{name}' failed: {value}")
