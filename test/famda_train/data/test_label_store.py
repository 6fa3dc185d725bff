# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.errors import FamdaError
from famda_train.data.label_store import LabelStore, dequantise, quantise

MASKS = {'name': 'felzenszwalb', 'kind': 'segments', 'settings': {'scale': 60}}
DEPTH = {'name': 'toy', 'kind': 'depth'}


@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(-100, 1000, width=32) | st.just(np.nan) | st.just(np.inf)))
def test_quantisation_error_is_half_a_level(values):
    raw, scale, offset = quantise(values)
    back, finite = dequantise(raw, scale, offset), np.isfinite(values)
    assert np.isnan(back[~finite]).all()
    if finite.any():
        spread = float(values[finite].max()) - float(values[finite].min())
        # Half a level, and what float32 itself rounds off at this magnitude.
        allowed = max(spread / 131068, 0.5e-9) + 1e-6 * np.abs(values[finite]).max()
        assert np.abs(back[finite] - values[finite]).max() <= allowed * 1.01


def test_segments_come_back_exactly(tmp_path):
    segments = np.random.default_rng(0).integers(0, 65536, (6, 7))
    LabelStore.create(tmp_path, 'masks', MASKS).write_segments('a', segments)
    store = LabelStore.open(tmp_path, 'masks', 'felzenszwalb')
    assert 'a' in store and 'b' not in store
    np.testing.assert_array_equal(store.read_segments('a'), segments)


def test_too_many_masks_are_refused(tmp_path):
    with pytest.raises(ValueError, match='16 bits'):
        LabelStore.create(tmp_path, 'masks', MASKS).write_segments('a', np.full((2, 2), 70000))


def test_another_teacher_is_never_mixed_in(tmp_path):
    LabelStore.create(tmp_path, 'masks', MASKS)
    with pytest.raises(FamdaError, match='other settings'):
        LabelStore.create(tmp_path, 'masks', {**MASKS, 'settings': {'scale': 80}})


def test_a_cut_short_line_costs_one_entry(tmp_path):
    store = LabelStore.create(tmp_path, 'depth', DEPTH)
    for stem in 'abc':
        store.write_depth(stem, np.ones((2, 2), np.float32))
    index = store.path / 'index.jsonl'
    index.write_text(index.read_text()[:-9])  # as a kill in the middle of a write leaves it
    again = LabelStore.create(tmp_path, 'depth', DEPTH)
    assert 'b' in again and 'c' not in again
    again.write_depth('c', np.full((2, 2), 5, np.float32))
    reread = LabelStore.open(tmp_path, 'depth', 'toy')
    assert reread.read_depth('c').max() == 5
    assert [json.loads(line)['stem'] for line in index.read_text().splitlines()] == ['a', 'b', 'c']


def test_missing_store_and_missing_entry_say_what_to_run(tmp_path):
    with pytest.raises(FamdaError, match=r'famda label .* --depth street-world'):
        LabelStore.open(tmp_path, 'depth', 'street-world')
    with pytest.raises(FamdaError, match=r"no store 'depth-toy' .*no depth teacher 'toy' yet.*--data\.depth null"):
        LabelStore.open(tmp_path, 'depth', 'toy')
    LabelStore.create(tmp_path, 'depth', DEPTH)
    with pytest.raises(FamdaError, match='famda label again'):
        LabelStore.open(tmp_path, 'depth', 'toy').read_depth('a')
