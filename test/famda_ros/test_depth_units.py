# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.depth_units import (
    CENTIMETRES_BEYOND_RANGE,
    centimetres_to_metres,
    metres_to_centimetres,
    rescale_to_focal,
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


def test_cityscapes_seen_by_a_synthia_network():
    assert rescale_to_focal(np.float32([10.0]), 532.74, 1131.26)[0] == pytest.approx(21.2, abs=0.05)
