# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_train.pseudo_labels.depth_alignment import (
    align_disparity,
    align_to_statistics,
    fit_scale_shift,
    match_statistics,
)
from famda_train.pseudo_labels.robust_statistics import robust_statistics

RANGE_M = (1.0, 80.0)


def street(seed, size=2):
    generator = torch.Generator().manual_seed(seed)
    return 2.0 + 58.0 * torch.rand(size, 16, 20, generator=generator)


@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(-5, 5))
def test_undoes_any_scale_and_shift(seed, scale, shift):
    depth = street(seed)
    disparity = scale / depth + shift
    aligned = align_disparity(disparity, depth, torch.ones_like(depth, dtype=torch.bool), RANGE_M)
    torch.testing.assert_close(1 / aligned, 1 / depth, atol=2e-4, rtol=5e-3)


def test_a_fifth_of_wrong_reference_pixels_hardly_matters():
    depth = street(0)
    reference = depth.clone()
    reference[:, ::5] *= 4
    aligned = align_disparity(3 / depth + 1, reference, torch.ones_like(depth, dtype=torch.bool), RANGE_M)
    assert ((aligned - depth).abs() / depth).mean() < 0.03


def test_excluded_and_unknown_pixels_do_not_count():
    depth = street(1)
    reference, disparity = depth.clone(), 2 / depth
    valid = torch.ones_like(depth, dtype=torch.bool)
    reference[:, :3], valid[:, :3] = 1.0, False
    reference[:, 5] = torch.nan
    disparity[:, 7] = torch.nan
    aligned = align_disparity(disparity, reference, valid, RANGE_M)
    known = torch.isfinite(aligned)
    assert not known[:, 7].any() and known[:, 8:].all()
    torch.testing.assert_close(aligned[known], depth[known], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('disparity', [torch.zeros(1, 8, 8), street(2, 1)[:, :8, :8]], ids=['constant', 'inverted'])
def test_an_impossible_fit_supervises_nothing(disparity):
    depth = street(2, 1)[:, :8, :8]  # "inverted": far is large, the scale comes out negative
    valid = torch.ones_like(depth, dtype=torch.bool)
    assert torch.isnan(align_disparity(disparity, depth, valid, RANGE_M)).all()


def test_too_few_valid_pixels_supervise_nothing():
    depth = street(3, 1)
    valid = torch.zeros_like(depth, dtype=torch.bool)
    valid[0, 0, :5] = True
    assert torch.isnan(align_disparity(1 / depth, depth, valid, RANGE_M)).all()


def test_fit_equals_numpy_polyfit():
    import numpy as np

    rng = np.random.default_rng(0)
    x, y, weight = rng.random((3, 50)), rng.random((3, 50)), rng.random((3, 50))
    scale, shift = fit_scale_shift(*map(torch.from_numpy, (x, y, weight)))
    for row in range(3):
        expected = np.polyfit(x[row], y[row], 1, w=np.sqrt(weight[row]))
        np.testing.assert_allclose([scale[row], shift[row]], expected, rtol=1e-9)


@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(-5, 5))
def test_statistics_of_the_scene_itself_undo_any_scale_and_shift(seed, scale, shift):
    depth = street(seed)
    valid = torch.rand(depth.shape, generator=torch.Generator().manual_seed(seed)) < 0.7
    median, spread = robust_statistics(1 / depth, valid)
    aligned = align_to_statistics(scale / depth + shift, valid, median, spread, RANGE_M)
    torch.testing.assert_close(1 / aligned, 1 / depth, atol=2e-4, rtol=5e-3)


@given(st.integers(0, 10**6), st.floats(-2, 2), st.floats(0.1, 3))
def test_matched_values_have_the_statistics_asked_for(seed, median, spread):
    values = street(seed).log()
    valid = torch.ones_like(values, dtype=torch.bool)
    values[:, 0] = torch.nan
    matched = match_statistics(values, valid, median, spread)
    got_median, got_spread = robust_statistics(matched, valid)
    torch.testing.assert_close(got_median, torch.full((2,), median), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got_spread, torch.full((2,), spread), atol=1e-4, rtol=1e-4)
    assert torch.equal(torch.isnan(matched), torch.isnan(values))


def test_flat_or_unknown_disparity_supervises_nothing():
    everywhere = torch.ones(2, 4, 4, dtype=torch.bool)
    disparity = torch.stack([torch.ones(4, 4), torch.full((4, 4), torch.nan)])
    assert torch.isnan(align_to_statistics(disparity, everywhere, 0.1, 0.05, RANGE_M)).all()
    assert torch.isnan(align_to_statistics(torch.rand(2, 4, 4), ~everywhere, 0.1, 0.05, RANGE_M)).all()
