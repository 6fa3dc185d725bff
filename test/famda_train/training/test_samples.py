# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Samples: what is on disk, at the size and in the metres of the training."""
from __future__ import annotations

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_street import HEIGHT, WIDTH, write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.inspection.dataset_check import check_part
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


def test_frames_of_unknown_focal_among_others_are_taken_to_have_the_first_known_one(source, monkeypatch):
    known = source.frames[0].focal
    frames = [replace(frame, focal=focal) for frame, focal in zip(source.frames, (None, known, 2 * known), strict=True)]
    monkeypatch.setattr(source, 'frames', frames)
    samples = Samples(source, ground_truth=True)
    assert [float(samples[index]['focal']) for index in range(3)] == pytest.approx([known, known, 2 * known])
    assert {float(samples[index]['canonical_focal']) for index in range(3)} == {np.float32(known)}
    np.testing.assert_allclose(samples[2]['depth'], source.depth(2) / 2)
    with pytest.raises(FamdaError, match=r'data\.focal: the focal must be .* not -3'):
        Samples(source, focal=-3.0)


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
    samples = Samples(source, ground_truth=True, cache_gb=2.5 * one / 1e9)
    reads.clear()  # images were looked at already, when it began
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


@pytest.fixture
def labelled(folders, tmp_path):
    """A copy of the target with its stores."""
    shutil.copytree(folders / 'target', tmp_path / 'target')
    return tmp_path / 'target'


def test_an_incomplete_store_is_refused_at_the_start_however_empty(labelled):
    index = labelled / 'teachers' / 'masks-felzenszwalb' / 'index.jsonl'
    lines = index.read_text().splitlines()
    for content, count in (('', 0), (lines[0] + '\n', 1), (None, 0)):
        index.unlink(missing_ok=True) if content is None else index.write_text(content)
        with pytest.raises(FamdaError, match=rf'holds {count} of 2 frames .* run famda label again'):
            Samples(FrameFolder(labelled), masks='felzenszwalb')


def test_a_store_of_other_images_is_refused_until_it_is_labelled_again(labelled):
    first, second = sorted((labelled / 'images').iterdir())
    images = first.read_bytes(), second.read_bytes()
    first.write_bytes(images[1])
    second.write_bytes(images[0])
    with pytest.raises(FamdaError, match=r'made from other images in 2 of 2 frames'):
        Samples(FrameFolder(labelled), depth='street-world')
    assert label_frames(FrameFolder(labelled), 'depth', 'street-world')['labelled'] == 2
    assert 'teacher_depth' in Samples(FrameFolder(labelled), depth='street-world')[1]


def test_a_store_of_another_shape_is_refused_whatever_it_says_of_its_images(labelled):
    store = labelled / 'teachers' / 'masks-felzenszwalb'
    cv2.imwrite(str(store / '000001.png'), np.zeros((64, 32), np.uint16))
    with pytest.raises(FamdaError, match=r'000001\.png. are 32x64 pixels but the image is 64x32'):
        Samples(FrameFolder(labelled), masks='felzenszwalb')


@pytest.mark.parametrize('kind', ['labels', 'depth'])
def test_ground_truth_of_half_the_size_is_used_and_of_another_shape_refused(tmp_path, kind):
    write_street(tmp_path, 'synthetic', 2)
    path = tmp_path / kind / '000001.png'
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), array[::2, ::2])
    assert Samples(FrameFolder(tmp_path), ground_truth=True)[1][kind].shape == (32, 64)
    cv2.imwrite(str(path), array[:, ::2])
    with pytest.raises(FamdaError, match=rf'{kind} .*000001\.png. are 32x32 pixels but the image is 64x32'):
        Samples(FrameFolder(tmp_path), ground_truth=True)


def test_images_that_were_made_smaller_in_place_keep_their_focal_in_widths(tmp_path):
    write_street(tmp_path, 'synthetic', 2)
    before = Samples(FrameFolder(tmp_path), ground_truth=True)[0]
    for path in (tmp_path / 'images').iterdir():
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), None, fx=0.5, fy=0.5))
    after = Samples(FrameFolder(tmp_path), ground_truth=True)[0]
    assert after['focal'] == before['focal'] and after['image'].shape == before['image'].shape
    np.testing.assert_array_equal(after['depth'], before['depth'])
    cv2.imwrite(str(tmp_path / 'images' / '000001.png'), np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(FamdaError, match=r'000001\.png. has 32x32 pixels, which is another shape'):
        Samples(FrameFolder(tmp_path), ground_truth=True)


def test_undefined_ids_are_refused_at_the_start_with_frame_and_label_space(tmp_path):
    write_street(tmp_path, 'synthetic', 3)
    cv2.imwrite(str(tmp_path / 'labels' / '000001.png'), np.full((32, 64), 23, np.uint8))
    with pytest.raises(FamdaError, match=r"frame '000001' .* hold ids 23 that flat7 does not define.*famda doctor"):
        Samples(FrameFolder(tmp_path), ground_truth=True)


@pytest.mark.parametrize(('kind', 'unknown'), [('labels', np.uint8(255)), ('depth', np.uint16(0))])
def test_a_source_that_says_nothing_is_refused(tmp_path, kind, unknown):
    write_street(tmp_path, 'synthetic', 2)
    first, second = sorted((tmp_path / kind).iterdir())
    cv2.imwrite(str(first), np.full((32, 64), unknown))
    Samples(FrameFolder(tmp_path), ground_truth=True)  # one frame may say nothing
    cv2.imwrite(str(second), np.full((32, 64), unknown))
    with pytest.raises(FamdaError, match=rf'no pixel of .* write its {kind} again'):
        Samples(FrameFolder(tmp_path), ground_truth=True)


def test_a_partly_labelled_source_is_its_labelled_frames(tmp_path):
    write_street(tmp_path, 'synthetic', 4)
    for stem in ('000000', '000002'):
        (tmp_path / 'labels' / f'{stem}.png').unlink()
    samples = Samples(FrameFolder(tmp_path), ground_truth=True)
    assert (len(samples), samples.left_out) == (2, 2)
    assert [frame.stem for frame in samples.dataset.frames] == ['000001', '000003']
    np.testing.assert_array_equal(samples[1]['labels'], FrameFolder(tmp_path).labels(3))
    assert len(Samples(FrameFolder(tmp_path))) == 4  # as a target


def test_images_of_several_sizes_need_a_size(tmp_path):
    with FrameFolderWriter(tmp_path, name='two sizes') as writer:
        writer.add('a', np.zeros((32, 64, 3), np.uint8))
        writer.add('b', np.zeros((32, 48, 3), np.uint8))
    with pytest.raises(FamdaError, match='images of 2 sizes'):
        Samples(FrameFolder(tmp_path))
    assert Samples(FrameFolder(tmp_path), size=(32, 16))[1]['image'].shape == (16, 32, 3)
    _, problems, notes = check_part(FrameFolder(tmp_path), 'all')
    assert problems == [] and any('images of 2 sizes' in note for note in notes)
