# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Steps are done once each, and their progress is told with and without a terminal."""
from __future__ import annotations

import json

import pytest
from rich.progress import Progress as Bars

from famda_ros.errors import FamdaError
from famda_train.adapt.steps import Progress, StepFolder


def test_a_step_is_done_once_and_again_only_where_it_was_not_finished(tmp_path):
    calls = []

    def work(value):
        def do():
            calls.append(value)
            if value == 'broken':
                raise RuntimeError('power failure')
            return {'value': value}

        return do

    run, product = StepFolder(tmp_path / 'run', 'run.json', {'a': 1}), tmp_path / 'run' / 'product'
    assert run.step('one', work('one')) == {'value': 'one'}
    with pytest.raises(RuntimeError):
        run.step('two', work('broken'), product)
    product.mkdir()
    (product / 'half').touch()

    run = StepFolder(tmp_path / 'run', 'run.json', {'a': 1})
    assert run.step('one', work('again')) == {'value': 'one'} and run.state['running'] == 'two'
    assert run.step('two', work('two'), product) == {'value': 'two'} and not product.exists()
    assert calls == ['one', 'broken', 'two'] and run.state['begun'] == {'one': 1, 'two': 2}
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['running'] is None


def test_what_a_resumable_step_has_made_stays(tmp_path):
    run, product = StepFolder(tmp_path / 'run', 'run.json', {}), tmp_path / 'run' / 'product'
    product.touch()
    run.step('one', product.exists, product, resumable=True)
    assert run.state['results']['one'] is True


def test_other_settings_are_refused(tmp_path):
    StepFolder(tmp_path / 'run', 'run.json', {'a': 1})
    with pytest.raises(FamdaError, match='other settings'):
        StepFolder(tmp_path / 'run', 'run.json', {'a': 2})


def test_a_line_every_half_minute_where_there_is_no_terminal(capsys):
    now = [0.0]
    with Bars(disable=True) as bars:
        progress = Progress(bars, ['one', 'two'], has_terminal=False, clock=lambda: now[0])
        progress.begin('two')
        for done in range(1, 100):
            now[0] += 1.0
            progress.update('fit', done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        'two (2 of 2)', 'fit: 30 of 100, 1 a second, 1:10 left', 'fit: 60 of 100, 1 a second, 0:40 left',
        'fit: 90 of 100, 1 a second, 0:10 left',
    ]  # fmt: skip


def test_nothing_is_printed_between_the_bars_of_a_terminal(capsys):
    now = [0.0]
    with Bars(disable=True) as bars:
        progress = Progress(bars, ['one'], has_terminal=True, clock=lambda: now[0])
        progress.begin('one')
        for item in progress.track(range(3), total=3, description='label'):
            now[0] += 40.0 + item
        progress.end()
        assert [(task.completed, task.total) for task in bars.tasks] == [(1, 1), (3, 3)]
    assert capsys.readouterr().err == ''
