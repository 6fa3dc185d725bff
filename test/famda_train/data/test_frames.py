# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.data.frame_folder import FrameFolder
from famda_train.data.frames import AdaptationData, Frames
from famda_train.teachers.labelling import label_frames


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp('frames')
    write_street(folder / 'source', 'synthetic', 3)
    label_frames(FrameFolder(write_street(folder / 'target', 'night', 3)), 'masks', 'felzenszwalb')
    return folder


def test_sample_is_what_is_on_disk(folders):
    sample = Frames(folders / 'source', truth=True)[1]
    folder = FrameFolder(folders / 'source')
    np.testing.assert_array_equal((sample['image'] * 255).round().byte().permute(1, 2, 0), folder.image(1))
    np.testing.assert_array_equal(sample['labels'], folder.labels(1))
    np.testing.assert_array_equal(sample['depth'], folder.depth(1))
    assert torch.isinf(sample['depth']).any()  # sky


def test_metres_are_those_of_the_canonical_focal(folders):
    own = Frames(folders / 'source', truth=True)
    twice = Frames(folders / 'source', focal=2 * own.focal, truth=True)
    torch.testing.assert_close(twice[0]['depth'], 2 * own[0]['depth'])


def test_the_targets_truth_is_never_read(folders):
    sample = Frames(folders / 'target', masks='felzenszwalb')[0]
    assert set(sample) == {'image', 'segments'}


def test_batches_pair_source_and_target(folders):
    data = AdaptationData(str(folders / 'source'), str(folders / 'target'), masks='felzenszwalb', batch_size=2)
    loaders = data.train_dataloader()
    source, target = next(iter(loaders['source'])), next(iter(loaders['target']))
    assert source['image'].shape == target['image'].shape == (2, 3, 32, 64)
    assert data.target.focal == data.source.focal


def test_target_images_are_spread_over_the_folder(folders):
    data = AdaptationData(str(folders / 'source'), str(folders / 'target'))
    assert [len(batch) for batch in data.target_images(2, batch_size=1)] == [1, 1]
    assert sum(map(len, data.target_images(100))) == 3
    with pytest.raises(FamdaError, match='target'):
        AdaptationData(str(folders / 'source')).target_images(4)
