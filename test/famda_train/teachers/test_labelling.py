# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.data.frame_folder import FrameFolder
from famda_train.data.label_store import LabelStore
from famda_train.teachers.labelling import label_frames


def test_interrupted_labelling_goes_on_and_ends_with_the_same_bytes(tmp_path):
    whole = FrameFolder(write_street(tmp_path / 'whole', 'night', 4))
    cut = FrameFolder(write_street(tmp_path / 'cut', 'night', 4))
    assert label_frames(whole, 'masks', 'felzenszwalb')['labelled'] == 4

    def two_only(items):
        yield from items[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_frames(cut, 'masks', 'felzenszwalb', two_only)
    assert label_frames(cut, 'masks', 'felzenszwalb') == {'teacher': 'felzenszwalb', 'labelled': 2, 'kept': 2}
    store = 'teachers/masks-felzenszwalb'
    for name in ('000000.png', '000003.png', 'index.jsonl', 'teacher.json'):
        assert (whole.path / store / name).read_bytes() == (cut.path / store / name).read_bytes()


def test_depth_is_metres_of_the_frames_own_camera(tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 2))
    label_frames(folder, 'depth', 'street-world')
    store = LabelStore.open(folder.path, 'depth', 'street-world')
    depth, truth = store.read_depth('000000'), folder.depth(0)
    near = np.isfinite(truth) & (truth < 80)
    error = np.abs(depth[near] - truth[near]) / truth[near]
    assert store.kind == 'depth' and error.mean() < 0.35


@pytest.mark.parametrize('role', ['masks', 'depth'])
def test_unknown_teacher(tmp_path, role):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 1))
    with pytest.raises(FamdaError, match=r"unknown .* teacher 'sam9'; choose one of"):
        label_frames(folder, role, 'sam9')
