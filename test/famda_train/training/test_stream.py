# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Streams: place n is the same sample whoever asks, in whatever order."""
from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_street import write_street

from famda_train.datasets.frame_folder import FrameFolder
from famda_train.training.samples import Samples
from famda_train.training.stream import SOURCE, TARGET, InOrder, Places, Stream, loader, to_tensors

CROP = (24, 16)


@pytest.fixture(scope='module')
def samples(tmp_path_factory):
    return Samples(FrameFolder(write_street(tmp_path_factory.mktemp('stream'), 'synthetic', 4)), ground_truth=True)


def stream(samples, seed=1, number=SOURCE):
    return Stream(samples, seed, number, crop_size=CROP)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_place_is_the_same_sample_in_any_order(samples):
    forwards = [stream(samples)[place] for place in range(8)]
    fresh = stream(samples)
    backwards = [fresh[place] for place in reversed(range(8))][::-1]
    assert all(map(equal, forwards, backwards))
    assert [int(sample['place']) for sample in forwards] == list(range(8))
    whole = samples[int(forwards[3]['index'])]['image']
    x, y = (samples[0]['centre'] - forwards[3]['centre'].numpy()).astype(int)
    cut = whole[y : y + CROP[1], x : x + CROP[0]]
    np.testing.assert_array_equal((forwards[3]['image'] * 255).round().permute(1, 2, 0), cut)


def test_workers_change_nothing(samples):
    def batches(workers):
        return list(islice(loader(stream(samples), Places(2), 2, workers), 4))

    assert all(map(equal, batches(0), batches(2)))


def test_seeds_and_streams_differ(samples):
    def frames(**options):
        return [int(stream(samples, **options)[place]['index']) for place in range(24)]

    assert frames() == frames()
    assert frames() != frames(seed=2)
    assert frames() != frames(number=TARGET)
    assert set(frames()) == {0, 1, 2, 3}


def test_whole_images_are_not_cropped(samples):
    sample = Stream(samples, 0, SOURCE, crop_size=samples.size)[5]
    assert sample['image'].shape == (3, *samples.size[::-1])
    assert equal({'image': sample['image']}, {'image': to_tensors(samples[int(sample['index'])])['image']})


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 50), st.integers(1, 5))
def test_processes_share_the_places(batch, processes, first_step, steps):
    """Together the processes take at every step what one process with the whole batch takes."""
    def places(count, rank=0, of=1):
        return list(islice(Places(count, rank, of, lambda: first_step), steps * count))

    shares = np.array([places(batch, rank, processes) for rank in range(processes)]).reshape(processes, steps, batch)
    alone = places(batch * processes)
    assert shares.transpose(1, 0, 2).flatten().tolist() == alone
    assert alone == list(range(first_step * batch * processes, (first_step + steps) * batch * processes))


def test_places_begin_where_the_training_stands_whenever_they_are_asked():
    done = [0]
    places = Places(2, first_step=lambda: done[0])
    assert list(islice(places, 4)) == [0, 1, 2, 3]
    done[0] = 2
    assert list(islice(places, 2)) == [4, 5]


def test_in_order_shows_every_frame_once(samples):
    frames = [frame['image'] for frame in InOrder(samples)]
    assert len(frames) == len(InOrder(samples)) == len(samples)
    for index, image in enumerate(frames):
        assert torch.equal(image, to_tensors(samples[index])['image'])
        assert image.min() >= 0 and image.max() <= 1
