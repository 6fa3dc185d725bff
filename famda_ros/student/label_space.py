# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Label spaces: named, ordered classes with colours, read from YAML files.

Those in ``config/label_spaces`` are known by name; any other is known once it was read, from a file of your own,
a data set, a checkpoint or a model card.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from famda_ros.errors import FamdaError, choose
from famda_ros.resources import resource
from famda_ros.strict_yaml import parse_yaml

IGNORE = 255
"""Train id of unlabelled or ignored pixels in every label space."""

BUILT_IN = ('cityscapes19', 'synthia16', 'synthia13', 'vkitti8', 'flat7', 'densemtl7', 'camvid11')
SUFFIXES = ('.yaml', '.yml')
CLASS_KEYS = {'color', 'sky', 'ground', 'thing', 'thin_in'}
SPACE_KEYS = {'name', 'classes', 'projections'}


@dataclass(frozen=True)
class LabelSpace:
    """Ordered classes; the index of a class is its train id.

    Attributes:
        name: identifier used in files and on the command line.
        classes: class names, train id 0 first.
        colors: one (red, green, blue) of 0..255 per class.
        sky: the class whose depth is beyond range; '' = there is none.
        things: classes of countable things.
        thin_in: class → classes whose masks must not swallow its pixels: a pole is thin in front of a building.
        projections: name of another label space → {class here: class there}; what is not listed is ignored there.
        ground: classes of the plane that a robot stands on, by which the height of its camera is measured.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    sky: str = ''
    things: tuple[str, ...] = ()
    thin_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    projections: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    ground: tuple[str, ...] = ()

    def __post_init__(self):
        if len(self.classes) != len(self.colors):
            raise ValueError(f'{self.name}: {len(self.classes)} classes but {len(self.colors)} colours')
        if len(set(self.classes)) != len(self.classes) or len(self.classes) > IGNORE:
            raise ValueError(f'{self.name}: class names must be distinct and at most {IGNORE}')
        named = [self.sky, *self.ground, *self.things]
        named += [*self.thin_in, *(c for row in self.thin_in.values() for c in row)]
        for name in [*named, *(c for row in self.projections.values() for c in row)]:
            if name and name not in self.classes:
                raise ValueError(f"{self.name}: '{name}' is none of its classes")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def sky_id(self) -> int:
        """Train id of sky; -1 in a label space without."""
        return self.classes.index(self.sky) if self.sky else -1

    def palette(self) -> np.ndarray:
        """Return uint8 [256, 3] RGB; ids without a class, 255 among them, are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(self)] = self.colors
        return palette

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as plain values, as a YAML file of a label space holds it."""
        classes = {}
        for name, color in zip(self.classes, self.colors, strict=True):
            row: dict[str, Any] = {'color': list(color)}
            row |= {'sky': True} if name == self.sky else {}
            row |= {'ground': True} if name in self.ground else {}
            row |= {'thing': True} if name in self.things else {}
            row |= {'thin_in': list(self.thin_in[name])} if name in self.thin_in else {}
            classes[name] = row
        projections = {space: dict(table) for space, table in self.projections.items()}
        return {'name': self.name, 'classes': classes, **({'projections': projections} if projections else {})}


def parse_label_space(values: Any, where: str) -> LabelSpace:
    """Return the label space of a definition.

    Args:
        values: {name, classes: {class: {color: [r, g, b], sky, ground, thing, thin_in}},
            projections: {space: {class: class}}}.
        where: what holds it, for the message.

    Raises:
        FamdaError: a value that is missing, unknown or cannot be.
    """

    try:
        return _parse(values)
    except ValueError as error:
        raise FamdaError(f'{where} is no label space: {error}; see docs/label-spaces.md') from error


def _parse(values: Any) -> LabelSpace:
    _require(isinstance(values, Mapping), 'it has no names with values')
    unknown = sorted(set(map(str, values)) - SPACE_KEYS)
    _require(not unknown, f"it has the key '{', '.join(unknown)}', which is none of {', '.join(sorted(SPACE_KEYS))}")
    name, rows, projections = values.get('name'), values.get('classes'), values.get('projections') or {}
    _require(isinstance(name, str) and bool(name.strip()) and '/' not in name, "'name' must be a text")
    _require(isinstance(rows, Mapping) and 0 < len(rows) <= IGNORE, f"'classes' must list 1 to {IGNORE} classes")
    for key, row in rows.items():
        _check_class(key, row, rows)
    sky = [key for key, row in rows.items() if row.get('sky')]
    _require(len(sky) <= 1, f'only one class can be the sky, not {" and ".join(sky)}')
    _require(isinstance(projections, Mapping), "'projections' must be {label space: {class: class}}")
    for space, table in projections.items():
        _check_projection(space, table, rows)
    return LabelSpace(
        name,
        tuple(rows),
        tuple((int(red), int(green), int(blue)) for red, green, blue in (row['color'] for row in rows.values())),
        sky[0] if sky else '',
        tuple(key for key, row in rows.items() if row.get('thing')),
        {key: tuple(row['thin_in']) for key, row in rows.items() if row.get('thin_in')},
        {space: dict(table) for space, table in projections.items()},
        tuple(key for key, row in rows.items() if row.get('ground')),
    )


def _check_class(key: Any, row: Any, rows: Mapping[Any, Any]) -> None:
    _require(isinstance(key, str) and bool(key.strip()), f'the class {key!r} must be a text; put it in quotes')
    _require(isinstance(row, Mapping) and 'color' in row, f"the class '{key}' needs 'color: [red, green, blue]'")
    unknown = sorted(set(map(str, row)) - CLASS_KEYS)
    _require(not unknown, f"the class '{key}' has the unknown key '{', '.join(unknown)}'")
    _require(_is_color(row['color']), f"the colour of '{key}' must be three numbers of 0 to 255")
    flags = [row.get(flag, False) for flag in ('sky', 'ground', 'thing')]
    good = all(isinstance(flag, bool) for flag in flags)
    _require(good, f"'sky', 'ground' and 'thing' of '{key}' must be true or false")
    others = row.get('thin_in', [])
    _require(isinstance(others, (list, tuple)), f"'thin_in' of '{key}' must be a list of classes")
    for other in others:
        _require(other in rows and other != key, f"'{key}' is thin in '{other}', which is no other class")


def _check_projection(space: Any, table: Any, rows: Mapping[Any, Any]) -> None:
    good = isinstance(space, str) and isinstance(table, Mapping)
    _require(good, f"the projection '{space}' must be {{class: class}}")
    for own, other in table.items():
        _require(own in rows, f"the projection to '{space}' names '{own}', which is none of its classes")
        _require(isinstance(other, str), f"the projection of '{own}' to '{space}' must be a class name")


def _require(good: bool, sentence: str) -> None:
    if not good:
        raise ValueError(sentence)


def _is_color(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= 255 for v in value)
    )


def read_label_space(path: str | Path) -> LabelSpace:
    """Return the label space of a YAML file.

    Raises:
        FamdaError: unreadable, no YAML, or no label space.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
        values = parse_yaml(text)
    except OSError as error:
        raise FamdaError(f"cannot read the label space '{path}' ({error.strerror}); check the path") from error
    except (yaml.YAMLError, ValueError) as error:
        raise FamdaError(f"'{path}' is no YAML file ({' '.join(str(error).split())}); correct it") from error
    return parse_label_space(values, f"'{path}'")


