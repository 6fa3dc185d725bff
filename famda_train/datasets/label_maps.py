# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From the ids in the files of a data set to train ids, and from one label space to another.

Which id is which class is said by ``config/raw_ids/*.yaml``: ``ids`` has a row for every id, with its published
``name``, its ``color`` where the files hold colours, and its class in each label space; a label space that it does
not name ignores it.  ``ignored`` are ids that no label space has.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import yaml

from famda_ros.errors import FamdaError, choose
from famda_ros.resources import resource
from famda_ros.student.label_space import BUILT_IN, CAMVID11, CITYSCAPES19, IGNORE, LabelSpace, get_label_space

CAMVID_UNLABELLED = 11


@dataclass(frozen=True)
class RawIds:
    """The ids in a data set's files.

    Attributes:
        known: every id that the data set defines.
        tables: name of a label space → uint8 [256], raw id → train id, 255 = ignore.
    """

    known: frozenset[int]
    tables: Mapping[str, np.ndarray]

    def table(self, space: str) -> np.ndarray:
        """Return the table to a label space.

        Raises:
            FamdaError: these ids cannot be read in that label space; names those that can.
        """
        return choose(self.tables, space, 'label space for this data set')


def lookup(pairs: Iterable[tuple[int, int | None]]) -> np.ndarray:
    """Return uint8 [256] from (id, train id) pairs; None and what is not listed give 255."""
    table = np.full(256, IGNORE, np.uint8)
    for key, value in pairs:
        table[key] = IGNORE if value is None else value
    table.setflags(write=False)
    return table


@dataclass(frozen=True)
class _RawFile:
    """A file of raw ids: id → row, and ids without a class."""

    rows: Mapping[int, Mapping[str, Any]]
    ignored: tuple[int, ...]

    def raw_ids(self, more: Iterable[int] = ()) -> RawIds:
        """Return the tables to all label spaces that the rows name; ``more`` ids are ignored, too."""
        spaces = [name for name in BUILT_IN if any(name in row for row in self.rows.values())]
        tables = {name: self._table(get_label_space(name)) for name in spaces}
        return RawIds(frozenset([*self.rows, *self.ignored, *more]), tables)

    def _table(self, space: LabelSpace) -> np.ndarray:
        named = {key: row[space.name] for key, row in self.rows.items() if space.name in row}
        return lookup((key, space.classes.index(name)) for key, name in named.items())


@cache
def _raw_file(name: str) -> _RawFile:
    values = yaml.safe_load(resource(f'config/raw_ids/{name}.yaml').read_text(encoding='utf-8'))
    return _RawFile(values['ids'], tuple(values.get('ignored', ())))


def _chain(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    table = second[first]
    table.setflags(write=False)
    return table


def projection(source: str, target: str) -> np.ndarray:
    """Return the table from one label space to another, for training and evaluation.

    Returns:
        uint8 [256]; 255 → 255, classes that ``target`` has not → 255.

    Raises:
        FamdaError: no such label space, or no way from one to the other.
    """
    table = table_between(get_label_space(source), get_label_space(target))
    if table is None:
        known = list(get_label_space(source).projections)
        raise FamdaError(
            f"labels in {source} cannot be turned into {target}; "
            + (f'choose one of {source}, {", ".join(known)}' if known else f'take {source}')
        )
    return table


def table_between(source: LabelSpace, target: LabelSpace) -> np.ndarray | None:
    """Return the uint8 [256] table of train ids from one label space to another, None where there is none."""
    if source.name == target.name:
        # A model file brings its own classes; the name alone promises nothing.
        return lookup((i, i) for i in range(256)) if source.classes == target.classes else None
    names = source.projections.get(target.name)
    if names is None or not set(names.values()) <= set(target.classes):
        return None
    return lookup((source.classes.index(own), target.classes.index(other)) for own, other in names.items())


def _through_synthia16(ids: RawIds) -> RawIds:
    """Return ids with a table to ``synthia13``, which is a part of ``synthia16``."""
    part = _chain(ids.tables['synthia16'], projection('synthia16', 'synthia13'))
    return RawIds(ids.known, {**ids.tables, 'synthia13': part})


def _train_ids(space: str, ignored: int = IGNORE) -> RawIds:
    """Files that hold train ids of a label space already."""
    classes = range(len(get_label_space(space)))
    own = lookup((i, i) for i in classes)
    others = get_label_space(space).projections
    tables = {space: own, **{other: _chain(own, projection(space, other)) for other in others}}
    return RawIds(frozenset([*classes, ignored]), tables)


GTA5_LICENSE_PLATE = 34

CITYSCAPES_LABEL_IDS = _through_synthia16(_raw_file('cityscapes').raw_ids())
CITYSCAPES_TRAIN_IDS = _train_ids(CITYSCAPES19.name)
GTA5_IDS = _through_synthia16(_raw_file('cityscapes').raw_ids([GTA5_LICENSE_PLATE]))
SYNTHIA_IDS = _through_synthia16(_raw_file('synthia').raw_ids())
VKITTI2_IDS = _raw_file('vkitti2').raw_ids()
CAMVID_IDS = _train_ids(CAMVID11.name, CAMVID_UNLABELLED)


@cache
def _vkitti2_by_color() -> np.ndarray:
    table = np.full(1 << 24, IGNORE, np.uint8)
    file = _raw_file('vkitti2')
    for identifier, row in file.rows.items():
        red, green, blue = row['color']
        table[red << 16 | green << 8 | blue] = identifier
    (table[0],) = file.ignored  # black
    return table


def vkitti2_ids(colors: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W] ids of Virtual KITTI 2 for its colours, uint8 [H, W, 3] RGB; 255 = no such colour."""
    red, green, blue = (colors[..., channel].astype(np.uint32) for channel in range(3))
    return _vkitti2_by_color()[red << 16 | green << 8 | blue]
