# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from miniature_trees import write_camvid

from famda_ros.errors import FamdaError
from famda_train.datasets.catalogue import open_dataset
from famda_train.teachers.mask_teachers import build_mask_teacher


def test_true_instances_become_segments():
    frames = open_dataset('street-world:day')
    teacher = build_mask_teacher('instances')
    segments = teacher.read(frames, 2)
    np.testing.assert_array_equal(segments, frames.instances(2))
    assert segments.dtype == np.uint16 and segments.max() > 1
    assert teacher.identity['kind'] == 'segments' and 'truth' in teacher.identity['note']


def test_an_image_alone_has_none():
    with pytest.raises(FamdaError, match='ground truth'):
        build_mask_teacher('instances')(np.zeros((4, 4, 3), np.uint8))


def test_data_without_instances_are_refused(tmp_path):
    write_camvid(tmp_path)
    with pytest.raises(FamdaError, match='no instances'):
        build_mask_teacher('instances').read(open_dataset(tmp_path), 0)
