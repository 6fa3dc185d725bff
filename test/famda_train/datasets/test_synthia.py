# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from miniature_trees import WIDTH, put, write_synthia

from famda_ros.errors import FamdaError
from famda_train.datasets.synthia import Synthia


@pytest.mark.parametrize('labels', ['GT/LABELS', 'parsed_LABELS'])
@pytest.mark.parametrize('depth', ['Depth/Depth', 'Depth'])
def test_both_layouts_of_labels_and_of_depth(tmp_path, labels, depth):
    written = write_synthia(tmp_path, 1, labels, depth)['0000000']
    dataset = Synthia(tmp_path)
    np.testing.assert_array_equal(dataset.raw_ids(0), written.ids)
    metres = dataset.depth(0)
    assert metres.dtype == np.float32
    np.testing.assert_array_equal(np.isposinf(metres), np.isposinf(written.depth))
    known = np.isfinite(metres)
    np.testing.assert_allclose(metres[known], written.depth[known], atol=0.00501)
    assert dataset.frames[0].focal == pytest.approx(532.740352 * WIDTH / 1280)


def test_labels_of_eight_bits_have_lost_their_classes(tmp_path):
    ground_truth = write_synthia(tmp_path, 1)['0000000']
    put(tmp_path / 'GT' / 'LABELS' / '0000000.png', np.stack([ground_truth.ids] * 3, -1))
    with pytest.raises(FamdaError, match='red channel of 16 bits'):
        Synthia(tmp_path).labels(0)


def test_ids_beyond_eight_bits_are_unknown_and_not_wrapped(tmp_path):
    write_synthia(tmp_path, 1)
    ids = np.zeros((32, 64, 3), np.uint16)
    ids[0, :3, 0] = 256 + 3, 40, 3
    put(tmp_path / 'GT' / 'LABELS' / '0000000.png', ids)
    dataset = Synthia(tmp_path)
    with pytest.raises(FamdaError, match='hold ids 40, 255 that SYNTHIA'):
        dataset.labels(0)
