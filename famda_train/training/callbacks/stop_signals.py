# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM end a training between two steps, with what it has reached kept."""
from __future__ import annotations

import signal
import threading
from typing import Any

from famda_train.training.callbacks.checkpoints import SaveLast


class SaveLastAndWhenStopped(SaveLast):
    """Keep the state of the training every so many steps, and when Ctrl-C or SIGTERM ends it.

    The step that runs is finished first; a second Ctrl-C ends it at once.  Among several processes a signal reaches
    some earlier than others, so that they keep what was written before.
    """

    _asked = False
    _before: Any = None

    def on_train_start(self, trainer, *args):
        """Take Ctrl-C over from Python."""
        super().on_train_start(trainer, *args)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_interrupt(self, *_) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def on_train_batch_end(self, trainer, *args):
        """Save if it is time, or if this step is to be the last one.

        Raises:
            KeyboardInterrupt: the training was asked to stop.
        """
        between_steps = trainer.global_step != self._seen
        super().on_train_batch_end(trainer, *args)
        if between_steps and self._stops(trainer) and trainer.global_step != trainer.max_steps:
            if trainer.world_size == 1 and self.kept != trainer.global_step:
                trainer.save_checkpoint(self.path)
                self.kept = trainer.global_step
            raise KeyboardInterrupt

    def on_validation_batch_end(self, trainer, *_):
        """Do not finish a validation.

        Raises:
            KeyboardInterrupt: the training was asked to stop.
        """
        if self._stops(trainer):
            raise KeyboardInterrupt

    def on_train_end(self, *_):
        """Give Ctrl-C back."""
        self._restore()

    def on_exception(self, *_):
        """Give Ctrl-C back."""
        self._restore()

    def _stops(self, trainer) -> bool:
        return self._asked or trainer.received_sigterm

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
