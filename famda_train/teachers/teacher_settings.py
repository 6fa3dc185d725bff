# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Teachers by name: imported when they are needed, built from a user's settings."""
from __future__ import annotations

import argparse
import contextlib
import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from famda_ros.errors import FamdaError, choose
from famda_train.argument_errors import Wording, as_sentence

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

STORE_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*')
"""Names that a folder of the label store can have."""


@contextlib.contextmanager
def installed_packages() -> Iterator[None]:
    """Say of a package that is missing inside how to install it.

    Raises:
        FamdaError: it is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or '').startswith('famda'):
            raise
        raise FamdaError(
            f"this teacher needs the package '{error.name}'; install it with: pip install 'famda_ros[train]'"
        ) from error


@dataclass(frozen=True)
class TeacherClass:
    """Where a teacher is; its packages are imported only when it is built.

    Attributes:
        module, name: module and name of the class.
        preset: constructor arguments that the name stands for; a user cannot set them.
    """

    module: str
    name: str
    preset: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> type:
        """Return the class.

        Raises:
            FamdaError: a package that it needs is not installed.
        """
        with installed_packages():
            return getattr(importlib.import_module(self.module), self.name)

    def __call__(self, **settings: Any) -> Any:
        """Return a teacher with these settings, which are not checked here."""
        teacher = self.load()
        with installed_packages():  # some are imported only here
            return teacher(**self.preset, **settings)

    def parser(self) -> ArgumentParser:
        """Return what checks the settings that a user may give: the arguments of the class, and those it shares.

        Settings that several teachers share are the fields of a data class, whose instance with this teacher's
        defaults is the class attribute ``generator``.
        """
        teacher: Any = self.load()
        parser = parser_of(teacher, skip={*self.preset, 'generator'})
        if shared := getattr(teacher, 'generator', None):
            parser.add_class_arguments(type(shared))
            parser.set_defaults(asdict(shared))
        return parser

    def settings(self) -> dict[str, Any]:
        """Return name → default of the settings that a user may give; None stands for those without a default, too."""
        return dict(self.parser().get_defaults().items())


def parser_of(constructor: type, skip: Iterable[str] = ()) -> ArgumentParser:
    """Return a parser of a class's arguments, or of a data class's fields, without those in ``skip``."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(constructor, skip=set(skip))
    return parser


def checked_values(
    parser: ArgumentParser, values: Mapping[str, Any], noun: str, whose: str, others: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the values with their types (int becomes float where a float is wanted), and the defaults of the others.

    Args:
        parser: parser that :func:`parser_of` returned.
        values: name → value, as a user wrote them.
        noun: what they are: setting, entry.
        whose: owner of the values, for messages: ``the <noun> NAME of <whose> takes ...``.
        others: names that are there besides, to be listed.

    Raises:
        FamdaError: an unknown or a missing one, one of the wrong type, or one that is out of its range.
    """
    known = list(parser.get_defaults().keys())
    for name in values:
        if name not in known:
            raise FamdaError(f"{whose} has no {noun} '{name}'; it has {', '.join([*known, *others])}")
    try:
        return {name: _plain(value) for name, value in vars(parser.parse_object(dict(values))).items()}
    except argparse.ArgumentError as error:
        wording = Wording(noun, 'give it too', 'docs/teachers.md', lambda name: f'the {noun} {name} of {whose}')
        raise as_sentence(str(error), error, known, wording) from error


def _plain(value: Any) -> Any:
    """Return a number of a restricted type as what it is: other processes do not know the type."""
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, float) else int(value) if isinstance(value, int) else value


def build_teacher(
    table: Mapping[str, TeacherClass], name: str, settings: Mapping[str, Any] | None, what: str
) -> Any:
    """Return a teacher by name.

    Args:
        table: name → where the teacher is.
        name: the user's choice.
        settings: arguments of the teacher, and ``name``: that of the store, where it shall not be the teacher's.
        what: what the teachers are, for messages.

    Raises:
        FamdaError: no such teacher or setting, a setting is missing or has the wrong type, packages or weights
            are missing, or what the teacher says about its own.
    """
    entry = choose(table, name, what)
    wanted = dict(settings or {})
    store = wanted.pop('name', None)
    whose = f"{what} '{name}'"
    if store is not None and not (isinstance(store, str) and STORE_NAME.fullmatch(store)):
        raise FamdaError(f"the setting name of {whose} must be letters, digits, '.', '_' and '-', not {store!r}")
    teacher = entry(**checked_values(entry.parser(), wanted, 'setting', whose, ['name']))
    if store is not None:
        teacher.identity = {**teacher.identity, 'name': store}
    return teacher
