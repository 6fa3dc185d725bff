# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that survive a kill at any moment, and a full disk."""
from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import lightning
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write checkpoints to a temporary file that is renamed when it is whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            FamdaError: it cannot be written; what stood under ``path`` is as it was.
        """
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                torch.save(checkpoint, temporary)
        except (OSError, RuntimeError) as error:  # torch turns the system's message into a RuntimeError
            reason = getattr(error, 'strerror', None) or 'is the disk full?'
            raise FamdaError(
                f"cannot write '{path}' ({reason}); free some space and continue with --resume=true: "
                'the checkpoint written last is intact'
            ) from error


class SaveLast(lightning.Callback):
    """Keep the state of the training, to resume from.

    Args:
        path: file that is replaced every time.
        every: steps between two checkpoints.
        settings: JSON values that a resumed run must have as well; kept beside the state.

    Attributes:
        kept: step of the checkpoint that there is; None = none of this run.
    """

    KEY: ClassVar[str] = 'famda_run'
    """Where a checkpoint carries the settings."""

    def __init__(self, path: Path, every: int, settings: dict[str, Any] | None = None):
        self.path, self.every, self.settings = path, every, settings or {}
        self.kept: int | None = None
        self._seen = 0

    def on_train_start(self, trainer, *_):
        """Take note of where the training begins; remove what killed runs left half written."""
        self._seen = trainer.global_step
        self.kept = trainer.global_step if trainer.global_step and self.path.is_file() else None
        if trainer.is_global_zero:
            for stale in self.path.parent.glob(f'.{self.path.name}.*.tmp*'):
                stale.unlink(missing_ok=True)

    def on_train_batch_end(self, trainer, *_):
        """Save at every ``every``-th step but the last, after which the result itself is written."""
        step = trainer.global_step
        # Steps that accumulate several batches are seen several times; only the first time are gradients empty.
        if step != self._seen and step % self.every == 0 and step < trainer.max_steps:
            trainer.save_checkpoint(self.path)
            self.kept = step
        self._seen = step

    def on_save_checkpoint(self, trainer, pl_module, checkpoint: dict[str, Any]) -> None:
        """Add the settings of the run."""
        checkpoint[self.KEY] = self.settings


def kept_step(trainer: lightning.Trainer) -> int | None:
    """Return the step from which a training can be resumed; None = nothing was kept yet."""
    watchers = (callback for callback in trainer.callbacks if isinstance(callback, SaveLast))  # type: ignore[attr-defined]
    return next((watcher.kept for watcher in watchers), None)
