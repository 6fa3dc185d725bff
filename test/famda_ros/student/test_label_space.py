# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Label spaces."""

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import CITYSCAPES19, IGNORE, LABEL_SPACES, LabelSpace, get_label_space


@pytest.mark.parametrize('space', LABEL_SPACES.values(), ids=str)
def test_the_number_in_the_name_is_the_number_of_classes(space):
    assert space.name.endswith(str(len(space)))
    assert get_label_space(space.name) is space
    assert len(space) <= IGNORE


@pytest.mark.parametrize('space', LABEL_SPACES.values(), ids=str)
def test_the_palette_tells_classes_apart_and_leaves_ignore_black(space):
    palette = space.palette()
    assert (palette.shape, palette.dtype) == ((256, 3), np.uint8)
    assert not palette[len(space) :].any()
    assert len({tuple(color) for color in palette[: len(space)].tolist()}) == len(space)
    assert palette[: len(space)].any(axis=1).all()


@pytest.mark.parametrize('name', ['synthia16', 'synthia13'])
def test_synthia_keeps_the_order_and_colours_of_cityscapes(name):
    space = get_label_space(name)
    positions = [CITYSCAPES19.classes.index(c) for c in space.classes]
    assert positions == sorted(positions)
    assert space.colors == tuple(CITYSCAPES19.colors[i] for i in positions)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(FamdaError, match=r'cityscapes20.*vkitti8'):
        get_label_space('cityscapes20')


@pytest.mark.parametrize(
    'classes, colors', [(('a', 'b'), ((1, 2, 3),)), (('a', 'a'), ((1, 2, 3), (4, 5, 6)))], ids=['short', 'twice']
)
def test_malformed_spaces_are_refused(classes, colors):
    with pytest.raises(ValueError, match='bad'):
        LabelSpace('bad', classes, colors)
