# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Progress on a terminal, quiet elsewhere."""
from __future__ import annotations

import re
import sys

import pytest
from training_runs import SELF, SOURCE, At, arguments, write_streets

from famda_ros.errors import FamdaError
from famda_train.commands import fit
from famda_train.training import training_cli
from famda_train.training.callbacks import progress


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_streets(tmp_path_factory.mktemp('street'))


class Watched(progress.StepProgressBar):
    """Note what is shown."""

    shown: list

    def _update(self, progress_bar_id, current, visible=True, hard=False):
        super()._update(progress_bar_id, current, visible, hard)
        self.shown.append((current, self.progress.tasks[0].total))


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    monkeypatch.setattr(training_cli, 'StepProgressBar', Watched)
    Watched.shown = []
    return Watched.shown


def test_steps_of_all_steps_also_after_a_resume(street, terminal, monkeypatch):
    args = arguments(SOURCE, street, 'a.ckpt', '--keep_every=2', steps=5)
    with pytest.raises(FamdaError, match='over'), monkeypatch.context() as context:
        context.setattr(training_cli, 'EndTogether', lambda: At(3, stop))
        fit.main(args)
    assert terminal == [(1, 5), (2, 5), (3, 5)]
    terminal.clear()
    fit.main([*args, '--resume=true'])
    assert terminal == [(3, 5), (4, 5), (5, 5)]


def stop(*_):
    raise FamdaError('over')


def test_the_bar_can_be_switched_off(street, terminal):
    fit.main(arguments(SOURCE, street, 'b.ckpt', '--trainer.enable_progress_bar=false', steps=1))
    assert terminal == []


def test_elsewhere_a_training_says_what_it_wrote_and_nothing_else(street, capfd, recwarn):
    fit.main(arguments(SOURCE, street, 'c.ckpt', '--data.workers=0', steps=2))
    said = capfd.readouterr()
    line = r'wrote (.*c\.ckpt) \(2 steps, loss [\d.]+\); score it with: famda evaluate \1 DATA\n'
    assert re.fullmatch(line, said.out)
    assert said.err == ''
    assert [str(warning.message) for warning in recwarn] == []


def test_without_a_terminal_a_line_now_and_then_names_step_rate_time_left_and_losses(street, monkeypatch, capsys):
    clock = iter(range(0, 1000, 20))  # every look at the clock is 20 s after the one before
    monkeypatch.setattr(training_cli, 'StepLines', lambda: progress.StepLines(30.0, lambda: next(clock)))
    fit.main(arguments(SELF, street, 'd.ckpt', '--data.workers=0', steps=6))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith('step ')]
    shape = r'step (\d) of 6, [\d.]+ steps/s, \d+:\d\d left, loss [\d.]+, target loss [\d.]+, confident [\d.e-]+'
    assert [int(re.fullmatch(shape, line)[1]) for line in lines] == [2, 4, 6]


@pytest.mark.parametrize(
    ('arguments', 'line'),
    [
        ((240, 1000, 1.25, {'loss': 0.5123}), 'step 240 of 1000, 1.25 steps/s, 10:08 left, loss 0.512'),
        ((1, 40000, 2.0, {}), 'step 1 of 40000, 2 steps/s, 5:33:20 left'),
        ((7, -1, 0.5, {'target_loss': 2.0}), 'step 7, 0.5 steps/s, target loss 2'),
    ],
)
def test_the_words_of_a_line(arguments, line):
    assert progress.progress_line(*arguments) == line
