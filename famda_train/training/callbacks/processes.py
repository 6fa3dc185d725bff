# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Several processes of one training end together, and say once why."""
from __future__ import annotations

import signal
import time

import lightning

from famda_ros.errors import FamdaError

PATIENCE_S = 3.0
"""A process whose connection was lost takes so long to end."""


class EndTogether(lightning.Callback):
    """When the first process fails, end those that it launched: they would wait for it, for minutes on GPUs."""

    def on_exception(self, trainer, pl_module, exception):
        """End the other processes.

        Raises:
            FamdaError: one of them failed before, so that what went wrong here is a lost connection.
        """
        lost = isinstance(exception, RuntimeError) and not isinstance(exception, FamdaError)
        failed = lost and another_failed(trainer)
        end_other_processes(trainer)
        if failed:
            raise FamdaError('another process of this training has failed and said why') from exception


def another_failed(trainer: lightning.Trainer) -> bool:
    """Tell whether a launched process has ended with an error, or does so shortly."""
    processes = getattr(trainer.strategy.launcher, 'procs', [])
    end = time.monotonic() + PATIENCE_S
    while processes and time.monotonic() < end:
        if any(process.poll() for process in processes):
            return True
        time.sleep(0.05)
    return False


def end_other_processes(trainer: lightning.Trainer) -> None:
    """Kill the processes that this one has launched, if any; inside a collective call they ignore politer signals."""
    kill = getattr(trainer.strategy.launcher, 'kill', None)
    if kill is not None:
        kill(signal.SIGKILL)
