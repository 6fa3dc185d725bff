# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from miniature_trees import WIDTH, put, write_vkitti2

from famda_ros.errors import FamdaError
from famda_train.datasets.vkitti2 import VirtualKitti2


def test_the_default_is_what_densemtl_trains_on(tmp_path):
    written = write_vkitti2(tmp_path)
    stems = [frame.stem for frame in VirtualKitti2(tmp_path).frames]
    assert stems[0] == 'Scene01_15-deg-left_Camera_0_00000'
    assert stems == [stem for stem in written if '15-deg-left' in stem]


def test_conditions_and_cameras_are_chosen(tmp_path):
    write_vkitti2(tmp_path, 1, cameras=('Camera_0', 'Camera_1'))
    dataset = VirtualKitti2(tmp_path, conditions=['fog', '15-deg-left'], cameras=['Camera_1'])
    assert len(dataset) == 4 and all('Camera_1' in frame.stem for frame in dataset.frames)
    with pytest.raises(FamdaError, match=r'no folder Scene01/rain/'):
        VirtualKitti2(tmp_path, conditions=['rain'])


def test_depth_is_metres_and_the_sky_beyond_range(tmp_path):
    written = write_vkitti2(tmp_path, 1, scenes=('Scene02',))
    dataset = VirtualKitti2(tmp_path)
    metres, true = dataset.depth(0), written[dataset.frames[0].stem].depth
    np.testing.assert_array_equal(np.isposinf(metres), np.isposinf(true))
    np.testing.assert_allclose(metres[np.isfinite(true)], true[np.isfinite(true)], atol=0.00501)
    assert dataset.frames[0].focal == pytest.approx(725.0087 * WIDTH / 1242)


def test_a_colour_without_a_class_is_refused(tmp_path):
    write_vkitti2(tmp_path, 1, scenes=('Scene01',))
    dataset = VirtualKitti2(tmp_path)
    path = dataset.ground_truth_path('labels', 0)
    put(path, np.full((32, 64, 3), (100, 60, 101), np.uint8))
    with pytest.raises(FamdaError, match='hold an id or colour that Virtual KITTI 2 does not define'):
        dataset.labels(0)
    put(path, np.full((32, 64), 5, np.uint8))
    with pytest.raises(FamdaError, match='take classSegmentation'):
        dataset.labels(0)
