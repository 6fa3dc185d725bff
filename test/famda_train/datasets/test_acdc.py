# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from miniature_trees import write_acdc

from famda_train.datasets.acdc import Acdc


def test_one_condition_or_all(tmp_path):
    write_acdc(tmp_path, 2)
    assert {frame.stem.split('_')[0] for frame in Acdc(tmp_path, 'val').frames} == {'fog', 'night'}
    night = Acdc(tmp_path, 'val', condition='night')
    assert [frame.stem for frame in night.frames] == [f'night_GOPR0101_frame_{i:06d}' for i in range(2)]


def test_only_train_and_val_are_labelled(tmp_path):
    write_acdc(tmp_path, 1)
    assert [Acdc(tmp_path, split).has('labels') for split in ('train', 'val', 'test', 'train_ref')] == [
        True, True, False, False,
    ]  # fmt: skip
    assert not Acdc(tmp_path, 'train').has('depth')
