# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda fit`` and ``famda validate``: training from a YAML configuration."""
from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from famda_ros.errors import EXIT_INTERRUPTED, FamdaError
from famda_ros.files import make_output_folder
from famda_train.argument_errors import first_famda_error
from famda_train.models.checkpoint import read_checkpoint
from famda_train.training.callbacks.checkpoints import AtomicCheckpointIO, kept_step
from famda_train.training.callbacks.pictures import TrainingPictures
from famda_train.training.callbacks.processes import EndTogether, end_other_processes
from famda_train.training.callbacks.progress import StepLines, StepProgressBar
from famda_train.training.callbacks.stop_signals import SaveLastAndWhenStopped
from famda_train.training.config_chain import with_defaults
from famda_train.training.config_errors import GIVE_CONFIG, TrainingParser
from famda_train.training.data_module import AdaptationData
from famda_train.training.quiet import quieten
from famda_train.training.resume import checkpoint_to_resume, settings_to_keep
from famda_train.training.run_paths import check_nothing_is_replaced, last_checkpoint, run_folder, trained_checkpoint
from famda_train.training.source_training import SourceTraining

Verb = Literal['fit', 'validate']

DESCRIPTIONS: dict[str, str] = {
    'fit': 'Train or adapt a student from a YAML configuration, and write its checkpoint. On a terminal a bar shows '
    'the progress, elsewhere a line every 30 s: loss = of the whole step; target loss = the part on the '
    'unlabelled target; confident = the share of the target that pseudo-labels are trusted on, 0..1; labelled loss = '
    'the part on data.target_labels. Ctrl-C and '
    'SIGTERM keep what was reached; continue with --resume=true.',
    'validate': 'Score what famda fit has trained (--out of the same configuration) on the frames of data.validate.',
}


class TrainingCLI(LightningCLI):
    """LightningCLI that keeps what is needed to resume, and ends by writing the student's checkpoint.

    The streams of training samples have no end, and so no epochs: with ``data.validate``,
    ``trainer.val_check_interval`` is the number of batches between two validations.

    Args:
        verb: 'fit' or 'validate'; what :meth:`run` does.
        options: further arguments of LightningCLI.
    """

    def __init__(self, verb: Verb, **options: Any):
        self.verb = verb
        super().__init__(SourceTraining, AdaptationData, run=False, **options)

    def add_arguments_to_parser(self, parser):
        """Add the options of the run itself."""
        parser.add_argument(
            '--defaults', type=str, default=None, help='in a configuration file: the file it builds on, beside it'
        )
        parser.add_argument('--out', type=str, default='student.ckpt', help='checkpoint to write at the end')
        # The class set belongs to the data: given once, never twice.
        parser.link_arguments('data.label_space', 'model.init_args.label_space', apply_on='instantiate')
        parser.add_argument(
            '--resume', type=bool, default=False, help='continue where an interrupted run with the same --out stopped'
        )
        parser.add_argument(
            '--overwrite', type=bool, default=False, help='begin anew, even if --out or an interrupted run exists'
        )
        parser.add_argument(
            '--keep_every', type=int, default=200, help='steps between checkpoints to resume from, 0 = none'
        )
        parser.add_argument(
            '--pictures_every', type=int, default=200, help='steps between pictures in TensorBoard, 0 = none'
        )

    @property
    def by_program(self) -> bool:
        """Whether callbacks were handed over by a program, which reports progress itself."""
        return bool(self.trainer_defaults['callbacks'])

    def before_instantiate_classes(self):
        """Refuse a wrong checkpoint here: raised inside the model, the reason would drown in jsonargparse's."""
        run = self.config
        if self.verb == 'validate':
            if not run.data.get('validate'):
                raise FamdaError('there are no frames to validate on; give data.validate')
            run.model.init_args.init_from = str(trained_checkpoint(run.out))
        elif run.resume:
            self.resumed_from = str(checkpoint_to_resume(run.out, self.fingerprint()))
        elif not run.overwrite:
            check_nothing_is_replaced(run.out)
        if run.model.init_args.get('init_from'):
            read_checkpoint(run.model.init_args.init_from)

    resumed_from: str | None = None
    """Checkpoint from which the training continues; None = from the start."""

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings, as JSON values by dotted name, that a resumed run must have again."""
        return settings_to_keep(yaml.safe_load(self.parser.dump(self.config, skip_none=False, format='yaml')))

    def instantiate_classes(self):
        """Bring up the sentence that is meant for users from among what jsonargparse makes of it."""
        try:
            super().instantiate_classes()
        except Exception as error:
            sentence = first_famda_error(error)
            if sentence is None:
                raise
            raise sentence from None

    def instantiate_trainer(self, **kwargs):
        """Add checkpoints, progress, the log and pictures; files lie in the run's folder beside ``--out``."""
        run, own = self.config, self.config_init.trainer
        callbacks = [*as_list(own.get('callbacks')), EndTogether()]
        logger = own.get('logger')
        if self.verb == 'validate':
            logger = False
        elif logger in (None, True):
            folder = run_folder(run.out)
            logger = TensorBoardLogger(str(folder.parent), name=folder.name, version='')
        if run.keep_every:
            callbacks.append(SaveLastAndWhenStopped(last_checkpoint(run.out), run.keep_every, self.fingerprint()))
        if run.pictures_every and logger:
            callbacks.append(TrainingPictures(run.pictures_every))
        shows = own.enable_progress_bar and not self.by_program
        has_bar = shows and sys.stderr.isatty()
        if shows:
            callbacks.append(StepProgressBar() if has_bar else StepLines())
        return super().instantiate_trainer(
            callbacks=callbacks, logger=logger, plugins=[AtomicCheckpointIO()], enable_progress_bar=has_bar, **kwargs
        )

    def run(self) -> None:
        """Train and write the student, or print the metrics."""
        if self.verb == 'validate':
            self.trainer.validate(self.model, datamodule=self.datamodule, verbose=False)
            self.print_metrics()
            return
        make_output_folder(Path(self.config.out).parent)  # before the training, not after it
        if not self.resumed_from and self.trainer.is_global_zero:
            last_checkpoint(self.config.out).unlink(missing_ok=True)
        self.train()
        self.write_student()

    def train(self) -> None:
        """Train; after Ctrl-C or SIGTERM name the step to continue from.

        Raises:
            KeyboardInterrupt: it was interrupted.
        """
        resume: dict[str, Any] = {'ckpt_path': self.resumed_from, 'weights_only': True} if self.resumed_from else {}
        try:
            self.trainer.fit(self.model, datamodule=self.datamodule, **resume)
        except SystemExit as leaving:
            stopped = isinstance(leaving, SIGTERMException) or leaving.code == INTERRUPTED
            if not stopped or not self.trainer.is_global_zero:
                raise
            kept = kept_step(self.trainer)
            then = 'nothing was kept yet' if kept is None else f'continue from step {kept} with --resume=true'
            raise KeyboardInterrupt(f'interrupted at step {self.trainer.global_step}; {then}') from None

    def write_student(self) -> None:
        """Write the result; the checkpoint to resume from is not needed any more."""
        if not self.trainer.is_global_zero:
            return
        out = self.config.out
        try:
            self.trainer.strategy.checkpoint_io.save_checkpoint(self.model.student(), out)
        except FamdaError:
            end_other_processes(self.trainer)
            raise
        last_checkpoint(out).unlink(missing_ok=True)
        if not self.by_program:
            loss = self.trainer.callback_metrics.get('loss')
            steps = f'{self.trainer.global_step} steps' + ('' if loss is None else f', loss {float(loss):.2g}')
            print(f'wrote {out} ({steps}); score it with: famda evaluate {out} DATA')

    def print_metrics(self) -> None:
        """Print the metrics of a validation, one a line."""
        if self.trainer.is_global_zero:
            metrics = {name.removeprefix('val/'): float(value) for name, value in self.trainer.callback_metrics.items()}
            width = max(map(len, metrics), default=0)
            print('\n'.join(f'{name:<{width}}  {value:.4g}' for name, value in metrics.items()))


