# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from famda_train.world import noise


@pytest.mark.parametrize('shape', [(0,), (1,), (1023,), (1025,), (3, 5), (0, 4)])
def test_sample_has_the_shape_of_its_coordinates(shape):
    """Scenes where nothing at all has a texture ask for no samples."""
    places = np.random.default_rng(0).uniform(-5e4, 5e4, shape).astype(np.float32)
    values = noise.sample(noise.LARGE, places, places[::-1].copy())
    assert values.shape == shape and values.dtype == np.float32


def test_sample_repeats_and_is_exact_between_pixels():
    u = np.array([3.0, 3.0 + noise.TILE, 3.5, 4.0], np.float32)
    at, again, between, beside = noise.sample(noise.GENERAL, u, np.full(4, 7.0, np.float32))
    tile = noise.tile(noise.GENERAL)
    assert at == pytest.approx(tile[7, 3], abs=1e-5) and again == pytest.approx(at, abs=1e-5)
    assert between == pytest.approx((at + beside) / 2, abs=1e-2)
