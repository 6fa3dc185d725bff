# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which classes a mask must not swallow: thin things, and what they are mistaken to be part of.

The rules follow those of SAM4UDASS ("SAM4UDASS: When SAM Meets Unsupervised Domain
Adaptive Semantic Segmentation in Intelligent Vehicles"), as one table instead of code.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from famda_ros.student.label_space import LabelSpace

GROUND = ('road', 'sidewalk', 'pavement', 'terrain', 'flat')
BUILT = ('building', 'wall', 'construction')
PLANTS = ('vegetation', 'tree', 'nature')
BACKGROUND = (*GROUND, *BUILT, *PLANTS, 'sky')

SURVIVES: dict[str, tuple[str, ...]] = {
    'pole': BACKGROUND,
    'traffic light': (*BACKGROUND, 'pole'),
    'traffic sign': (*BACKGROUND, 'pole'),
    'sign-symbol': (*BACKGROUND, 'pole'),
    'object': BACKGROUND,
    'person': BACKGROUND,
    'pedestrian': BACKGROUND,
    'human': BACKGROUND,
    'rider': BACKGROUND,
    'bicyclist': BACKGROUND,
    'bicycle': (*BACKGROUND, 'fence'),
    'motorcycle': BACKGROUND,
    'fence': (*BUILT, *PLANTS),
    'sidewalk': ('road',),
    'pavement': ('road',),
}
"""Class of a pixel -> classes of a vote that it survives, where the teacher is confident of the pixel."""


def protection_matrix(label_space: LabelSpace, table: Mapping[str, Sequence[str]] = SURVIVES) -> torch.Tensor:
    """Return bool [C, C]: entry [own class, voted class] is set where the pixel keeps its own class.

    Args:
        label_space: label space of the labels; classes of the table that it lacks are left out.
        table: class of a pixel → classes of a vote that it survives, see :data:`SURVIVES`.
    """
    classes = label_space.classes
    return torch.tensor([[voted in table.get(own, ()) for voted in classes] for own in classes])
