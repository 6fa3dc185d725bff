# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run ``famda fit`` in processes of their own, several at once, with progress."""
from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence

import lightning
import torch

from famda_ros.errors import FamdaError

Progress = Callable[[str, int], None]
"""(name of the run, steps done)"""


class StepReporter(lightning.Callback):
    """Send (name, 'step', steps done) through a queue."""

    def __init__(self, name: str, messages):
        self._name, self._messages = name, messages

    def on_train_batch_end(self, trainer, *_):
        """Report every tenth step and the last."""
        step = trainer.global_step
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(1)  # killed: nobody waits for this training any more
        if step % 10 == 0 or step == trainer.max_steps:
            self._messages.put((self._name, 'step', step))


def _fit(name: str, arguments: list[str], threads: int, messages) -> None:
    from famda_train.commands.fit import main

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its trainings
    torch.set_num_threads(threads)
    warnings.simplefilter('ignore')  # hints of Lightning about loaders and loggers
    try:
        main(arguments, [StepReporter(name, messages)])
        messages.put((name, 'done', None))
    except FamdaError as error:
        messages.put((name, 'error', str(error)))
    except BaseException:
        messages.put((name, 'error', traceback.format_exc()))


def fit_all(runs: Mapping[str, Sequence[str]], progress: Progress) -> None:
    """Train several configurations side by side; the cores are shared evenly.

    Args:
        runs: name → arguments of ``famda fit``.
        progress: called as steps are done.

    Raises:
        FamdaError: a run failed, with its reason; the others are ended.
    """
    context = multiprocessing.get_context('spawn')
    messages = context.Queue()
    threads = max(1, (os.cpu_count() or 1) // len(runs))
    workers = {
        name: context.Process(target=_fit, args=(name, list(arguments), threads, messages), daemon=True)
        for name, arguments in runs.items()
    }
    for worker in workers.values():
        worker.start()
    try:
        _follow(workers, messages, progress)
    finally:
        for worker in workers.values():
            worker.terminate()
            worker.join()


def _follow(workers, messages, progress: Progress) -> None:
    """Pass progress on until every run is done."""
    running = set(workers)
    while running:
        try:
            name, what, value = messages.get(timeout=5)
        except queue.Empty:
            dead = [n for n in running if not workers[n].is_alive()]
            if dead and messages.empty():
                raise FamdaError(f"training '{dead[0]}' was killed; is there enough memory?") from None
            continue
        if what == 'step':
            progress(name, value)
        elif what == 'done':
            running.remove(name)
        else:
            raise FamdaError(f"training '{name}' failed: {value}")
