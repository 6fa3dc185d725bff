# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From the ids in the files of a data set to train ids, and from one label space to another.

Two 7-class variants are in use.  ``flat7`` is CTRL's: every Cityscapes class belongs to one
of the seven.  ``densemtl7`` is DenseMTL's: wall, terrain, rider, truck, bus, train and
motorcycle are ignored.  For SYNTHIA both are one table (DADA's), which ignores those too.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from famda_ros.errors import FamdaError, choose
from famda_ros.student.label_space import CAMVID11, CITYSCAPES19, IGNORE, LabelSpace, get_label_space

o: None = None  # ignored

CITYSCAPES_COLUMNS = ('cityscapes19', 'synthia16', 'flat7', 'densemtl7', 'vkitti8')
CITYSCAPES_ROWS = (
    # id, name            19  16  CTRL DenseMTL 8
    (7, 'road',           0,  0,  0,  0,  0),
    (8, 'sidewalk',       1,  1,  0,  0,  o),
    (11, 'building',      2,  2,  1,  1,  1),
    (12, 'wall',          3,  3,  1,  o,  o),
    (13, 'fence',         4,  4,  1,  1,  o),
    (17, 'pole',          5,  5,  2,  2,  2),
    (19, 'traffic light', 6,  6,  2,  2,  3),
    (20, 'traffic sign',  7,  7,  2,  2,  4),
    (21, 'vegetation',    8,  8,  3,  3,  5),
    (22, 'terrain',       9,  o,  3,  o,  o),
    (23, 'sky',           10, 9,  4,  4,  6),
    (24, 'person',        11, 10, 5,  5,  o),
    (25, 'rider',         12, 11, 5,  o,  o),
    (26, 'car',           13, 12, 6,  6,  7),
    (27, 'truck',         14, o,  6,  o,  o),
    (28, 'bus',           15, 13, 6,  o,  7),
    (29, 'caravan',       o,  o,  6,  o,  o),
    (30, 'trailer',       o,  o,  6,  o,  o),
    (31, 'train',         16, o,  6,  o,  o),
    (32, 'motorcycle',    17, 14, 6,  o,  o),
    (33, 'bicycle',       18, 15, 6,  6,  o),
)  # fmt: skip
CITYSCAPES_IGNORED = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18)
"""unlabeled, ego vehicle, rectification border, out of roi, static, dynamic, ground, parking, rail track,
guard rail, bridge, tunnel, polegroup."""

SYNTHIA_COLUMNS = ('cityscapes19', 'synthia16', 'flat7')
SYNTHIA_ROWS = (
    # id, name            19  16  7
    (0, 'void',           o,  o,  o),
    (1, 'sky',            10, 9,  4),
    (2, 'building',       2,  2,  1),
    (3, 'road',           0,  0,  0),
    (4, 'sidewalk',       1,  1,  0),
    (5, 'fence',          4,  4,  1),
    (6, 'vegetation',     8,  8,  3),
    (7, 'pole',           5,  5,  2),
    (8, 'car',            13, 12, 6),
    (9, 'traffic sign',   7,  7,  2),
    (10, 'pedestrian',    11, 10, 5),
    (11, 'bicycle',       18, 15, 6),
    (12, 'motorcycle',    17, 14, o),
    (13, 'parking-slot',  o,  o,  o),
    (14, 'road-work',     o,  o,  o),
    (15, 'traffic light', 6,  6,  2),
    (16, 'terrain',       9,  o,  o),
    (17, 'rider',         12, 11, o),
    (18, 'truck',         14, o,  o),
    (19, 'bus',           15, 13, o),
    (20, 'train',         16, o,  o),
    (21, 'wall',          3,  3,  o),
    (22, 'lanemarking',   o,  o,  0),
)  # fmt: skip

