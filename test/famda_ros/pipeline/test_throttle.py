# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from famda_ros.pipeline.throttle import Throttle


def test_kinds_do_not_wait_for_each_other():
    throttle = Throttle()
    assert throttle.passes('image', 0.0, 5.0) and throttle.passes('calibration', 1.0, 5.0)
    assert not throttle.passes('image', 4.9, 5.0) and throttle.passes('image', 5.0, 5.0)
    assert not throttle.passes('calibration', 5.0, 5.0) and throttle.passes('calibration', 6.0, 5.0)
    assert Throttle().passes('image', 5.1, 5.0)  # another camera


def test_once_for_all():
    throttle = Throttle()
    assert [throttle.passes('x', now, math.inf) for now in (0.0, 1.0, 1e9)] == [True, False, False]


@given(st.lists(st.floats(0, 100), min_size=1).map(sorted), st.floats(0.1, 20))
def test_what_passes_is_a_period_apart_and_nothing_is_held_back_longer(times, period):
    throttle = Throttle()
    passed = [now for now in times if throttle.passes('x', now, period)]
    assert passed[0] == times[0]
    assert all(later - earlier >= period for earlier, later in pairwise(passed))
    for now in times:
        assert any(earlier <= now and now - earlier < period for earlier in passed)
