# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda fit``: training from a YAML configuration."""
from __future__ import annotations

import logging

from lightning.pytorch.cli import LightningCLI

from famda_train.adaptation.training import SourceTraining
from famda_train.data.frames import AdaptationData


class TrainingCLI(LightningCLI):
    """LightningCLI that ends by writing the student's checkpoint."""

    def add_arguments_to_parser(self, parser):
        """Add ``--out``."""
        parser.add_argument('--out', type=str, default='student.ckpt', help='checkpoint to write at the end')

    def after_fit(self):
        """Write the checkpoint."""
        self.trainer.save_checkpoint(self.config['fit']['out'])


def quieten() -> None:
    """Keep hints about hardware and cloud services off the terminal; warnings stay."""
    logging.getLogger('lightning.pytorch').setLevel(logging.WARNING)
    logging.getLogger('lightning.fabric').setLevel(logging.WARNING)


TRAINER_DEFAULTS = {
    'accelerator': 'auto',
    'devices': 1,
    'max_steps': 1000,
    'max_epochs': -1,
    'enable_checkpointing': False,
    'enable_model_summary': False,
    'logger': False,
}


def main(args: list[str], callbacks=()) -> None:
    """Train as the configuration says.

    Args:
        args: command line, for example ``['--config', 'config/train/street_world.yaml']``.
        callbacks: further Lightning callbacks; with some, the progress bar is left to them.
    """
    quieten()
    defaults = {**TRAINER_DEFAULTS, 'callbacks': list(callbacks), 'enable_progress_bar': not callbacks}
    TrainingCLI(
        SourceTraining,
        AdaptationData,
        subclass_mode_model=True,
        seed_everything_default=0,
        save_config_callback=None,
        trainer_defaults=defaults,
        parser_kwargs={'prog': 'famda', 'fit': {'prog': 'famda fit'}},
        args=['fit', *args],
    )
