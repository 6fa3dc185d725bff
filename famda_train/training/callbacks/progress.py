# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Progress of a training on a terminal."""
from __future__ import annotations

from lightning.pytorch.callbacks import RichProgressBar


class StepProgressBar(RichProgressBar):
    """Steps done of all steps, with the time left; a resumed training goes on where it stood."""

    @property
    def total_train_batches(self) -> int | float:
        """Batches of the whole training, of which the trainer counts those that are left only."""
        trainer = self.trainer
        if trainer.max_steps < 0:
            return trainer.num_training_batches
        return min(trainer.num_training_batches, trainer.max_steps * trainer.accumulate_grad_batches)

    def _get_train_description(self, current_epoch: int) -> str:
        return 'training'  # there are no epochs
