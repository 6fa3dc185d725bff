# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import os

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.datasets.catalogue import detect_kind, open_dataset
from famda_train.datasets.street_world import StreetWorld
from famda_train.world import render

SMALL = {'frames': 3, 'width': 64, 'height': 32}


def test_frames_are_renderings_of_their_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset('street-world:night', split='val', **SMALL)
    ground_truth = render(200_001, 'night', 64, 32)
    np.testing.assert_array_equal(dataset.image(1), ground_truth.image)
    np.testing.assert_array_equal(dataset.labels(1), ground_truth.labels)
    np.testing.assert_array_equal(dataset.depth(1), ground_truth.depth)
    np.testing.assert_array_equal(dataset.instances(1), ground_truth.instances)
    assert dataset.frames[1].focal == ground_truth.camera.focal
    assert len(dataset) == 3 and dataset.info['label_space'] == 'flat7'
    assert not os.listdir(tmp_path)


def test_open_streets_have_a_focal_of_their_own_and_an_ignored_car():
    dataset = StreetWorld('open', frames=40, width=64, height=48)
    focals = {frame.focal for frame in dataset.frames}
    assert len(focals) == 40 and 'drawn' in dataset.store.name
    for index in (0, 7, 31):
        assert dataset.frames[index].focal == render(index, 'open', 64, 48).camera.focal
    own = [index for index in range(40) if (dataset.labels(index) == IGNORE).any()]
    assert 3 <= len(own) <= 25
    for index in own:
        assert (np.isnan(dataset.depth(index)) == (dataset.labels(index) == IGNORE)).all()
    assert {frame.focal for frame in StreetWorld('open', focal=50.0, **SMALL).frames} == {50.0}


def test_a_frame_is_rendered_once(monkeypatch):
    calls = []
    monkeypatch.setattr('famda_train.datasets.street_world.render', lambda *a: calls.append(a) or render(*a))
    dataset = StreetWorld('day', **SMALL)
    first = dataset.image(2)
    assert dataset.image(2) is first and dataset.labels(2) is not None
    assert len(calls) == 1


def test_splits_share_no_street():
    stems = [frame.stem for split in ('train', 'adapt', 'val') for frame in StreetWorld(split=split, **SMALL).frames]
    assert len(set(stems)) == 9
    later = StreetWorld(split='train', seed=2, **SMALL)
    assert later.frames[0] == StreetWorld(split='train', **SMALL).frames[2]


def test_truth_can_be_withheld():
    dataset = open_dataset('street-world:night', ground_truth=False, **SMALL)
    assert dataset.label_space is None and not dataset.has('depth')
    with pytest.raises(FamdaError, match='has no labels'):
        dataset.labels(0)


@pytest.mark.parametrize(
    ('path', 'options', 'sentence'),
    [
        ('street-world:dusk', {}, 'dusk.*choose one of'),
        ('street-world:day', {'split': 'test'}, 'choose one of train, adapt, val'),
        ('street-world:day', {'frames': 0}, '1 to 100000 frames'),
        ('street-world:day', {'seed': 99_999, 'frames': 2}, '1 to 100000 frames'),
        ('street-world:day', {'label_space': 'synthia16'}, 'take flat7'),
    ],
)
def test_what_cannot_be_rendered_is_one_sentence(path, options, sentence):
    assert detect_kind(path) == 'street-world'
    with pytest.raises(FamdaError, match=sentence):
        open_dataset(path, **options)


def test_teachers_outputs_of_another_size_lie_elsewhere():
    stores = {StreetWorld('day', width=width, height=32).store for width in (64, 96)} | {StreetWorld('night').store}
    assert len(stores) == 3


def test_memory_is_limited_and_a_frame_is_rendered_once_while_it_is_read(monkeypatch):
    calls = []
    monkeypatch.setattr('famda_train.datasets.street_world.render', lambda *a: calls.append(a[0]) or render(*a))
    monkeypatch.setattr('famda_train.datasets.street_world.MOST_KEPT_BYTES', 64 * 32 * 15)  # one frame: 10 B per pixel
    dataset = StreetWorld('day', **SMALL)
    for index in (0, 1, 2, 0, 1):
        assert dataset.image(index) is not None and dataset.labels(index) is not None
    assert calls == [0, 1, 2, 1]
