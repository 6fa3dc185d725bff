# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The protocols against slow references, and what sets them apart."""
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.errors import FamdaError
from famda_train.evaluation.depth import DepthMetric, depth_metrics, lower_median, scored_depth, valid_depth
from famda_train.evaluation.protocol import DENSEMTL, DENSEMTL_FIXED, METRIC, PROTOCOLS, get_protocol

TRUTH = hnp.arrays(
    np.float32, (3, 5), elements=st.floats(0.25, 120.0, width=32) | st.sampled_from([float('nan'), float('inf')])
)
PREDICTION = hnp.arrays(np.float32, (3, 5), elements=st.floats(1.5, 100.0, width=32))
NEAR = hnp.arrays(np.float64, (3, 5), elements=st.floats(2.0, 30.0))
FRAMES = st.lists(st.tuples(PREDICTION, TRUTH), min_size=1, max_size=5)


def reference_densemtl(frames, metres):
    """Score by way of inverse depth, pixel by pixel; ``metres`` turns inverse depth back."""
    per_frame = []
    for prediction, truth in frames:
        pairs = []
        for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
            if math.isfinite(t):
                p, t = (metres(65536.0 / (100.0 * value + 1.0)) for value in (p, t))
                if 1e-3 < t < 80.0:
                    pairs.append((p, t))
        if not pairs:
            continue
        n = len(pairs)
        scale = sorted(t for _, t in pairs)[(n - 1) // 2] / sorted(p for p, _ in pairs)[(n - 1) // 2]
        pairs = [(min(max(p * scale, 1e-3), 80.0), t) for p, t in pairs]
        per_frame.append(
            {
                'abs_rel': sum(abs(p - t) / t for p, t in pairs) / n,
                'sq_rel': sum((p - t) ** 2 / t for p, t in pairs) / n,
                'mse': sum((p - t) ** 2 for p, t in pairs) / n,
                **{f'delta{k}': 100.0 * sum(max(p / t, t / p) < 1.25**k for p, t in pairs) / n for k in (1, 2, 3)},
            }
        )
    if not per_frame:
        return None
    means = {key: sum(frame[key] for frame in per_frame) / len(per_frame) for key in per_frame[0]}
    means['rmse'] = math.sqrt(means.pop('mse'))
    return means


def score(protocol, frames):
    metric = DepthMetric(protocol)
    for prediction, truth in frames:
        metric.update(prediction, truth)
    return metric.compute()


def off_the_thresholds(protocol, frames):
    """Leave out ratios and depths so close to a threshold that rounding decides."""
    for prediction, truth in frames:
        known = truth[np.isfinite(truth)].astype(np.float64) + protocol.offset_m
        assume((np.abs(known - 80) > 1e-6).all() and (np.abs(known - 1e-3) > 1e-6).all())
        predicted, actual = scored_depth(prediction, truth, protocol)
        ratio = np.maximum(predicted / actual, actual / predicted)
        assume(all((np.abs(ratio - 1.25**k) > 1e-6).all() for k in (1, 2, 3)))


@pytest.mark.parametrize(
    ('protocol', 'metres'),
    [(DENSEMTL, lambda inverse: 655.36 / inverse - 1), (DENSEMTL_FIXED, lambda inverse: 655.36 / inverse - 0.01)],
    ids=['densemtl', 'densemtl-fixed'],
)
@settings(max_examples=60)
@given(FRAMES)
def test_densemtl_equals_the_reference(protocol, metres, frames):
    off_the_thresholds(protocol, frames)
    result, expected = score(protocol, frames), reference_densemtl(frames, metres)
    if expected is None:
        assert all(math.isnan(value) for value in result.values())
    else:
        assert result == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_five_metres_are_scored_as_four_and_what_is_nearer_than_one_is_dropped():
    truth = np.array([5.0, 0.9, 20.0], np.float32)
    assert valid_depth(truth, DENSEMTL).tolist() == [True, False, True]
    _, actual = scored_depth(truth, truth, DENSEMTL)
    assert actual == pytest.approx([4.01, 19.01])
    assert valid_depth(truth, DENSEMTL_FIXED).all()
    assert valid_depth(np.array([80.5]), DENSEMTL) and not valid_depth(np.array([80.5]), DENSEMTL_FIXED)


@given(NEAR, NEAR, st.floats(0.6, 1.6))
def test_median_scaling_without_the_offset_forgives_a_scale(prediction, truth, scale):
    off_the_thresholds(DENSEMTL_FIXED, [(prediction, truth), (scale * prediction, truth)])
    fixed = depth_metrics(prediction, truth, DENSEMTL_FIXED)
    assert depth_metrics(scale * prediction, truth, DENSEMTL_FIXED) == pytest.approx(fixed, rel=1e-9, abs=1e-9)


def test_no_scale_is_forgiven_without_median_scaling_or_with_the_offset():
    truth = np.linspace(3, 30, 40)
    for protocol in (METRIC, DENSEMTL):
        assert depth_metrics(2 * truth, truth, protocol)['abs_rel'] > 0.01
    assert depth_metrics(2 * truth, truth, DENSEMTL_FIXED)['abs_rel'] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize('protocol', PROTOCOLS.values(), ids=PROTOCOLS)
@settings(max_examples=20)
@given(NEAR)
def test_the_truth_has_no_error_in_any_protocol(protocol, truth):
    result = depth_metrics(truth, truth, protocol)
    assert tuple(result) == protocol.depth_metrics
    assert [result[name] for name in ('abs_rel', 'sq_rel', 'rmse')] == pytest.approx([0, 0, 0], abs=1e-9)
    assert result['delta1'] == 100.0


def test_frames_weigh_the_same_where_frames_are_averaged_and_pixels_where_they_are_pooled():
    right, wrong = np.array([10.0, 10.0, 10.0]), np.array([20.0, np.nan, np.nan])
    frames = [(right, right), (np.array([10.0, 10.0, 10.0]), wrong)]
    unscaled = DENSEMTL_FIXED.__class__(
        'plain', 1e-3, 80.0, '', mean_of_frames=True, depth_metrics=('abs_rel', 'rmse', 'delta1')
    )
    assert score(METRIC, frames)['abs_rel'] == pytest.approx(0.5 / 4)
    assert score(unscaled, frames)['abs_rel'] == pytest.approx(0.5 / 2)
    assert score(unscaled, frames)['rmse'] == pytest.approx(math.sqrt(100 / 2))  # not the mean of 0 and 10


@pytest.mark.parametrize('protocol', PROTOCOLS.values(), ids=PROTOCOLS)
@settings(max_examples=20)
@given(FRAMES, st.randoms())
def test_the_order_of_frames_changes_nothing(protocol, frames, random):
    shuffled = random.sample(frames, len(frames))
    assert score(protocol, shuffled) == pytest.approx(score(protocol, frames), nan_ok=True)


@settings(max_examples=20)
@given(FRAMES)
def test_frames_without_truth_change_nothing_and_no_answer_is_the_far_end(frames):
    nothing = np.full((3, 5), np.nan, np.float32)
    for protocol in (DENSEMTL, METRIC):
        assert score(protocol, [*frames, (nothing, nothing)]) == pytest.approx(score(protocol, frames), nan_ok=True)
        silent = [(np.where(prediction > 50, np.float32('inf'), prediction), truth) for prediction, truth in frames]
        far = [(np.where(prediction > 50, np.float32(80), prediction), truth) for prediction, truth in frames]
        assert score(protocol, silent) == pytest.approx(score(protocol, far), nan_ok=True)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=9))
def test_the_lower_median_has_at_most_half_of_the_values_below_it(values):
    median = lower_median(np.array(values))
    assert sorted(values)[(len(values) - 1) // 2] == median


def test_an_unknown_protocol_is_refused():
    with pytest.raises(FamdaError, match='choose one of metric, densemtl, densemtl-fixed'):
        get_protocol('best')
