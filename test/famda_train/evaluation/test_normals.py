# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Angles between normals, and their five numbers."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_train.evaluation.normals import angles_degrees, normals_metrics

COMPONENT = st.floats(-1, 1, width=32)
NORMALS = hnp.arrays(np.float32, (3, 2, 4), elements=COMPONENT)


def tilted(degrees):
    """Return normals [3, 1, N] tilted from the optical axis, and the axis itself."""
    angle = np.radians(np.asarray(degrees, np.float64))[None]
    normals = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)])
    axis = np.zeros_like(normals)
    axis[2] = 1
    return normals, axis


def test_angles_are_exact_even_where_the_cosine_is_flat():
    degrees = [0, 1e-6, 11.25, 45, 90, 179.999999, 180]
    assert angles_degrees(*tilted(degrees)) == pytest.approx(degrees, abs=1e-9)


@settings(max_examples=50)
@given(NORMALS, NORMALS)
def test_angles_equal_the_reference(prediction, truth):
    expected = []
    for p, t in zip(prediction.reshape(3, -1).T.tolist(), truth.reshape(3, -1).T.tolist(), strict=True):
        length_p, length_t = math.hypot(*p), math.hypot(*t)
        if length_t == 0:
            continue
        if length_p < 1e-12 or length_t < 1e-12:  # so short that a product of both is rounded to 0
            return
        cosine = sum(a * b for a, b in zip(p, t, strict=True)) / (length_p * length_t)
        expected.append(math.degrees(math.acos(max(-1, min(1, cosine)))))
    assert angles_degrees(prediction, truth) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 180), min_size=1, max_size=30))
def test_the_five_numbers(degrees):
    angles = angles_degrees(*tilted(degrees))
    result = normals_metrics(*tilted(degrees))
    assert result['mean_angle'] == pytest.approx(np.mean(angles))
    middle = np.sort(angles)[(len(angles) - 1) // 2]
    assert result['median_angle'] == pytest.approx(middle, abs=0.006)
    shares = [100 * np.mean(angles < limit) for limit in (11.25, 22.5, 30)]
    assert [result[name] for name in ('within_11', 'within_22', 'within_30')] == pytest.approx(shares)


def test_unknown_truth_is_not_scored_and_no_direction_is_a_right_angle():
    prediction, truth = tilted([0, 0, 0, 0])
    truth[:, 0, 0] = np.nan
    truth[:, 0, 1] = 0
    prediction[:, 0, 2] = 0
    prediction[:, 0, 3] = np.nan
    assert angles_degrees(prediction, truth).tolist() == [90, 90]
    assert all(math.isnan(value) for value in normals_metrics(prediction[..., :2], truth[..., :2]).values())


def test_shapes_must_agree():
    with pytest.raises(ValueError, match='shape'):
        angles_degrees(np.ones((3, 2, 2)), np.ones((3, 2, 3)))
    with pytest.raises(ValueError, match='shape'):
        angles_degrees(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
