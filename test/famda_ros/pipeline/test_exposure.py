# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.pipeline.exposure import brightness, exposure_gamma, normalize_exposure


def picture(height=90, width=160, darkness=1.0, seed=0):
    coarse = np.random.default_rng(seed).random((9, 16, 3))
    return cv2.resize((255 * coarse**darkness).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize('size', [(1, 1), (3, 700), (90, 160), (720, 1280)])
def test_brightness_is_the_mean_luma(size):
    image = picture(*size)
    assert brightness(image) == pytest.approx(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean(), abs=2)
    assert brightness(np.zeros_like(image)) == 0
    assert brightness(np.full_like(image, 255)) == pytest.approx(255)


@settings(max_examples=60)
@given(st.floats(1, 255), st.floats(0.3, 6), st.floats(1, 8), st.integers(0, 5))
def test_the_target_is_reached_unless_gamma_would_be_too_strong(target, darkness, max_gamma, seed):
    image = picture(darkness=darkness, seed=seed)
    before, gamma = brightness(image), exposure_gamma(image, target, max_gamma)
    after = brightness(normalize_exposure(image, target, max_gamma))
    assert 1 / max_gamma - 1e-9 <= gamma <= max_gamma + 1e-9
    if 1.01 / max_gamma < gamma < max_gamma / 1.01:
        assert abs(after - target) < 1.5
    else:
        assert abs(after - target) <= abs(before - target) + 0.5


@settings(max_examples=30)
@given(st.floats(1, 255), st.floats(1, 8), st.floats(0.3, 6))
def test_order_of_grey_values_and_both_ends_stay(target, max_gamma, darkness):
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    image = np.concatenate([np.repeat(ramp, 90, 0), picture(width=256, darkness=darkness)])
    out = normalize_exposure(image, target, max_gamma)
    assert (np.diff(out[0, :, 0].astype(int)) >= 0).all() and out[0, 0, 0] == 0 and out[0, 255, 0] == 255
    assert out.dtype == np.uint8 and out.shape == image.shape


def test_off_by_default_and_nothing_to_do():
    image = picture()
    assert normalize_exposure(image, 0.0, 2.5) is image
    assert normalize_exposure(image, brightness(image), 2.5) is image
    black = np.zeros((4, 4, 3), np.uint8)
    np.testing.assert_array_equal(normalize_exposure(black, 100.0, 2.5), black)
