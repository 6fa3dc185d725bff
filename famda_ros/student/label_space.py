# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Label spaces: named, ordered classes with colours, and the maps between them.

Every class list of the project is in this file and nowhere else.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from famda_ros.errors import choose

IGNORE = 255
"""Train id of unlabelled or ignored pixels in every label space."""


@dataclass(frozen=True)
class LabelSpace:
    """Ordered classes; the index of a class is its train id.

    Attributes:
        name: identifier used in files and on the command line.
        classes: class names, train id 0 first.
        colors: one (red, green, blue) of 0..255 per class.
    """

    name: str
    classes: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]

    def __post_init__(self):
        if len(self.classes) != len(self.colors):
            raise ValueError(f'{self.name}: {len(self.classes)} classes but {len(self.colors)} colours')
        if len(set(self.classes)) != len(self.classes) or len(self.classes) > IGNORE:
            raise ValueError(f'{self.name}: class names must be distinct and at most {IGNORE}')

    def __len__(self) -> int:
        return len(self.classes)

    def palette(self) -> np.ndarray:
        """Return uint8 [256, 3] RGB; ids without a class, 255 among them, are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(self)] = self.colors
        return palette


CITYSCAPES19 = LabelSpace(
    'cityscapes19',
    (
        'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign', 'vegetation',
        'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle',
    ),
    (
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
        (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60),
        (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
)  # fmt: skip


def _subset(name: str, classes: tuple[str, ...]) -> LabelSpace:
    """Return a label space of some Cityscapes classes, in the order given."""
    color_of = dict(zip(CITYSCAPES19.classes, CITYSCAPES19.colors, strict=True))
    return LabelSpace(name, classes, tuple(color_of[c] for c in classes))


_SYNTHIA16_MISSING = ('terrain', 'truck', 'train')
_SYNTHIA13_MISSING = (*_SYNTHIA16_MISSING, 'wall', 'fence', 'pole')

SYNTHIA16 = _subset('synthia16', tuple(c for c in CITYSCAPES19.classes if c not in _SYNTHIA16_MISSING))
SYNTHIA13 = _subset('synthia13', tuple(c for c in CITYSCAPES19.classes if c not in _SYNTHIA13_MISSING))

VKITTI8 = LabelSpace(
    'vkitti8',
    ('road', 'building', 'pole', 'traffic light', 'traffic sign', 'vegetation', 'sky', 'vehicle'),
    (
        (128, 64, 128), (70, 70, 70), (153, 153, 153), (250, 170, 30),
        (220, 220, 0), (107, 142, 35), (70, 130, 180), (0, 0, 142),
    ),
)  # fmt: skip

FLAT7 = LabelSpace(
    'flat7',
    ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle'),
    (
        (128, 64, 128), (70, 70, 70), (220, 220, 0), (107, 142, 35),
        (70, 130, 180), (220, 20, 60), (0, 0, 142),
    ),
)  # fmt: skip

DENSEMTL7 = LabelSpace('densemtl7', FLAT7.classes, FLAT7.colors)
"""The 7 classes as DenseMTL has them: those of ``flat7`` (CTRL's), but from fewer Cityscapes classes."""

CAMVID11 = LabelSpace(
    'camvid11',
    (
        'sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign-symbol', 'fence', 'car', 'pedestrian',
        'bicyclist',
    ),
    (
        (70, 130, 180), (70, 70, 70), (153, 153, 153), (128, 64, 128), (244, 35, 232), (107, 142, 35),
        (220, 220, 0), (190, 153, 153), (0, 0, 142), (220, 20, 60), (119, 11, 32),
    ),
)  # fmt: skip

LABEL_SPACES = {s.name: s for s in (CITYSCAPES19, SYNTHIA16, SYNTHIA13, VKITTI8, FLAT7, DENSEMTL7, CAMVID11)}


def get_label_space(name: str) -> LabelSpace:
    """Return the label space called ``name``.

    Raises:
        FamdaError: no such label space.
    """
    return choose(LABEL_SPACES, name, 'label space')
