# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.checks import (
    check_files,
    check_ground_truth,
    check_ids,
    check_view,
    checked_image,
    file_faults,
    header_size,
    sample_indices,
    says_something,
)
from famda_train.datasets.frame_folder import FrameFolder, write_png
from famda_train.datasets.street_world import StreetWorld


@pytest.fixture
def folder(tmp_path):
    return FrameFolder(write_street(tmp_path, 'day', 3))


def test_a_good_folder_passes_every_check(folder):
    check_files(folder, ('labels', 'depth', 'instances'))
    for kind in ('labels', 'depth'):
        check_ground_truth(folder, kind)
    assert checked_image(folder, 1, whole=True).shape == (32, 64, 3)
    assert header_size(folder.image_path(0)) == (64, 32)
    check_files(StreetWorld('day', frames=1, width=64, height=32), ('labels',))  # on no disk


def test_files_are_looked_at_before_their_content_is_needed(folder):
    folder.image_path(1).unlink()
    assert file_faults(folder) == [f"1 images are missing (the first: '{folder.image_path(1)}'); copy them again"]
    folder.image_path(1).write_bytes(b'no picture')
    write_png(folder.path / 'labels' / '000002.png', np.zeros((32, 32), np.uint8))
    first, second = file_faults(folder, ('labels',))
    assert '000001.png' in first and '000002.png' in second and '32x32 pixels but the image is 64x32' in second
    with pytest.raises(FamdaError, match=r'000001\.png.*1 more faults: famda doctor'):
        check_files(folder, ('labels',))


def test_ids_are_those_that_are_known():
    check_ids(np.array([[0, 3, 255]], np.uint8), [0, 3, 255], 'frame x', 'flat7')
    with pytest.raises(FamdaError, match='labels of frame x hold ids 4, 9 that flat7 does not define'):
        check_ids(np.array([[0, 4, 9]], np.uint8), [0], 'frame x', 'flat7')


def test_a_layer_may_be_finer_or_coarser_than_its_image():
    image = np.zeros((32, 64, 3), np.uint8)
    for shape in ((32, 64), (16, 32), (64, 128)):
        check_view(np.zeros(shape), image, 'depth', 'a.png')
    with pytest.raises(FamdaError, match=r"depth 'a\.png' are 32x64 pixels but the image is 64x32"):
        check_view(np.zeros((64, 32)), image, 'depth', 'a.png')


def test_ground_truth_is_read_until_it_says_something(folder):
    for index in (0, 2):
        write_png(folder.path / 'labels' / f'00000{index}.png', np.full((32, 64), 255, np.uint8))
    check_ground_truth(folder, 'labels', frames=2)  # the frames that are sampled say nothing, another one does
    write_png(folder.path / 'labels' / '000001.png', np.full((32, 64), 255, np.uint8))
    with pytest.raises(FamdaError, match=r'no pixel of .* is labelled'):
        check_ground_truth(folder, 'labels', frames=2)
    assert not says_something('depth', np.array([[np.nan, np.inf]])) and says_something('depth', np.array([[1.0]]))


def test_the_sample_is_spread_evenly():
    assert sample_indices(5, 0) == sample_indices(5, 9) == [0, 1, 2, 3, 4]
    assert sample_indices(101, 5) == [0, 25, 50, 75, 100]
    assert sample_indices(0, 5) == []
    with pytest.raises(FamdaError, match=r'0 \(all\) or more'):
        sample_indices(5, -1)
