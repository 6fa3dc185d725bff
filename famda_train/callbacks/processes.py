# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Several processes of one training end together."""
from __future__ import annotations

import signal

import lightning


class EndTogether(lightning.Callback):
    """When the first process fails, end those that it started: they would wait for it, for minutes on GPUs."""

    def on_exception(self, trainer, pl_module, exception):
        """End the other processes."""
        end_other_processes(trainer)


def end_other_processes(trainer: lightning.Trainer) -> None:
    """Kill the processes that this one has launched, if any; inside a collective call they ignore politer signals."""
    kill = getattr(trainer.strategy.launcher, 'kill', None)
    if kill is not None:
        kill(signal.SIGKILL)
