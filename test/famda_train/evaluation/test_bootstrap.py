# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_train.evaluation.bootstrap import block_length, block_weights, interval


@given(st.integers(1, 60), st.integers(1, 60))
def test_every_resample_has_as_many_frames(frames, block):
    weights = block_weights(frames, block, 20)
    assert weights.shape == (20, frames) and (weights.sum(1) == frames).all() and (weights >= 0).all()
    np.testing.assert_array_equal(weights, block_weights(frames, block, 20))


def test_neighbours_are_drawn_together():
    weights = block_weights(40, 8, 500).astype(float)
    correlation = np.corrcoef(weights.T)
    assert correlation[10, 11] > 0.7 and abs(correlation[10, 30]) < 0.3
    alone = np.corrcoef(block_weights(40, 1, 500).T)
    assert abs(alone[10, 11]) < 0.2


@pytest.mark.parametrize(('frames', 'block'), [(1, 1), (8, 2), (9, 3), (100, 5), (1000, 10)])
def test_length_of_a_block(frames, block):
    assert block_length(frames) == block


def test_the_interval_of_a_mean_is_as_wide_as_theory_has_it():
    values = np.random.default_rng(1).normal(0, 1, 400)
    low, high = interval(block_weights(400, 1) @ values / 400)
    assert (high - low) == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1) and low < values.mean() < high


def test_blocks_widen_the_interval_where_neighbours_are_alike():
    """Where neighbours have a correlation of 0.9, the variance of the mean is (1 + 0.9) / (1 - 0.9) times as large."""
    rng, values = np.random.default_rng(2), [0.0]
    for _ in range(1999):
        values.append(0.9 * values[-1] + rng.normal(0, (1 - 0.81) ** 0.5))
    values = np.array(values)
    widths = []
    for block in (1, 60):
        low, high = interval(block_weights(2000, block) @ values / 2000)
        widths.append(high - low)
    assert 3 < widths[1] / widths[0] < 19**0.5 * 1.2
