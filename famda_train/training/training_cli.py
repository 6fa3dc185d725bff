# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda fit`` and ``famda validate``: training from a YAML configuration."""
from __future__ import annotations

import errno
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

from famda_ros.errors import EXIT_INTERRUPTED, FamdaError
from famda_ros.files import make_output_folder
from famda_train.models.checkpoint import read_checkpoint, read_file
from famda_train.training.callbacks.checkpoints import AtomicCheckpointIO, SaveLast, kept_step
from famda_train.training.callbacks.pictures import TrainingPictures
from famda_train.training.callbacks.processes import EndTogether, end_other_processes
from famda_train.training.callbacks.progress import StepProgressBar
from famda_train.training.config_chain import with_defaults
from famda_train.training.config_errors import GIVE_CONFIG, TrainingParser, first_famda_error
from famda_train.training.data_module import AdaptationData
from famda_train.training.source_training import SourceTraining


class TrainingCLI(LightningCLI):
    """LightningCLI that keeps what is needed to go on, and ends by writing the student's checkpoint.

    The streams of training samples have no end, and so no epochs: with ``data.validate``,
    ``trainer.val_check_interval`` is the number of batches between two validations.
    """

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Only what there is a verb for."""
        return {verb: skipped for verb, skipped in LightningCLI.subcommands().items() if verb in ('fit', 'validate')}

    def add_arguments_to_parser(self, parser):
        """Add the options of the run itself."""
        parser.add_argument(
            '--defaults', type=str, default=None, help='in a configuration file: the file it builds on, beside it'
        )
        parser.add_argument('--out', type=str, default='student.ckpt', help='checkpoint to write at the end')
        # The class set belongs to the data: said there once, never twice.
        parser.link_arguments('data.label_space', 'model.init_args.label_space', apply_on='instantiate')
        parser.add_argument(
            '--resume', type=bool, default=False, help='go on where an interrupted run with the same --out stopped'
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

    @property
    def verb_config(self) -> Any:
        """The configuration of the verb that runs."""
        return self.config[self.subcommand]

    def before_instantiate_classes(self):
        """Refuse a wrong checkpoint here: raised inside the model, the reason would drown in jsonargparse's."""
        run = self.verb_config
        if self.subcommand == 'validate':
            if not run.data.get('validate'):
                raise FamdaError('there are no frames to validate on; give data.validate')
            run.model.init_args.init_from = str(trained_checkpoint(run.out))
            run.verbose = False  # the metrics are printed here, not as a table of Lightning
        elif run.resume:
            run.ckpt_path = str(checkpoint_to_resume(run.out, self.fingerprint()))
            run.weights_only = True
        if run.model.init_args.get('init_from'):
            read_checkpoint(run.model.init_args.init_from)

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings, as JSON values by dotted name, that a resumed run must have again."""
        run = yaml.safe_load(self.parser.dump(self.config, skip_none=False, format='yaml'))[self.subcommand]
        return settings_to_keep(run)

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
        run, own = self.verb_config, self.config_init[self.subcommand].trainer
        callbacks = [*as_list(own.get('callbacks')), EndTogether()]
        logger = own.get('logger')
        if self.subcommand == 'validate':
            logger = False
        elif logger in (None, True):
            folder = run_folder(run.out)
            logger = TensorBoardLogger(str(folder.parent), name=folder.name, version='')
        if run.keep_every:
            callbacks.append(SaveLast(last_checkpoint(run.out), run.keep_every, self.fingerprint()))
        if run.pictures_every and logger:
            callbacks.append(TrainingPictures(run.pictures_every))
        shows = own.enable_progress_bar and sys.stderr.isatty() and not self.by_program
        if shows:
            callbacks.append(StepProgressBar())
        return super().instantiate_trainer(
            callbacks=callbacks, logger=logger, plugins=[AtomicCheckpointIO()], enable_progress_bar=shows, **kwargs
        )

    def before_fit(self):
        """Find out before the training, not after it, whether the result can be written."""
        make_output_folder(Path(self.verb_config.out).parent)

    def fit(self, **kwargs):
        """Train; say after Ctrl-C what can be gone on from."""
        try:
            self.trainer.fit(**kwargs)
        except SystemExit as leaving:
            if leaving.code != INTERRUPTED or not self.trainer.is_global_zero:
                raise
            kept = kept_step(self.trainer)
            then = 'nothing was kept yet' if kept is None else f'go on from step {kept} with --resume=true'
            raise KeyboardInterrupt(f'interrupted at step {self.trainer.global_step}; {then}') from None

    def after_fit(self):
        """Write the student; what it took to get there is not needed any more."""
        if not self.trainer.is_global_zero:
            return
        try:
            self.trainer.strategy.checkpoint_io.save_checkpoint(self.model.student(), self.verb_config.out)
        except FamdaError:
            end_other_processes(self.trainer)
            raise
        last_checkpoint(self.verb_config.out).unlink(missing_ok=True)
        if not self.by_program:
            out, loss = self.verb_config.out, self.trainer.callback_metrics.get('loss')
            steps = f'{self.trainer.global_step} steps' + ('' if loss is None else f', loss {float(loss):.2g}')
            print(f'wrote {out} ({steps}); score it with: famda evaluate {out} DATA')

    def after_validate(self):
        """Print the metrics, one a line."""
        if self.trainer.is_global_zero:
            metrics = {name.removeprefix('val/'): float(value) for name, value in self.trainer.callback_metrics.items()}
            width = max(map(len, metrics), default=0)
            print('\n'.join(f'{name:<{width}}  {value:.4g}' for name, value in metrics.items()))


def as_list(value: Any) -> list:
    """Return None as [], one thing as [thing], and a list as it is."""
    return [] if value is None else value if isinstance(value, list) else [value]


def run_folder(out: str | Path) -> Path:
    """Return the folder with the log and the checkpoint to resume from of a run that writes ``out``."""
    return Path(out).with_suffix('.run')


def last_checkpoint(out: str | Path) -> Path:
    """Return the checkpoint to resume from."""
    return run_folder(out) / 'last.ckpt'


FREE = ('data.validate', 'data.workers', 'data.cache_gb')
"""Settings that change nothing that is learnt."""

OF_TRAINER = ('max_steps', 'accumulate_grad_batches', 'gradient_clip_val', 'gradient_clip_algorithm')
"""Settings of the trainer that change what is learnt; the others belong to the machine."""


def settings_to_keep(run: dict[str, Any]) -> dict[str, Any]:
    """Return what an interrupted run must be resumed with, by dotted name, from all settings of a run."""
    trainer = {name: run['trainer'].get(name) for name in OF_TRAINER}
    kept = {'model': run['model'], 'data': run['data'], 'trainer': trainer, 'seed_everything': run['seed_everything']}
    # Through JSON: only plain values may lie in a checkpoint.
    return {
        name: value for name, value in flat(json.loads(json.dumps(kept, default=str))) if not name.startswith(FREE)
    }


def flat(values: dict[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of nested dictionaries."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f'{prefix}{name}.')
        else:
            yield prefix + name, value


def checkpoint_to_resume(out: str | Path, settings: dict[str, Any]) -> Path:
    """Return the checkpoint to resume from, after a look into it.

    Args:
        out: what the run writes.
        settings: of the run that wants to go on.

    Raises:
        FamdaError: there is none, it is damaged, it was made with other settings, or the run is finished.
    """
    last = last_checkpoint(out)
    if not last.is_file():
        if Path(out).is_file():
            raise FamdaError(f"the run that writes '{out}' is finished; there is nothing to resume")
        raise FamdaError(f"there is nothing to resume for '{out}'; leave out --resume")
    before = read_file(last).get(SaveLast.KEY, settings)
    for name in (*before, *settings):
        if before.get(name) != settings.get(name):
            raise FamdaError(
                f'the interrupted run had {name} {in_yaml(before.get(name))}, now {in_yaml(settings.get(name))}; '
                'resume with the same settings, or choose another --out'
            )
    return last


def in_yaml(value: Any) -> str:
    """Return a plain value as it is written in a configuration."""
    return value if isinstance(value, str) else json.dumps(value)


def trained_checkpoint(out: str | Path) -> Path:
    """Return the result of a run, or as long as there is none its last checkpoint.

    Raises:
        FamdaError: there is neither.
    """
    for path in (Path(out), last_checkpoint(out)):
        if path.is_file():
            return path
    raise FamdaError(f"there is no checkpoint '{out}' to validate; train it with famda fit, or name another by --out")


def quieten() -> None:
    """Keep off the terminal what a user can do nothing about; other warnings stay."""
    for name in ('lightning.pytorch', 'lightning.fabric'):
        logging.getLogger(name).setLevel(logging.WARNING)  # hints about hardware and cloud services
    for message in (
        "LightningCLI's args",
        'The .*dataloader.* does not have many workers',
        '.*treespec, LeafSpec',
        'Checkpoint directory .* exists',
        'You defined a `validation_step` but have no',
        'You passed in a `val_dataloader` but have no',
        "You're resuming from a checkpoint that ended before the epoch",  # the streams know where to go on
        'Total length of `list` across ranks is zero',  # no frames to validate on
    ):
        warnings.filterwarnings('ignore', message=message)
    warnings.filterwarnings('ignore', category=DeprecationWarning)  # between Lightning and jsonargparse


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
        'enable_progress_bar': True,  # on a terminal
        'enable_checkpointing': False,
        'enable_model_summary': False,
        'use_distributed_sampler': False,  # the streams share the places among processes themselves
        'logger': None,
    }


def main(args: list[str], callbacks=(), verb: str = 'fit') -> int | None:
    """Train, or validate, as the configuration says.

    Args:
        args: command line, for example ``['--config', 'config/train/street_world.yaml']``.
        callbacks: further Lightning callbacks; with some, the progress bar is left to them.
        verb: 'fit' or 'validate'.

    Returns:
        The exit code where it is not 0: after Ctrl-C, and a sentence on the terminal on how to go on.

    Raises:
        FamdaError: what a user did wrong, or what went wrong with the training.
        KeyboardInterrupt: Ctrl-C, if a program handed over callbacks, or before the training began.
    """
    quieten()
    if not args:
        raise FamdaError(GIVE_CONFIG)
    try:
        TrainingCLI(
            SourceTraining,
            AdaptationData,
            subclass_mode_model=True,
            seed_everything_default=0,
            save_config_callback=None,
            parser_class=TrainingParser,
            trainer_defaults=trainer_defaults(list(callbacks)),
            parser_kwargs={'prog': 'famda', verb: {'prog': f'famda {verb}'}},
            args=[verb, *with_defaults(args)],
        )
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
            f'cannot write to the folder of the run ({error.strerror}); free some space and go on with --resume=true'
        ) from error
    return None
