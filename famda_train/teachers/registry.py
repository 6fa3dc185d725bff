# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Teachers by name: imported when they are asked for, built from a user's settings."""
from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from famda_ros.errors import FamdaError, choose
from famda_train.teachers.setting_types import Range

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
        module, name: of the class.
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

    def settings(self) -> dict[str, inspect.Parameter]:
        """Return the settings that a user may give, by name."""
        return {name: parameter for name, parameter in arguments(self.load()).items() if name not in self.preset}


def arguments(constructor: Any) -> dict[str, inspect.Parameter]:
    """Return the arguments of a class by name.

    A catch-all ``**name`` stands for the fields of the data class whose instance, with the defaults, is the class
    attribute ``name``: settings that several teachers share.
    """
    found = {}
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            found[parameter.name] = parameter
            continue
        shared = getattr(constructor, parameter.name)
        for one in fields(shared):
            default = getattr(shared, one.name)
            found[one.name] = inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default)
    return found


def _hints(constructor: Any) -> dict[str, Any]:
    """Return name → type of :func:`arguments`."""
    hints = get_type_hints(constructor.__init__, include_extras=True)
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            hints |= get_type_hints(type(getattr(constructor, parameter.name)), include_extras=True)
    return hints


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
        FamdaError: no such teacher or setting, a setting is missing or has the wrong type, or what the
            teacher says about its own.
    """
    entry = choose(table, name, what)
    wanted = dict(settings or {})
    store = wanted.pop('name', None)
    whose = f"{what} '{name}'"
    if store is not None and not (isinstance(store, str) and STORE_NAME.fullmatch(store)):
        raise FamdaError(f"the setting name of {whose} must be letters, digits, '.', '_' and '-', not {store!r}")
    teacher = entry(**checked_settings(entry, wanted, whose))
    if store is not None:
        teacher.identity = {**teacher.identity, 'name': store}
    return teacher


def checked_settings(entry: TeacherClass, settings: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """Return the settings, with their types.

    Raises:
        FamdaError: an unknown, a missing or a wrong one.
    """
    known = entry.settings()
    for name in settings:
        if name not in known:
            raise FamdaError(f"{whose} has no setting '{name}'; it has {', '.join([*known, 'name'])}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in settings:
            raise FamdaError(f'{whose} needs the setting {name}')
    return typed_values(entry.load(), settings, f'of {whose}')


def typed_values(constructor: Any, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return arguments of a constructor, converted to its type hints where that loses nothing (int to float).

    Args:
        constructor: class with type hints.
        values: arguments, all of which it has.
        where: for messages: ``the setting NAME <where> must be ...``.

    Raises:
        FamdaError: one of them has the wrong type, or is out of its range.
    """
    hints = _hints(constructor)
    return {name: _typed(value, hints[name], f'the setting {name} {where}') for name, value in values.items()}


def _typed(value: Any, hint: Any, what: str) -> Any:
    from jsonargparse import ArgumentError, ArgumentParser

    plain, *limits = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument('--value', type=plain)
    wrong = f'{what} must be {_words(hint)}, not {value!r}'
    try:
        typed = parser.parse_object({'value': value}).value
    except (ArgumentError, TypeError, ValueError) as error:
        raise FamdaError(wrong) from error
    if not all(limit.holds(typed) for limit in limits if isinstance(limit, Range)):
        raise FamdaError(wrong)
    return typed


def _words(hint: Any) -> str:
    """Return a type hint as a user reads it: ``int or null``, ``one of 'a', 'b'``."""
    if get_origin(hint) is Annotated:
        return next(limit.words for limit in get_args(hint)[1:] if isinstance(limit, Range))
    if get_origin(hint) in (Union, UnionType):
        return ' or '.join(map(_words, get_args(hint)))
    if get_origin(hint) is Literal:
        return f'one of {", ".join(map(repr, get_args(hint)))}'
    if get_origin(hint) is tuple:
        return f'[{", ".join(map(_words, get_args(hint)))}]'
    return {type(None): 'null', float: 'a number', int: 'a whole number', str: 'a text', bool: 'true or false'}.get(
        hint, getattr(hint, '__name__', str(hint))
    )
