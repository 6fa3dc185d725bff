# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from famda_train.training.schedule import poly_factor


def test_ramp_then_decay_to_zero():
    factors = [poly_factor(step, 100, 10) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors.index(max(factors)) in (9, 10)
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == 0
