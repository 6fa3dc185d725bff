# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Samples: what is on disk, at the size and in the metres of the training."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_street import HEIGHT, WIDTH, write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.labelling.labelling import label_frames
from famda_train.losses.geometry import normals_from_depth
from famda_train.training.samples import Samples, crop


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp('samples')
    write_street(folder / 'source', 'synthetic', 3)
    target = FrameFolder(write_street(folder / 'target', 'night', 2))
    for role, name in (('masks', 'felzenszwalb'), ('depth', 'street-world'), ('depth', 'street-world-relative')):
        label_frames(target, role, name)
    return folder


@pytest.fixture(scope='module')
def source(folders):
    return FrameFolder(folders / 'source')


@pytest.fixture(scope='module')
def target(folders):
    return FrameFolder(folders / 'target')


def test_sample_is_what_is_on_disk(source):
    sample = Samples(source, ground_truth=True)[1]
    np.testing.assert_array_equal(sample['image'], source.image(1))
    np.testing.assert_array_equal(sample['labels'], source.labels(1))
    np.testing.assert_array_equal(sample['depth'], source.depth(1))
    assert np.isinf(sample['depth']).any()  # sky
    assert sample['focal'] == sample['canonical_focal'] == np.float32(source.frames[1].focal)


@pytest.mark.parametrize(('size', 'factor'), [((32, 16), 0.5), ((128, 64), 2.0)])
def test_resizing_scales_the_camera_and_keeps_the_metres(source, size, factor):
    own, resized = Samples(source, ground_truth=True)[0], Samples(source, size, ground_truth=True)[0]
    assert resized['image'].shape == (size[1], size[0], 3) and resized['labels'].shape == size[::-1]
    assert resized['focal'] == pytest.approx(factor * own['focal'])
    np.testing.assert_allclose(resized['centre'] + 0.5, factor * (own['centre'] + 0.5))
    assert set(np.unique(resized['depth'])) <= set(np.unique(own['depth']))  # nearest: no depth in between
    assert set(np.unique(resized['labels'])) <= set(np.unique(own['labels']))
    if factor < 1:
        area = cv2.resize(source.image(0), size, interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(resized['image'], area)


@given(st.floats(0.3, 3.0))
def test_metres_are_those_of_the_canonical_focal(source, factor):
    """A camera of twice the focal length sees things as large as the canonical one at half the distance."""
    own = Samples(source, ground_truth=True)
    other = Samples(source, focal=factor * own.focal, ground_truth=True)[0]
    np.testing.assert_allclose(other['depth'], factor * own[0]['depth'], rtol=1e-5)
    assert other['canonical_focal'] == pytest.approx(factor * other['focal'], rel=1e-5)


def test_an_unknown_focal_length_is_taken_to_be_the_canonical_one(source, monkeypatch):
    unknown = [frame.__class__(**{**vars(frame), 'focal': None}) for frame in source.frames]
    monkeypatch.setattr(source, 'frames', unknown)
    sample = Samples(source, focal=30.0, ground_truth=True)[0]
    assert sample['focal'] == sample['canonical_focal'] == 30.0
    np.testing.assert_array_equal(sample['depth'], source.depth(0))
    assert Samples(source).focal is None
    assert Samples(source)[0]['focal'] > 0


def test_outputs_of_teachers(target):
    metric = Samples(target, masks='felzenszwalb', depth='street-world')
    assert {'image', 'segments', 'teacher_depth'} <= set(metric[0]) and 'labels' not in metric[0]
    assert metric[0]['segments'].dtype == np.int32 and metric[0]['segments'].max() > 0
    twice = Samples(target, focal=2 * metric.focal, depth='street-world')
    np.testing.assert_allclose(twice[0]['teacher_depth'], 2 * metric[0]['teacher_depth'], rtol=1e-5)
    names = {role: identity['name'] for role, identity in metric.teacher_identities.items()}
    assert names == {'masks': 'felzenszwalb', 'depth': 'street-world'}


def test_a_relative_teacher_has_no_metres_to_scale(target):
    own = Samples(target, depth='street-world-relative')
    twice = Samples(target, focal=2 * own.focal, depth='street-world-relative')
    assert 'teacher_depth' not in own[0]
    np.testing.assert_array_equal(own[0]['teacher_disparity'], twice[0]['teacher_disparity'])


def test_the_targets_truth_is_never_read(target, monkeypatch):
    for ground_truth in ('labels', 'depth'):
        monkeypatch.setattr(target, ground_truth, lambda _: pytest.fail('the ground truth was read'))
    assert not {'labels', 'depth'} & set(Samples(target, masks='felzenszwalb')[0])


def test_memory_is_limited_and_reading_twice_gives_the_same(source, monkeypatch):
    reads = []
    image = source.image
    monkeypatch.setattr(source, 'image', lambda index: (reads.append(index), image(index))[1])
    one = sum(array.nbytes for array in Samples(source, ground_truth=True)[0].values())
    reads.clear()
    samples = Samples(source, ground_truth=True, cache_gb=2.5 * one / 1e9)
    first = [samples[i] for i in range(3)]
    again = [samples[i] for i in range(3)]
    assert reads == [0, 1, 2, 2]
    for a, b in zip(first, again, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_a_crop_moves_the_principal_point_and_keeps_the_geometry(source):
    sample = Samples(source, ground_truth=True)[0]
    part = crop(sample, 10, 4, (30, 20))
    np.testing.assert_array_equal(part['image'], sample['image'][4:24, 10:40])
    np.testing.assert_array_equal(part['centre'], sample['centre'] - [10, 4])
    assert part['focal'] == sample['focal']
    assert sample['image'].shape == (HEIGHT, WIDTH, 3)

    def normals(arrays):
        import torch

        tensors = (torch.from_numpy(np.array(arrays[key]))[None] for key in ('depth', 'focal'))
        return normals_from_depth(*tensors, *torch.from_numpy(arrays['centre'])[None].T).numpy()[0]

    # Apart from the border, where neighbours are missing, surfaces point where they did.
    np.testing.assert_allclose(
        normals(part)[:, 2:-2, 2:-2], normals(sample)[:, 6:22, 12:38], atol=1e-4, equal_nan=True
    )


def test_what_cannot_be_trained_on_is_refused(folders, source):
    write_street(folders / 'bare', 'night', 1, truth=False)
    with pytest.raises(FamdaError, match='has no labels'):
        Samples(FrameFolder(folders / 'bare'), ground_truth=True)
    with pytest.raises(FamdaError, match='famda label'):
        Samples(source, masks='felzenszwalb')


def test_labels_without_depth_give_unknown_depth(tmp_path):
    write_street(tmp_path, 'synthetic', 1)
    (tmp_path / 'depth' / '000000.png').unlink()
    assert np.isnan(Samples(FrameFolder(tmp_path), ground_truth=True)[0]['depth']).all()
