# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import shutil

import numpy as np
import pytest
from miniature_trees import write_acdc, write_camvid, write_cityscapes, write_gta5
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.catalogue import KINDS, detect_kind, open_dataset
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter, write_png


def test_a_frame_folder_is_a_data_set(tmp_path):
    dataset = open_dataset(write_street(tmp_path / 'night', 'night', 2))
    assert isinstance(dataset, FrameFolder) and dataset.store == dataset.path
    dataset.require('labels', 'depth', 'instances')
    assert len(list(dataset.images(5))) == 2


def test_a_frame_folder_is_projected(tmp_path):
    with FrameFolderWriter(tmp_path / 'city', name='city', label_space='cityscapes19') as writer:
        writer.add('0', np.zeros((1, 4, 3), np.uint8), labels=np.array([[0, 1, 13, 255]], np.uint8))
    dataset = open_dataset(tmp_path / 'city', label_space='flat7')
    assert dataset.labels(0).tolist() == [[0, 0, 6, 255]]
    assert dataset.label_space is not None and dataset.label_space.name == 'flat7'
    with pytest.raises(FamdaError, match='cannot be turned into camvid11'):
        open_dataset(tmp_path / 'city', label_space='camvid11')


def test_a_label_space_means_nothing_to_an_unlabelled_folder(tmp_path):
    folder = write_street(tmp_path / 'night', 'night', 1, truth=False)
    assert open_dataset(folder, label_space='cityscapes19').label_space is None


def test_options_reach_the_data_set(tmp_path):
    write_acdc(tmp_path, 1)
    assert len(open_dataset(tmp_path, split='val', condition='fog')) == 1
    with pytest.raises(FamdaError, match="acdc has no option 'time'; it takes split, label_space, condition"):
        open_dataset(tmp_path, time='night')


def test_a_frame_folder_has_no_splits(tmp_path):
    with pytest.raises(FamdaError, match="kind frame-folder has no option 'split'"):
        open_dataset(write_street(tmp_path / 'night', 'night', 1), split='val')


def test_an_unknown_kind_lists_the_known_ones(tmp_path):
    with pytest.raises(FamdaError, match=r'kitti.*street-world, frame-folder.*gta5'):
        open_dataset(tmp_path, 'kitti')


def bare(folder):
    write_png(folder / 'a.png', np.zeros((2, 2, 3), np.uint8))


def bare_below(folder):
    (folder / 'images').mkdir()
    bare(folder / 'images')


def nested(folder):
    write_cityscapes(folder / 'cityscapes', 1)


def half_of_cityscapes(folder):
    write_cityscapes(folder, 1)
    shutil.rmtree(folder / 'leftImg8bit')


def half_of_gta5(folder):
    write_gta5(folder, 1)
    shutil.rmtree(folder / 'labels')


def unfinished(folder):
    write_street(folder, 'night', 1)
    (folder / 'frames.jsonl').unlink()


@pytest.mark.parametrize(
    ('make', 'sentence'),
    [
        (lambda folder: folder.rmdir(), 'is no folder; give the root'),
        (lambda folder: None, 'laid out like none of the known data sets'),
        (bare, r'bare images without a dataset\.yaml; make a frame folder'),
        (bare_below, r'images. holds bare images without a dataset\.yaml'),
        (nested, r"did you mean '.*/cityscapes'\?"),
        (half_of_cityscapes, r'looks like cityscapes \(gtFine/\), but leftImg8bit/ is missing'),
        (half_of_gta5, r'looks like gta5 \(images/00001\.png\), but labels/ is missing; unpack it there'),
        (unfinished, r'no frames\.jsonl, so it was never finished'),
    ],
    ids=['missing', 'empty', 'bare images', 'bare images below', 'one level up', 'half of cityscapes', 'half of gta5',
         'unfinished'],
)
def test_what_is_no_data_set_gets_a_helpful_sentence(tmp_path, make, sentence):
    folder = tmp_path / 'data'
    folder.mkdir()
    make(folder)
    with pytest.raises(FamdaError, match=sentence) as error:
        open_dataset(folder)
    assert '\n' not in str(error.value)


def test_camvid_is_told_from_a_frame_folder(tmp_path):
    write_camvid(tmp_path / 'camvid')
    with FrameFolderWriter(tmp_path / 'folder', name='camvid', label_space='camvid11') as writer:
        writer.add('0', np.zeros((1, 1, 3), np.uint8))
    assert (detect_kind(tmp_path / 'camvid'), detect_kind(tmp_path / 'folder')) == ('camvid', 'frame-folder')
    assert set(KINDS) >= {'camvid', 'frame-folder'}
