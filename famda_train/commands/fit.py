# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda fit``: training from a YAML configuration."""
from __future__ import annotations

import logging
import warnings
from pathlib import Path

from lightning.pytorch.cli import LightningCLI

from famda_ros.files import atomic_path, make_output_folder
from famda_train.adaptation.training import SourceTraining
from famda_train.checkpoint import load_student
from famda_train.data.frames import AdaptationData


class TrainingCLI(LightningCLI):
    """LightningCLI that ends by writing the student's checkpoint."""

    def add_arguments_to_parser(self, parser):
        """Add ``--out``."""
        parser.add_argument('--out', type=str, default='student.ckpt', help='checkpoint to write at the end')

    def before_instantiate_classes(self):
        """Refuse a wrong checkpoint here: raised inside the model, the reason would drown in jsonargparse's."""
        init_from = self.config['fit'].model.init_args.get('init_from')
        if init_from:
            load_student(init_from)

    def before_fit(self):
        """Find out before the training, not after it, whether the result can be written."""
        make_output_folder(Path(self.config['fit']['out']).parent)

    def after_fit(self):
        """Write the checkpoint."""
        with atomic_path(self.config['fit']['out']) as temporary:
            self.trainer.save_checkpoint(temporary)


def quieten() -> None:
    """Keep off the terminal what a user can do nothing about; other warnings stay."""
    for name in ('lightning.pytorch', 'lightning.fabric'):
        logging.getLogger(name).setLevel(logging.WARNING)  # hints about hardware and cloud services
    for message in ("LightningCLI's args", 'The .*dataloader.* does not have many workers', '.*treespec, LeafSpec'):
        warnings.filterwarnings('ignore', message=message)
    warnings.filterwarnings('ignore', category=DeprecationWarning)  # between Lightning and jsonargparse


INTERRUPTED = 1
"""With this code Lightning leaves on Ctrl-C; a wrong command line ends with 2."""

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
    try:
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
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