def as_list(value: Any) -> list:
    """Return None as [], one thing as [thing], and a list as it is."""
    return [] if value is None else value if isinstance(value, list) else [value]


INTERRUPTED = 1
"""With this code Lightning leaves on Ctrl-C; a wrong command line ends with 2."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def trainer_defaults(callbacks: list[Any]) -> dict[str, Any]:
    """Return defaults of the trainer; ``callbacks`` are added to those of the configuration."""
    return {
        'accelerator': 'auto',
        'devices': 1,
        # Measured: CPUs without bf16 units are ten times slower in bf16.
        'precision': 'bf16-mixed' if torch.cuda.is_available() else '32-true',
        'max_steps': 1000,
        'max_epochs': -1,
        'callbacks': callbacks,
        'enable_progress_bar': True,  # a bar on a terminal, lines elsewhere
        'enable_checkpointing': False,
        'enable_model_summary': False,
        'use_distributed_sampler': False,  # the streams share the places among processes themselves
        'logger': None,
    }


def main(args: list[str], callbacks=(), verb: Verb = 'fit') -> int | None:
    """Train, or validate, as the configuration says.

    Args:
        args: command line, for example ``['--config', 'config/train/street_world.yaml']``.
        callbacks: further Lightning callbacks; with some, the progress is left to them.
        verb: 'fit' or 'validate'.

    Returns:
        The exit code where it is not 0: after Ctrl-C or SIGTERM, with a sentence on the terminal on how to continue.

    Raises:
        FamdaError: what a user did wrong, or what went wrong with the training.
        KeyboardInterrupt: Ctrl-C, if a program handed over callbacks, or before the training began.
    """
    quieten()
    if not args:
        raise FamdaError(GIVE_CONFIG)
    try:
        TrainingCLI(
            verb,
            subclass_mode_model=True,
            seed_everything_default=0,
            save_config_callback=None,
            parser_class=TrainingParser,
            trainer_defaults=trainer_defaults(list(callbacks)),
            parser_kwargs={'prog': f'famda {verb}', 'description': DESCRIPTIONS[verb]},
            args=with_defaults(args),
        ).run()
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
    except KeyboardInterrupt as interrupt:
        if callbacks or not interrupt.args:
            raise
        print(f'famda {verb}: {interrupt}', file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise FamdaError(
            f'cannot write to the folder of the run ({error.strerror}); free some space and continue with --resume=true'
        ) from error
    return None
