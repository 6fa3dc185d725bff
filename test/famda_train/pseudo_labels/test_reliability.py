# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_train.pseudo_labels.reliability import agreement

DEPTH = st.one_of(st.floats(0.1, 100), st.sampled_from([math.nan, math.inf, 0.0, -1.0]))


@given(DEPTH, DEPTH, st.floats(0.01, 1))
def test_weight_is_symmetric_and_in_range_and_zero_where_unknown(first, second, tolerance):
    a, b = torch.tensor([first]), torch.tensor([second])
    weight = agreement(a, b, tolerance)
    assert 0 <= weight <= 1 and torch.equal(weight, agreement(b, a, tolerance))
    unknown = not (first > 0 and second > 0)
    if unknown or math.isinf(first) != math.isinf(second):
        assert weight == 0
    elif first == second:
        assert weight == 1
    else:
        assert weight == pytest.approx(math.exp(-abs(math.log(first / second)) / tolerance), abs=1e-4)


def test_the_same_factor_weighs_the_same_near_and_far():
    near_and_far = torch.tensor([2.0, 70.0])
    weight = agreement(1.05 * near_and_far, near_and_far)
    assert weight[0] == pytest.approx(weight[1].item(), rel=1e-4) and 0.5 < weight[0] < 0.7