VKITTI2_ROWS = (
    # id, name            colour           8
    (0, 'Terrain',        (210, 0, 200),   o),
    (1, 'Sky',            (90, 200, 255),  6),
    (2, 'Tree',           (0, 199, 0),     5),
    (3, 'Vegetation',     (90, 240, 0),    5),
    (4, 'Building',       (140, 140, 140), 1),
    (5, 'Road',           (100, 60, 100),  0),
    (6, 'GuardRail',      (250, 100, 255), o),
    (7, 'TrafficSign',    (255, 255, 0),   4),
    (8, 'TrafficLight',   (200, 200, 0),   3),
    (9, 'Pole',           (255, 130, 0),   2),
    (10, 'Misc',          (80, 80, 80),    o),
    (11, 'Truck',         (160, 60, 60),   7),
    (12, 'Car',           (255, 127, 80),  7),
    (13, 'Van',           (0, 139, 139),   7),
)  # fmt: skip
VKITTI2_UNDEFINED = 14
"""Id given to black, the colour of what has no class."""

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


def _column(rows: tuple, columns: tuple[str, ...], space: str, key: int = 0) -> np.ndarray:
    """Return the table from column ``key`` of ``rows`` to a label space."""
    place = 2 + columns.index(space)
    return lookup((row[key], row[place]) for row in rows if row[key] is not None)


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


def _cityscapes(ignored: Iterable[int] = CITYSCAPES_IGNORED) -> RawIds:
    tables = {space: _column(CITYSCAPES_ROWS, CITYSCAPES_COLUMNS, space) for space in CITYSCAPES_COLUMNS}
    tables['synthia13'] = _chain(tables['synthia16'], projection('synthia16', 'synthia13'))
    return RawIds(frozenset([*ignored, *(row[0] for row in CITYSCAPES_ROWS)]), tables)


def _synthia() -> RawIds:
    tables = {space: _column(SYNTHIA_ROWS, SYNTHIA_COLUMNS, space) for space in SYNTHIA_COLUMNS}
    tables['densemtl7'] = tables['flat7']
    tables['synthia13'] = _chain(tables['synthia16'], projection('synthia16', 'synthia13'))
    return RawIds(frozenset(row[0] for row in SYNTHIA_ROWS), tables)


def _vkitti2() -> RawIds:
    table = lookup((row[0], row[3]) for row in VKITTI2_ROWS)
    return RawIds(frozenset([*(row[0] for row in VKITTI2_ROWS), VKITTI2_UNDEFINED]), {'vkitti8': table})


def _train_ids(space: str, ignored: int = IGNORE) -> RawIds:
    """Files that hold train ids of a label space already."""
    classes = range(len(get_label_space(space)))
    own = lookup((i, i) for i in classes)
    others = get_label_space(space).projections
    tables = {space: own, **{other: _chain(own, projection(space, other)) for other in others}}
    return RawIds(frozenset([*classes, ignored]), tables)


GTA5_LICENSE_PLATE = 34

CITYSCAPES_LABEL_IDS = _cityscapes()
CITYSCAPES_TRAIN_IDS = _train_ids(CITYSCAPES19.name)
GTA5_IDS = _cityscapes((*CITYSCAPES_IGNORED, GTA5_LICENSE_PLATE))
SYNTHIA_IDS = _synthia()
VKITTI2_IDS = _vkitti2()
CAMVID_IDS = _train_ids(CAMVID11.name, CAMVID_UNLABELLED)


@cache
def _vkitti2_by_color() -> np.ndarray:
    table = np.full(1 << 24, IGNORE, np.uint8)
    for identifier, _name, (red, green, blue), _space in VKITTI2_ROWS:
        table[red << 16 | green << 8 | blue] = identifier
    table[0] = VKITTI2_UNDEFINED
    return table


def vkitti2_ids(colors: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W] ids of Virtual KITTI 2 for its colours, uint8 [H, W, 3] RGB; 255 = no such colour."""
    red, green, blue = (colors[..., channel].astype(np.uint32) for channel in range(3))
    return _vkitti2_by_color()[red << 16 | green << 8 | blue]
