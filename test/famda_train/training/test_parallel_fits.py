# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Several trainings at a time.  Here they train nothing; test_loop.py and test_world.py of demo and bench do."""
import json

import pytest
from parallel_work import count

from famda_ros.errors import FamdaError
from famda_train.training import parallel_fits
from famda_train.training.parallel_fits import fit_all, fit_arguments


@pytest.fixture
def counting(monkeypatch):
    """Let a training count the steps that are its first argument."""
    monkeypatch.setattr(parallel_fits, '_fit', count)


def test_progress_and_ends_are_reported_in_order(counting):
    seen = []
    fit_all(
        {'second': ['2'], 'first': ['3']},
        lambda name, step: seen.append((name, step)),
        lambda name, seconds: seen.append((name, 'finished', seconds)),
        after={'second': 'first'},
    )
    assert seen[:3] == [('first', 1), ('first', 2), ('first', 3)]
    assert [event[1:] for event in seen if event[0] == 'second'] == [(1,), (2,), ('finished', 2)]
    assert ('first', 'finished', 3) in seen


def test_no_more_than_the_jobs_run_at_a_time(counting):
    seen = []
    fit_all({name: ['1'] for name in 'abc'}, lambda name, step: seen.append(name), jobs=1)
    assert seen == ['a', 'b', 'c']


def test_a_failure_ends_the_others_and_has_its_reason(counting):
    with pytest.raises(FamdaError, match=r"^training 'bad' failed: no steps$"):
        fit_all({'endless': ['-1'], 'bad': ['none']}, lambda *_: None)


def test_a_real_training_that_fails_has_its_reason():
    with pytest.raises(FamdaError, match=r"'broken' failed: .*nowhere"):
        fit_all({'broken': fit_arguments('street_world_source', 0, data__source='nowhere')}, lambda *_: None)


def test_values_become_arguments_of_the_command():
    arguments = fit_arguments('street_world', 3, trainer__logger=False, data__validate=None, data__target={'path': 'a'})
    assert arguments[0] == '--config' and arguments[1].endswith('street_world.yaml')
    assert arguments[2:5] == ['--seed_everything=3', '--trainer.logger=False', '--data.validate=null']
    assert json.loads(arguments[5].removeprefix('--data.target=')) == {'path': 'a'}
