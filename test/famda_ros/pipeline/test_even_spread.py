# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from famda_ros.pipeline.even_spread import is_chosen


@given(st.integers(1, 500), st.integers(0, 500))
def test_as_many_as_wanted_at_even_distances(wanted, more):
    total = wanted + more
    chosen = [index for index in range(total) if is_chosen(index, wanted, total)]
    assert len(chosen) == wanted
    distances = {later - earlier for earlier, later in pairwise(chosen)}
    assert not distances or max(distances) - min(distances) <= 1


def test_all_where_there_are_fewer():
    assert all(is_chosen(index, 10, 4) for index in range(4))
