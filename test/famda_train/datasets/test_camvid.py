# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from miniature_trees import write_camvid

from famda_ros.errors import FamdaError
from famda_train.datasets.camvid import CamVid
from famda_train.datasets.catalogue import open_dataset

SHARED = Path(__file__).resolve().parents[4] / 'shared' / 'data' / 'camvid'
needs_camvid = pytest.mark.skipif(not SHARED.is_dir(), reason='CamVid is not beside this checkout (../shared/data)')


def test_splits_are_folders_and_some_have_no_labels(tmp_path):
    write_camvid(tmp_path)
    assert list(CamVid.parts(tmp_path)) == ['day_train', 'day_val', 'dusk_adapt', 'dusk_val']
    labelled = [split for split in CamVid.parts(tmp_path) if open_dataset(tmp_path, split=split).has('labels')]
    assert labelled == ['day_train', 'day_val', 'dusk_val']
    assert open_dataset(tmp_path, split='dusk_adapt').label_space is None


def test_every_nth_image_and_an_estimated_focal_length(tmp_path):
    write_camvid(tmp_path)
    whole = open_dataset(tmp_path, split='day_train')
    part = open_dataset(tmp_path, split='day_train', every=2, focal=1.5)
    assert [frame.stem for frame in part.frames] == [frame.stem for frame in whole.frames][::2]
    assert part.frames[0].focal == 1.5 * part.image(0).shape[1] and whole.frames[0].focal is None
    assert np.array_equal(part.labels(0), whole.labels(0))


@pytest.mark.parametrize(('options', 'sentence'), [({'every': 0}, 'every must be 1'), ({'focal': 0.0}, 'focal must')])
def test_impossible_options_are_refused(tmp_path, options, sentence):
    write_camvid(tmp_path)
    with pytest.raises(FamdaError, match=sentence):
        open_dataset(tmp_path, split='day_train', **options)


def test_a_label_space_that_stands_twice_is_refused(tmp_path):
    write_camvid(tmp_path)
    with (tmp_path / 'dataset.yaml').open('a') as file:
        file.write('label_space: street7\n')
    with pytest.raises(FamdaError, match=r"dataset\.yaml' is damaged \('label_space' stands twice.*write it again"):
        open_dataset(tmp_path, split='day_train')


@needs_camvid
@pytest.mark.parametrize(
    ('split', 'frames', 'labelled'),
    [('day_train', 305, True), ('day_val', 101, True), ('dusk_adapt', 62, False), ('dusk_val', 20, True)],
)
def test_the_real_frames(split, frames, labelled):
    dataset = open_dataset(SHARED, split=split)
    assert (len(dataset), dataset.has('labels'), dataset.frames[0].focal) == (frames, labelled, None)
    assert dataset.image(frames - 1).shape == (360, 480, 3)
    if labelled:
        labels = dataset.labels(0)
        assert labels.shape == (360, 480)
        assert set(np.unique(labels)) <= {*range(11), 255}
        assert (labels[-60:] == 3).mean() > 0.4  # road lies in front of the car
        flat = open_dataset(SHARED, split=split, label_space='flat7').labels(0)
        assert ((flat == 0) == ((labels == 3) | (labels == 4))).all()
