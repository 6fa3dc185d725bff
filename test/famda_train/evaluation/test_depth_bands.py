# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_train.evaluation.depth import depth_metrics
from famda_train.evaluation.depth_bands import DepthBands


def frame(seed, size=(40, 50)):
    rng = np.random.default_rng(seed)
    ground_truth = np.exp(rng.uniform(0, np.log(90), size)).astype(np.float32)
    ground_truth[rng.random(size) < 0.3] = np.nan
    return (ground_truth * np.exp(rng.normal(0, 0.2, size))).astype(np.float32), ground_truth


@given(st.floats(0.2, 5.0))
def test_a_planted_scale_is_the_ratio(scale):
    ground_truth = np.full((10, 10), 8.0, np.float32)
    scores = DepthBands()
    scores.update(ground_truth * np.float32(scale), ground_truth)
    result = scores.compute()
    assert result['ratio'] == pytest.approx(scale, rel=0.003)
    assert list(result['bands']) == ['1-10 m'] and result['bands']['1-10 m']['pixels'] == 100


def test_bands_are_those_pixels_scored_alone():
    scores, frames = DepthBands(), [frame(seed) for seed in range(3)]
    for prediction, ground_truth in frames:
        scores.update(prediction, ground_truth)
    prediction, ground_truth = (np.concatenate(arrays) for arrays in zip(*frames, strict=True))
    for name, band in scores.compute()['bands'].items():
        low, high = (float(limit) for limit in name.removesuffix(' m').split('-'))
        inside = np.where((ground_truth >= low) & (ground_truth < high), ground_truth, np.nan)
        alone = depth_metrics(prediction, inside)
        assert band['abs_rel'] == pytest.approx(alone['abs_rel']) and band['delta1'] == pytest.approx(alone['delta1'])
        known = np.isfinite(inside)
        ratios = np.minimum(prediction, 80)[known] / inside[known]
        assert band['ratio'] == pytest.approx(np.median(ratios), rel=0.02)


def test_bands_without_pixels_are_left_out():
    assert list(DepthBands().compute()['bands']) == []
