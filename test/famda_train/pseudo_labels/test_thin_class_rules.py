# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_ros.student.label_space import CAMVID11, CITYSCAPES19, LABEL_SPACES
from famda_train.pseudo_labels.thin_class_rules import SURVIVES, protection_matrix


def test_every_name_of_the_table_is_a_class_of_some_label_space():
    known = {name for space in LABEL_SPACES.values() for name in space.classes}
    assert set(SURVIVES) <= known
    assert {voted for row in SURVIVES.values() for voted in row} <= known


def test_every_label_space_has_something_to_protect_and_never_from_itself():
    for space in LABEL_SPACES.values():
        matrix = protection_matrix(space)
        assert matrix.dtype == torch.bool and matrix.shape == (len(space), len(space))
        assert matrix.any() and not matrix.diagonal().any()
        assert not (matrix & matrix.T).any(), 'two classes cannot survive each other'


def test_rows_are_the_pixels_own_class():
    own, voted = CITYSCAPES19.classes.index('pole'), CITYSCAPES19.classes.index('building')
    matrix = protection_matrix(CITYSCAPES19)
    assert matrix[own, voted] and not matrix[voted, own]


def test_unknown_names_are_left_out():
    matrix = protection_matrix(CAMVID11, {'pole': ('building', 'moon'), 'unicorn': ('road',)})
    assert matrix.nonzero().tolist() == [[CAMVID11.classes.index('pole'), CAMVID11.classes.index('building')]]
