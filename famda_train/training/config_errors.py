# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the settings of a training, each as one sentence: jsonargparse says them in many lines."""
from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from collections.abc import Iterator
from typing import Any, NoReturn, get_args, get_type_hints

from lightning.pytorch.cli import LightningArgumentParser

from famda_ros.errors import FamdaError
from famda_train.training.data_module import AdaptationData
from famda_train.training.self_training import SelfTraining
from famda_train.training.source_training import SourceTraining

GIVE_CONFIG = 'give --config FILE, for example config/train/street_world.yaml'

UNKNOWN = re.compile(r"(?:accept option|Option) '([^']+)'")
STRAY = re.compile(r'unrecognized arguments: (.*)')
MISSING = re.compile(r'arguments are required: (.*)')
UNFIT = re.compile(r'Expected an? (.*?)(?:\. Got value: (.*))?$', re.MULTILINE)
GIVEN = re.compile(r'Given value: (.*)')
KEY = re.compile(r'Parser key "([\w.]+)"')

NOISE = re.compile(
    r'\s*(?:Does not validate against any|Subtypes:|Errors:|Given value|Parser key |- Expected a <class .NoneType)'
)


class TrainingParser(LightningArgumentParser):
    """Raise FamdaError where the command line or a configuration is wrong."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say what is wrong in one sentence, without the usage."""
        if not self.exit_on_error:  # a group of settings, whose own key is not known yet
            super().error(message, ex)
        parsers = [self, *(verb for action in self._actions for verb in subparsers(action))]
        known = [action.dest for parser in parsers for action in parser._actions]
        raise first_famda_error(ex) or FamdaError(sentence_of(message, [*known, *own_settings()])) from None


def subparsers(action: Any) -> list[Any]:
    """Return the parsers of the verbs, if an action is the choice between them."""
    return list(action.choices.values()) if isinstance(action.choices, dict) else []


def first_famda_error(error: BaseException | None) -> FamdaError | None:
    """Return the first FamdaError among an exception and what led to it."""
    while error is not None and not isinstance(error, FamdaError):
        error = error.__cause__ or error.__context__
    return error


def sentence_of(message: str, known: list[str]) -> str:
    """Return what jsonargparse says as one sentence.

    Args:
        message: of jsonargparse.
        known: dotted names of all settings, to suggest one.
    """
    keys = '.'.join(KEY.findall(message))
    if found := MISSING.search(message):
        missing = re.sub(r'\b(fit|validate)\.', '', found[1])
        return f'{missing} {"are" if "," in missing else "is"} missing; {GIVE_CONFIG}'
    if found := STRAY.search(message):
        first = found[1].split()[0]
        if not first.startswith('-'):
            return f"'{first}' is no option; {GIVE_CONFIG}"
        return unknown_setting(first.lstrip('-').partition('=')[0], known)
    if found := UNKNOWN.search(message):
        return unknown_setting('.'.join(filter(None, (keys, found[1]))), known)
    unfit = [found for found in UNFIT.findall(message) if 'NoneType' not in found[0]]
    if unfit and keys:
        wanted = ' or '.join(dict.fromkeys(in_words(kind) for kind, _ in unfit))
        value = next((value for _, value in unfit if value), '') or GIVEN.findall(message)[0]
        return f"{keys} takes {wanted}, not '{value}'"
    lines = [line.strip(' -') for line in message.splitlines() if line.strip() and not NOISE.match(line)]
    return ' '.join(filter(None, (f'{keys}:' if keys else '', *lines)))


def unknown_setting(name: str, known: list[str]) -> str:
    """Return the sentence about a name that no setting has, with the one that was probably meant."""
    name = name.replace('.init_args', '')
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if not near:
        last = {full.rpartition('.')[2]: full for full in known}
        near = [last[leaf] for leaf in difflib.get_close_matches(name.rpartition('.')[2], last, n=1, cutoff=0.8)]
    hint = f"did you mean '{near[0]}'?" if near else 'famda fit --help lists all'
    return f"there is no setting '{name}'; {hint}"


def in_words(kind: str) -> str:
    """Return a type as jsonargparse writes it in fewer words."""
    if 'Literal[' in kind:
        return kind.partition('[')[2].rstrip(']').replace("'", '').replace(', ', ' or ')
    return re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>", r'\1', kind).replace('typing.', '')


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
