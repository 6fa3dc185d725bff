# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Progress on a terminal, quiet elsewhere."""
from __future__ import annotations

import re
import sys

import pytest
from training_runs import SOURCE, At, arguments, write_streets

from famda_ros.errors import FamdaError
from famda_train.commands import fit
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
    monkeypatch.setattr(fit, 'StepProgressBar', Watched)
    Watched.shown = []
    return Watched.shown


def test_steps_of_all_steps_also_after_a_resume(street, terminal, monkeypatch):
    args = arguments(SOURCE, street, 'a.ckpt', '--keep_every=2', steps=5)
    with pytest.raises(FamdaError, match='over'), monkeypatch.context() as context:
        context.setattr(fit, 'EndTogether', lambda: At(3, stop))
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
