# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the settings of a training, each as one sentence."""
from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any, NoReturn, get_args, get_type_hints

from lightning.pytorch.cli import LightningArgumentParser

from famda_train.argument_errors import Wording, as_sentence
from famda_train.training.data_module import AdaptationData
from famda_train.training.self_training import SelfTraining
from famda_train.training.source_training import SourceTraining

GIVE_CONFIG = 'give --config FILE, for example config/train/street_world.yaml'

WORDING = Wording('setting', GIVE_CONFIG, 'famda fit --help')


class TrainingParser(LightningArgumentParser):
    """Raise FamdaError where the command line or a configuration is wrong."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise one sentence instead of printing the usage."""
        if not self.exit_on_error:  # a group of settings, whose own key is not known yet
            super().error(message, ex)
        raise as_sentence(message, ex, [*self.get_defaults().keys(), *own_settings()], WORDING) from None


def own_settings() -> list[str]:
    """Return the dotted names of what the trainings and their data take."""
    named = [('model', SourceTraining), ('model', SelfTraining), ('data', AdaptationData)]
    return ['model.class_path', *(name for prefix, cls in named for name in settings_of(cls, prefix))]


def settings_of(cls: Any, prefix: str) -> Iterator[str]:
    """Yield the dotted names of what a class takes, those of groups included."""
    hints = get_type_hints(cls.__init__)
    for name in list(inspect.signature(cls).parameters):
        yield f'{prefix}.{name}'
        for kind in (hints.get(name), *get_args(hints.get(name))):
            if dataclasses.is_dataclass(kind):
                yield from settings_of(kind, f'{prefix}.{name}')
