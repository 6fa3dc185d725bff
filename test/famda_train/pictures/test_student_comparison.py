# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison of students for the front page."""
import numpy as np
import pytest
from picture_rows import picture_rows
from PIL import Image

from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import VKITTI8
from famda_train.pictures.grid import MARGIN
from famda_train.pictures.student_comparison import OUTPUTS, comparison_picture, present_classes, write_comparison


@pytest.fixture
def rows():
    return picture_rows(OUTPUTS)


def test_the_comparison_holds_upsampled_pictures(rows, tmp_path):
    picture = comparison_picture(rows, VKITTI8, cell_width=80)
    mask = color_mask(rows[0]['ground_truth']['labels'], VKITTI8).repeat(2, axis=0).repeat(2, axis=1)
    right = picture[:, -(MARGIN + 80) : -MARGIN]
    assert any(np.array_equal(right[top : top + 48], mask) for top in range(len(right) - 48))
    write_comparison(tmp_path / 'night.png', rows, VKITTI8)
    write_comparison(tmp_path / 'night.png', rows, VKITTI8)
    assert Image.open(tmp_path / 'night.png').format == 'PNG'
    assert [path.name for path in tmp_path.iterdir()] == ['night.png']


def test_photographs_can_be_left_out(rows):
    students = comparison_picture(rows, VKITTI8, cell_width=80, columns=('source_only', 'famda'))
    assert students.shape[1] == 2 * MARGIN + 2 * 80 + 6
    flat = students.reshape(-1, 3)
    assert not any((flat == pixel).all(-1).any() for pixel in rows[0]['image'][0, :5])


def test_only_classes_that_occur_are_in_the_legend(rows):
    assert present_classes(rows, VKITTI8) == [0, 1, 2, 3]
