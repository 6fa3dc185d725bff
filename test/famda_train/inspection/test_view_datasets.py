# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

import numpy as np
import pytest
from small_street import write_labelled_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.inspection.view_datasets import dataset_source, store_source
from famda_train.inspection.viewing import Faults
from famda_train.label_store.label_store import LabelStore


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_labelled_street(tmp_path_factory.mktemp('view') / 'street', 'night', 3)


def test_a_folder_with_ground_truth_and_stores(street):
    faults = Faults()
    source, folder = dataset_source(street, faults), FrameFolder(street)
    assert source.parts == {
        'ground_truth': ('labels', 'depth'), 'masks-felzenszwalb': ('segments',), 'depth-street-world': ('depth',),
    }  # fmt: skip
    assert source.total == 3 and source.spaces == {'ground_truth': folder.label_space}
    frames = list(source.frames)
    for index, frame in enumerate(frames):
        stem = folder.frames[index].stem
        assert frame.name == stem and frame.intrinsics.fx == folder.frames[index].focal
        np.testing.assert_array_equal(frame.image, folder.image(index))
        np.testing.assert_array_equal(frame.layers['ground_truth'].labels, folder.labels(index))
        np.testing.assert_array_equal(frame.layers['ground_truth'].depth, folder.depth(index))
        masks = LabelStore.open(street, 'masks', 'felzenszwalb').read_segments(stem)
        np.testing.assert_array_equal(frame.layers['masks-felzenszwalb'].segments, masks)
        depth = LabelStore.open(street, 'depth', 'street-world').read_depth(stem)
        np.testing.assert_array_equal(frame.layers['depth-street-world'].depth, depth)
    assert len(frames) == 3 and faults == Faults()


def test_partly_labelled_folders_and_damaged_frames(street, tmp_path):
    shutil.copytree(street, tmp_path / 'partly')
    first, second, third = FrameFolder(street).frames
    (tmp_path / 'partly' / 'labels' / f'{first.stem}.png').unlink()
    (tmp_path / 'partly' / second.image).write_bytes(b'broken')
    faults = Faults()
    frames = list(dataset_source(tmp_path / 'partly', faults).frames)
    assert [frame.name for frame in frames] == [first.stem, third.stem]
    assert frames[0].layers['ground_truth'].labels is None and frames[0].layers['ground_truth'].depth is not None
    (sentence,) = faults.malformed
    assert str(second.image) in sentence


def test_a_store_alone(street, tmp_path):
    source = store_source(street / 'teachers' / 'masks-felzenszwalb', Faults())
    assert source.parts == {'masks-felzenszwalb': ('segments',)} and source.total == 3
    assert all(set(frame.layers) == {'masks-felzenszwalb'} for frame in source.frames)
    shutil.copytree(street, tmp_path / 'street')
    store = tmp_path / 'street' / 'teachers' / 'depth-street-world'
    lines = (store / 'index.jsonl').read_text().splitlines(keepends=True)
    (store / 'index.jsonl').write_text(lines[1])
    (frame,) = store_source(store, Faults()).frames
    assert frame.name == FrameFolder(street).frames[1].stem
    (store / 'index.jsonl').write_text('')
    with pytest.raises(FamdaError, match='has no entry of the frames'):
        store_source(store, Faults())
    with pytest.raises(FamdaError, match='is no label store; give a folder such as FRAMES/teachers/masks-'):
        store_source(street, Faults())


def test_disparity_is_a_picture(street, tmp_path):
    shutil.copytree(street, tmp_path / 'street')
    store = LabelStore.create(tmp_path / 'street', 'depth', {'name': 'relative', 'kind': 'disparity'})
    folder = FrameFolder(street)
    for index, record in enumerate(folder.frames):
        store.write_depth(record.stem, 1 / folder.depth(index))
    source = store_source(tmp_path / 'street' / 'teachers' / 'depth-relative', Faults())
    assert source.parts == {'depth-relative': ('picture',)}
    picture = next(source.frames).layers['depth-relative'].picture
    assert picture.dtype == np.uint8 and picture.shape == folder.image(0).shape
