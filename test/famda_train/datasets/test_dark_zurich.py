# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from miniature_trees import write_dark_zurich

from famda_train.datasets.dark_zurich import DarkZurich


def test_the_time_of_the_day_is_chosen(tmp_path):
    write_dark_zurich(tmp_path, 2)
    assert [frame.stem for frame in DarkZurich(tmp_path).frames] == [f'night_GOPR0300_frame_{i:06d}' for i in range(2)]
    assert DarkZurich(tmp_path, time='day').frames[0].stem == 'day_GOPR0301_frame_000000'
    assert DarkZurich(tmp_path, 'val_ref').frames[0].stem.startswith('day_')


def test_only_val_is_labelled(tmp_path):
    write_dark_zurich(tmp_path, 1)
    assert DarkZurich(tmp_path, 'val').has('labels')
    assert not DarkZurich(tmp_path, 'train').has('labels')
