# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_calibration_error

from famda_train.evaluation.confidence import BINS, confidence_counts, reliability


@given(st.integers(0, 1000))
def test_the_error_is_that_of_torchmetrics(seed):
    rng = np.random.default_rng(seed)
    # Levels lie between the edges of bins but for 0, 17, 34, ...: n / 15 is one, up to rounding.
    confidence = rng.choice([level for level in range(256) if level % 17], 500).astype(np.uint8)
    right = rng.random(500) < confidence / 255 * rng.uniform(0.3, 1)
    ours = reliability(confidence_counts(confidence, right))
    stated, true = torch.from_numpy(confidence / 255), torch.from_numpy(right).long()
    theirs = binary_calibration_error(stated, true, n_bins=BINS, norm='l1')
    assert ours['ece'] / 100 == pytest.approx(float(theirs), abs=1e-4)


def test_counts_of_frames_add_up():
    rng = np.random.default_rng(0)
    frames = [(rng.integers(0, 256, 50).astype(np.uint8), rng.random(50) < 0.5) for _ in range(3)]
    together = confidence_counts(*(np.concatenate(parts) for parts in zip(*frames, strict=True)))
    np.testing.assert_array_equal(sum(confidence_counts(*frame) for frame in frames), together)


def test_a_student_that_is_right_as_often_as_it_says():
    confidence = np.repeat(np.uint8([51, 204]), 1000)
    right = np.concatenate([np.arange(1000) < 200, np.arange(1000) < 800])
    result = reliability(confidence_counts(confidence, right))
    assert result['ece'] == pytest.approx(0, abs=1e-9)
    assert (result['confidence'], result['accuracy']) == (pytest.approx(50), pytest.approx(50))
    assert [one['share'] for one in result['bins']] == [50, 50]
