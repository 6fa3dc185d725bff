# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from famda_train.pseudo_labels.robust_statistics import robust_statistics, without_scale_and_shift


def test_statistics_are_those_of_the_valid_finite_pixels():
    values = torch.tensor([[[1.0, 2.0, 9.0, torch.nan, torch.inf, 500.0]], [[1.0] * 6]])
    valid = torch.tensor([[[True, True, True, True, True, False]], [[False] * 6]])
    median, spread = robust_statistics(values, valid)
    assert median[0] == 2 and spread[0] == pytest.approx(8 / 3)
    assert median[1].isnan() and spread[1].isnan()


def test_scale_and_shift_are_gone():
    torch.manual_seed(0)
    values, valid = torch.rand(2, 8, 9), torch.rand(2, 8, 9) > 0.2
    expected = without_scale_and_shift(values, valid)
    torch.testing.assert_close(without_scale_and_shift(7 * values - 3, valid), expected)
    median, spread = robust_statistics(expected, valid)
    torch.testing.assert_close((median, spread), (torch.zeros(2), torch.ones(2)), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize('valid', [True, False])
@pytest.mark.parametrize('values', [torch.rand(1, 4, 4), torch.ones(1, 4, 4)], ids=['varied', 'flat'])
def test_result_and_gradient_are_finite(values, valid):
    values = values.clone().requires_grad_()
    result = without_scale_and_shift(values, torch.full((1, 4, 4), valid))
    (result**2).sum().backward()
    assert result.isfinite().all() and values.grad.isfinite().all()
