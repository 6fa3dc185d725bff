# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM during a training."""
from __future__ import annotations

import os
import signal

import pytest
import torch
from training_runs import SOURCE, At, arguments, fit, same, weights, write_streets

from famda_train.training import training_cli


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_streets(tmp_path_factory.mktemp('street'))


@pytest.fixture(autouse=True)
def handlers():
    """Lightning ignores further interrupts for good, and leaves alone a SIGTERM that another library has taken."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_what_was_reached_is_kept_and_continued_from(street, number, monkeypatch, capsys):
    whole = fit(arguments(SOURCE, street, f'whole{number}.ckpt', steps=4))
    args = arguments(SOURCE, street, f'stopped{number}.ckpt', '--keep_every=100', steps=4)
    with monkeypatch.context() as context:
        context.setattr(training_cli, 'EndTogether', lambda: At(1, lambda *_: os.kill(os.getpid(), number)))
        assert training_cli.main(args) == 130
    said = capsys.readouterr().err
    assert said == 'famda fit: interrupted at step 2; continue from step 2 with --resume=true\n'
    assert torch.load(street / f'stopped{number}.run' / 'last.ckpt', weights_only=True)['global_step'] == 2
    assert fit([*args, '--resume=true']) == {step: whole[step] for step in (3, 4)}
    assert same(weights(street / f'stopped{number}.ckpt'), weights(street / f'whole{number}.ckpt'))


def test_a_second_interrupt_does_not_wait_for_the_step(street, monkeypatch, capsys):
    def twice(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    args = arguments(SOURCE, street, 'twice.ckpt', '--keep_every=100', steps=4)
    monkeypatch.setattr(training_cli, 'EndTogether', lambda: At(1, twice))
    assert training_cli.main(args) == 130
    assert capsys.readouterr().err == 'famda fit: interrupted at step 1; nothing was kept yet\n'


def test_a_training_that_ends_gives_the_signal_back(street):
    before = signal.getsignal(signal.SIGINT)
    fit(arguments(SOURCE, street, 'quiet.ckpt', '--keep_every=100', steps=1))
    assert signal.getsignal(signal.SIGINT) is before
