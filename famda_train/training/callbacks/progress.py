# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Progress of a training: a bar on a terminal, a line now and then elsewhere."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable

import lightning
from lightning.pytorch.callbacks import RichProgressBar

SECONDS = 30.0
"""Between two lines of a training whose output goes to a file."""


class StepProgressBar(RichProgressBar):
    """Steps done of all steps, with the time left; a resumed training continues where it stood."""

    @property
    def total_train_batches(self) -> int | float:
        """Batches of the whole training, of which the trainer counts those that are left only."""
        trainer = self.trainer
        if trainer.max_steps < 0:
            return trainer.num_training_batches
        return min(trainer.num_training_batches, trainer.max_steps * trainer.accumulate_grad_batches)

    def _get_train_description(self, current_epoch: int) -> str:
        return 'training'  # there are no epochs


class StepLines(lightning.Callback):
    """Print a line on standard error where no terminal shows a bar: step, rate, time left, losses.

    Args:
        seconds: between two lines, or as long as a step takes, if that is more.
        clock: returns seconds.
    """

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic):
        self._seconds, self._clock = seconds, clock
        self._since, self._step = clock(), 0

    def on_train_start(self, trainer, *_):
        """Begin to count."""
        self._since, self._step = self._clock(), trainer.global_step

    def on_train_batch_end(self, trainer, *_):
        """Print, if it is time."""
        now, step = self._clock(), trainer.global_step
        if now - self._since >= self._seconds and step > self._step and trainer.is_global_zero:
            rate = (step - self._step) / (now - self._since)
            shown = {name: float(value) for name, value in trainer.progress_bar_metrics.items() if name != 'v_num'}
            print(progress_line(step, trainer.max_steps, rate, shown), file=sys.stderr, flush=True)
            self._since, self._step = now, step

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        """Print how far a validation is, if it is time."""
        if self._clock() - self._since >= self._seconds and trainer.is_global_zero:
            print(f'step {trainer.global_step}: validating, {batch_idx + 1} batches', file=sys.stderr, flush=True)
            self._since, self._step = self._clock(), trainer.global_step


def progress_line(step: int, steps: int, rate: float, metrics: dict[str, float]) -> str:
    """Return, for example, ``step 240 of 1000, 1.25 steps/s, 10:08 left, loss 0.512``.

    Args:
        step: steps done.
        steps: steps of the whole training; -1 = no end.
        rate: steps per second.
        metrics: name → value.
    """
    minutes, seconds = divmod(round(max(0, steps - step) / rate), 60)
    hours, minutes = divmod(minutes, 60)
    left = f'{hours}:{minutes:02d}:{seconds:02d}' if hours else f'{minutes}:{seconds:02d}'
    parts = [f'step {step} of {steps}' if steps > 0 else f'step {step}', f'{rate:.3g} steps/s']
    parts += [f'{left} left'] if steps > 0 else []
    return ', '.join([*parts, *(f'{name.replace("_", " ")} {value:.3g}' for name, value in metrics.items())])
