# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth errors against a plain reference, and what must hold for any depth."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_train.evaluation.depth import DepthMetric, depth_metrics

METRES = st.floats(0.0, 120.0, width=32) | st.sampled_from([float('nan'), float('inf'), 0.0, 80.0])
DEPTH = hnp.arrays(np.float32, (4, 6), elements=METRES)
INSIDE = hnp.arrays(np.float32, (4, 6), elements=st.floats(1.0, 70.0, width=32))


def reference(prediction, truth):
    """Loop over pixels."""
    pairs = []
    for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
        if math.isnan(t) or not 1e-3 <= t <= 80.0:
            continue
        p = 80.0 if math.isnan(p) else min(max(p, 1e-3), 80.0)
        pairs.append((p, t))
    if not pairs:
        return None
    n = len(pairs)
    return {
        'abs_rel': sum(abs(p - t) / t for p, t in pairs) / n,
        'sq_rel': sum((p - t) ** 2 / t for p, t in pairs) / n,
        'rmse': math.sqrt(sum((p - t) ** 2 for p, t in pairs) / n),
        'rmse_log': math.sqrt(sum((math.log(p) - math.log(t)) ** 2 for p, t in pairs) / n),
        **{f'delta{k}': 100.0 * sum(max(p / t, t / p) < 1.25**k for p, t in pairs) / n for k in (1, 2, 3)},
    }


@settings(max_examples=100, deadline=None)
@given(DEPTH, DEPTH)
def test_errors_equal_the_reference(prediction, truth):
    result, expected = depth_metrics(prediction, truth), reference(prediction, truth)
    if expected is None:
        assert all(math.isnan(value) for value in result.values())
    else:
        assert result == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(INSIDE)
def test_the_truth_has_no_error(truth):
    result = depth_metrics(truth, truth)
    assert result['abs_rel'] == result['sq_rel'] == result['rmse'] == result['rmse_log'] == 0.0
    assert result['delta1'] == result['delta2'] == result['delta3'] == 100.0


@settings(max_examples=30, deadline=None)
@given(INSIDE)
def test_ten_percent_too_far_is_abs_rel_one_tenth(truth):
    result = depth_metrics(truth.astype(np.float64) * 1.1, truth)
    assert result['abs_rel'] == pytest.approx(0.1)
    assert result['rmse_log'] == pytest.approx(math.log(1.1))
    assert result['delta1'] == 100.0


def test_scale_is_not_forgiven():
    truth = np.linspace(1, 30, 50, dtype=np.float32)
    assert depth_metrics(truth * 2, truth)['abs_rel'] == pytest.approx(1.0)
    assert depth_metrics(truth * 2, truth)['delta1'] == 0.0


def test_unknown_and_sky_are_not_scored_but_unanswered_pixels_are():
    truth = np.array([np.nan, np.inf, 0.0, 100.0, 40.0], np.float32)
    metric = DepthMetric()
    metric.update(np.array([1, 1, 1, 1, np.nan], np.float32), truth)
    assert metric.pixels == 1
    assert metric.compute()['abs_rel'] == pytest.approx(1.0)  # 80 m instead of 40 m


def test_shapes_must_agree():
    with pytest.raises(ValueError, match='shape'):
        depth_metrics(np.ones((2, 3)), np.ones((3, 2)))