LABEL_SPACES = {name: read_label_space(resource(f'config/label_spaces/{name}.yaml')) for name in BUILT_IN}
"""Label spaces by name: the built-in ones, and every other that was read in this process."""

CITYSCAPES19, SYNTHIA16, SYNTHIA13, VKITTI8, FLAT7, DENSEMTL7, CAMVID11 = LABEL_SPACES.values()


def register(space: LabelSpace, where: str) -> LabelSpace:
    """Make a label space known by its name.

    Args:
        space: what was read.
        where: what holds it, for the message.

    Returns:
        the label space of that name: the one that was known before, if they mean the same.

    Raises:
        FamdaError: another one of the same name is known, or it projects to classes that a known one has not.
    """
    for other, table in space.projections.items():
        there = LABEL_SPACES[other].classes if other in LABEL_SPACES else table.values()
        if unknown := next((name for name in table.values() if name not in there), None):
            raise FamdaError(
                f"{where} projects to '{unknown}' of '{other}', which has no such class; choose one of "
                f'{", ".join(there)}'
            )
    known = LABEL_SPACES.setdefault(space.name, space)
    for what, ours, theirs in (('classes', known.classes, space.classes), ('sky', known.sky, space.sky)):
        if ours != theirs:
            raise FamdaError(
                f"{where} has a label space '{space.name}' with other {what} than the one known by that name; "
                'give one of them another name'
            )
    return known


def get_label_space(space: str | Path | Mapping[str, Any], folder: str | Path = '.') -> LabelSpace:
    """Return a label space.

    Args:
        space: a name, a YAML file, or a definition as in such a file.
        folder: what the path of a file is relative to.

    Raises:
        FamdaError: no such label space, or not a valid one.
    """
    if isinstance(space, Mapping):
        return register(parse_label_space(space, 'the definition'), 'the definition')
    if Path(space).suffix.lower() in SUFFIXES:
        path = Path(folder) / space
        return register(read_label_space(path), f"'{path}'")
    return choose(LABEL_SPACES, str(space), 'label space')


def reference(space: LabelSpace) -> str | dict[str, Any]:
    """Return what a file writes so that it can be read elsewhere: the name of a built-in one, else the definition."""
    return space.name if space.name in BUILT_IN else space.to_dict()
