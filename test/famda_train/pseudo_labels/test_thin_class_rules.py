# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_ros.student.label_space import BUILT_IN, CITYSCAPES19, get_label_space
from famda_train.pseudo_labels.thin_class_rules import protection_matrix


def test_every_label_space_has_something_to_protect_and_never_from_itself():
    for space in map(get_label_space, BUILT_IN):
        matrix = protection_matrix(space)
        assert matrix.dtype == torch.bool and matrix.shape == (len(space), len(space))
        assert matrix.any() and not matrix.diagonal().any()
        assert not (matrix & matrix.T).any(), 'two classes cannot survive each other'


def test_rows_are_the_pixels_own_class():
    own, voted = CITYSCAPES19.classes.index('pole'), CITYSCAPES19.classes.index('building')
    matrix = protection_matrix(CITYSCAPES19)
    assert matrix[own, voted] and not matrix[voted, own]
