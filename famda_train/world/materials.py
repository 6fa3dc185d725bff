# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The materials of the world and the class of each."""
from __future__ import annotations

from enum import IntEnum

import numpy as np

from famda_ros.student.label_space import FLAT7


class Material(IntEnum):
    """Part labels; finer than the classes of ``flat7``."""

    ROAD = 0
    LANE_PAINT = 1
    SIDEWALK = 2
    KERB = 3
    PAVED = 4
    GRASS = 5
    BUILDING = 6
    WINDOW = 7
    CORNICE = 8
    WALL = 9
    POLE = 10
    SIGN = 11
    SIGN_RIM = 12
    SIGNAL_BOX = 13
    SIGNAL_LENS = 14
    LAMP = 15
    TRUNK = 16
    LEAF = 17
    SKY = 18
    SKIN = 19
    JACKET = 20
    TROUSERS = 21
    CAR_PAINT = 22
    GLASS = 23
    UNDERBODY = 24
    TYRE = 25
    RIM = 26
    TAIL_LIGHT = 27
    HEADLIGHT = 28
    PLATE = 29
    TWIG = 30
    FASCIA = 31
    YELLOW_PAINT = 32
    BICYCLE = 33
    ROOF = 34
    DOOR = 35
    FIELD = 36
    DARK_PAINT = 37
    RAIL = 38
    PUDDLE = 39
    CANVAS = 40
    LETTERING = 41
    LIVERY = 42
    HAIR = 43
    BAG = 44
    BARRIER = 45
    HEDGE = 46
    GRAVEL = 47
    OWN_PAINT = 48
    OWN_DARK = 49


_MATERIALS_OF_CLASS = {
    'flat': 'ROAD LANE_PAINT SIDEWALK KERB PAVED YELLOW_PAINT DARK_PAINT RAIL PUDDLE GRAVEL',
    'construction': 'BUILDING WINDOW CORNICE WALL FASCIA ROOF DOOR BARRIER',
    'object': 'POLE SIGN SIGN_RIM SIGNAL_BOX SIGNAL_LENS LAMP',
    'nature': 'TRUNK LEAF GRASS TWIG FIELD HEDGE',
    'sky': 'SKY',
    'human': 'SKIN JACKET TROUSERS BICYCLE HAIR BAG',
    'vehicle': 'CAR_PAINT GLASS UNDERBODY TYRE RIM TAIL_LIGHT HEADLIGHT PLATE CANVAS LETTERING LIVERY',
}


def _class_of_material() -> np.ndarray:
    classes = np.full(len(Material), 255, np.uint8)
    for name, materials in _MATERIALS_OF_CLASS.items():
        for material in materials.split():
            classes[Material[material]] = FLAT7.classes.index(name)
    classes.setflags(write=False)
    return classes


CLASS_OF_MATERIAL = _class_of_material()
"""uint8 [materials]: train id in ``flat7``; 255 = ignored: the own car."""
