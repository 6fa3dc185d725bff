# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A run replaces no files of another by accident."""
import pytest

from famda_ros.errors import FamdaError
from famda_train.training.run_paths import check_nothing_is_replaced, last_checkpoint, trained_checkpoint


def test_a_fresh_run_may_begin(tmp_path):
    check_nothing_is_replaced(tmp_path / 'night.ckpt')


def test_an_interrupted_run_is_not_begun_anew_by_accident(tmp_path):
    last = last_checkpoint(tmp_path / 'night.ckpt')
    last.parent.mkdir()
    last.touch()
    with pytest.raises(FamdaError, match=r'night\.run/last\.ckpt.* continue with --resume=true, or remove it'):
        check_nothing_is_replaced(tmp_path / 'night.ckpt')


def test_a_result_is_not_replaced_by_accident(tmp_path):
    (tmp_path / 'night.ckpt').touch()
    with pytest.raises(FamdaError, match=r"night\.ckpt' exists; .*--overwrite=true"):
        check_nothing_is_replaced(tmp_path / 'night.ckpt')


def test_validation_takes_the_result_or_else_the_last_checkpoint(tmp_path):
    out = tmp_path / 'night.ckpt'
    with pytest.raises(FamdaError, match='train it with famda fit'):
        trained_checkpoint(out)
    last_checkpoint(out).parent.mkdir()
    last_checkpoint(out).touch()
    assert trained_checkpoint(out) == last_checkpoint(out)
    out.touch()
    assert trained_checkpoint(out) == out
