# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured of frames, and which of them are chosen."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import picture

from famda_train.adapt.frame_selection import SeenViews, blurred, choose_k_centre, is_black, is_same_view, measure


def large(number, side=480):
    return cv2.resize(picture(number), (side * 4 // 3, side), interpolation=cv2.INTER_CUBIC)


def test_noise_and_compression_leave_a_view_the_same():
    image = large(0)
    noisy = np.clip(image + np.random.default_rng(1).normal(0, 5, image.shape), 0, 255).astype(np.uint8)
    stored = cv2.imdecode(cv2.imencode('.jpg', noisy, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], cv2.IMREAD_COLOR)
    assert is_same_view(measure(image), measure(stored))


@pytest.mark.parametrize('change', [lambda i: np.roll(i, 60, axis=1), lambda i: i[:, ::-1].copy(), lambda i: i // 2])
def test_motion_and_light_make_another_view(change):
    assert not is_same_view(measure(large(0)), measure(change(large(0))))


def test_black_is_not_dark():
    assert is_black(measure(np.random.default_rng(0).integers(0, 20, (48, 64, 3), np.uint8)))
    night = np.full((480, 640, 3), 4, np.uint8)
    night[200:240, 300:340] = 200  # a lamp
    assert not is_black(measure(night))


def test_blur_is_found_beside_its_neighbours_only():
    sharp = [measure(large(n)).sharpness for n in range(8)]
    soft = measure(cv2.blur(large(3), (25, 25))).sharpness
    assert blurred([*sharp[:3], soft, *sharp[4:]]).tolist() == [False] * 3 + [True] + [False] * 4
    assert not blurred([soft] * 8).any()  # a soft lens is no motion blur


def test_measures_do_not_depend_on_the_size_of_the_camera():
    small, wide = measure(large(2, 480)), measure(cv2.resize(large(2, 480), (1280, 960)))
    assert is_same_view(small, wide) and abs(small.brightness - wide.brightness) < 1


def test_views_are_remembered_beyond_the_room_that_was_taken():
    views, frames = SeenViews(), [measure(picture(n)) for n in range(150)]
    for frame in frames:
        assert not views.has(frame)
        views.add(frame)
    assert all(views.has(frame) for frame in frames)


def test_k_centre_takes_one_of_each_cluster():
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    features = centres.repeat(20, axis=0) + rng.normal(0, 0.3, (80, 2)).astype(np.float32)
    assert sorted(choose_k_centre(features, 4) // 20) == [0, 1, 2, 3]


@given(st.integers(0, 30), st.integers(0, 35), st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_k_centre_chooses_as_many_as_asked_each_once(frames, count, kinds, seed):
    features = np.random.default_rng(seed).integers(0, kinds, (frames, 2)).astype(np.float32)
    chosen = choose_k_centre(features, count)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, frames)
    assert (np.diff(chosen) > 0).all() and all(0 <= index < frames for index in chosen)
