# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.student.depth_units import (
    CENTIMETRES_BEYOND_RANGE,
    centimetres_to_metres,
    cityscapes_disparity_to_metres,
    metres_to_centimetres,
    rescale_to_focal,
    synthia_to_metres,
    vkitti2_to_metres,
)

RAW = hnp.arrays(np.uint16, (3, 5))
ANY_FLOAT = hnp.arrays(np.float32, (3, 5), elements=st.floats(width=32))
IN_RANGE = hnp.arrays(np.float32, (3, 5), elements=st.floats(0.0625, 655.0, width=32))


@given(RAW)
def test_files_survive_reading_and_writing(raw):
    np.testing.assert_array_equal(metres_to_centimetres(centimetres_to_metres(raw)), raw)


@given(IN_RANGE)
def test_metres_survive_to_half_a_centimetre(depth):
    np.testing.assert_allclose(centimetres_to_metres(metres_to_centimetres(depth)), depth, rtol=1e-6, atol=0.00501)


@given(ANY_FLOAT)
def test_unknown_and_sky_keep_their_meaning(depth):
    again = centimetres_to_metres(metres_to_centimetres(depth))
    assert again.dtype == np.float32
    unknown = np.isnan(depth) | (depth <= 0)
    np.testing.assert_array_equal(np.isnan(again), unknown)
    assert np.isposinf(again[np.isposinf(depth)]).all()
    assert np.isfinite(again[(depth > 0) & (depth < 655)]).all()


@given(RAW)
def test_reading_leaves_its_input_alone(raw):
    before = raw.copy()
    centimetres_to_metres(raw)
    np.testing.assert_array_equal(raw, before)


def test_known_values():
    raw = metres_to_centimetres(np.array([np.nan, -1.0, 0.0, 0.001, 1.0, 12.345, 655.36, np.inf]))
    assert raw.tolist() == [0, 0, 0, 1, 100, 1234, CENTIMETRES_BEYOND_RANGE, CENTIMETRES_BEYOND_RANGE]


@given(IN_RANGE, st.floats(100, 3000), st.floats(100, 3000))
def test_depth_is_proportional_to_the_focal_and_the_way_back_exists(depth, trained, camera):
    there = rescale_to_focal(depth, trained, camera)
    np.testing.assert_allclose(there, depth * camera / trained, rtol=1e-5)
    np.testing.assert_allclose(rescale_to_focal(there, camera, trained), depth, rtol=1e-5)
    assert there.dtype == np.float32
    np.testing.assert_allclose(rescale_to_focal(depth, trained, camera, 0.7), there * 0.7, rtol=1e-5)


def test_cityscapes_seen_by_a_synthia_network():
    assert rescale_to_focal(np.float32([10.0]), 532.74, 1131.26)[0] == pytest.approx(21.2, abs=0.05)


@pytest.mark.parametrize('to_metres', [synthia_to_metres, vkitti2_to_metres])
def test_rendered_sets_keep_centimetres(to_metres):
    metres = to_metres(np.array([[0, 1, 532, 8000, 65534, 65535]], np.uint16))
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[np.nan, 0.01, 5.32, 80, 655.34, np.inf]], rtol=1e-6)


def test_cityscapes_disparity_by_hand():
    """d = (p - 1) / 256: p = 2561 is 10 pixels, and 0.2093 m * 2262 px / 10 px = 47.34 m."""
    metres = cityscapes_disparity_to_metres(np.array([[0, 1, 257, 2561, 65535]], np.uint16), 0.2093, 2262.0)
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[np.nan, np.nan, 473.44, 47.344, 1.8494]], rtol=1e-4)


@given(RAW, st.floats(0.1, 1.0), st.floats(500, 5000))
def test_disparity_and_depth_are_inverse(raw, baseline, focal):
    metres = cityscapes_disparity_to_metres(raw, baseline, focal)
    np.testing.assert_array_equal(np.isnan(metres), raw <= 1)
    back = np.round(256 * baseline * focal / metres.astype(np.float64) + 1)
    np.testing.assert_array_equal(back[raw > 1], raw[raw > 1])
    assert (metres[raw > 1] > 0).all() and np.isfinite(metres[raw > 1]).all()
