# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from miniature_trees import BASELINE, FOCAL, WIDTH, write_cityscapes

from famda_ros.errors import FamdaError
from famda_train.datasets.cityscapes import DEFAULT_BASELINE, DEFAULT_FOCAL, Cityscapes


def test_depth_is_that_of_the_disparity(tmp_path):
    written = write_cityscapes(tmp_path, 1)
    dataset = Cityscapes(tmp_path, 'val')
    metres, true = dataset.depth(0), written[dataset.frames[0].stem].depth
    assert metres.dtype == np.float32 and not np.isinf(metres).any()
    known = np.isfinite(metres)
    assert known[np.isfinite(true) & (true > 5)].all() and not known[np.isposinf(true)].any()
    # Half a step of the stored disparity, 1 / 512 pixel, in metres at that depth.
    allowed = true[known] ** 2 / (BASELINE * FOCAL) / 500
    assert (np.abs(metres[known] - true[known]) <= allowed).all()
    assert dataset.frames[0].focal == pytest.approx(FOCAL * WIDTH / 2048)


def test_the_usual_camera_stands_in_for_a_missing_one(tmp_path):
    write_cityscapes(tmp_path / 'with', 1)
    write_cityscapes(tmp_path / 'without', 1, cameras=False)
    own, usual = Cityscapes(tmp_path / 'with', 'val'), Cityscapes(tmp_path / 'without', 'val')
    assert usual.frames[0].focal == pytest.approx(DEFAULT_FOCAL * WIDTH / 2048)
    factor = DEFAULT_FOCAL * DEFAULT_BASELINE / (FOCAL * BASELINE)
    np.testing.assert_allclose(usual.depth(0), own.depth(0) * factor, rtol=1e-5)


@pytest.mark.parametrize('text', ['', '{}', '{"intrinsic": {"fx": "wide"}, "extrinsic": {"baseline": 1}}', '[]'])
def test_a_damaged_camera_file_is_named(tmp_path, text):
    write_cityscapes(tmp_path, 1)
    next((tmp_path / 'camera' / 'val').rglob('*.json')).write_text(text)
    with pytest.raises(FamdaError, match=r'_camera\.json.*damaged'):
        Cityscapes(tmp_path, 'val')


def test_the_empty_labels_of_the_test_split_are_no_labels(tmp_path):
    write_cityscapes(tmp_path, 1)
    assert list((tmp_path / 'gtFine' / 'test').rglob('*_labelIds.png'))
    assert not Cityscapes(tmp_path, 'test').has('labels')
