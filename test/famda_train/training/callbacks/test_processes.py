# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""When one process of a training fails, no other one stays behind."""
from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from famda_ros.errors import FamdaError
from famda_train.training.callbacks import processes
from famda_train.training.callbacks.processes import EndTogether


class Launcher:
    """What is used of Lightning's launcher of processes."""

    def __init__(self, *commands):
        self.procs = [subprocess.Popen(command, shell=True) for command in commands]

    def kill(self, signum):
        """Send a signal to all that still run."""
        for process in self.procs:
            if process.poll() is None:
                process.send_signal(signum)


@pytest.fixture
def launch(monkeypatch):
    """Return a function that gives a trainer with launched processes; what is left of them ends with the test."""
    monkeypatch.setattr(processes, 'PATIENCE_S', 0.5)
    launchers = []

    def trainer(*commands):
        launchers.append(Launcher(*commands))
        return SimpleNamespace(strategy=SimpleNamespace(launcher=launchers[-1]))

    yield trainer
    for launcher in launchers:
        launcher.kill(9)


def codes(trainer):
    return [process.wait(10) for process in trainer.strategy.launcher.procs]


@pytest.mark.parametrize('exception', [FamdaError('own reason'), RuntimeError('out of memory'), ValueError('other')])
def test_a_failure_here_ends_the_others_and_keeps_its_reason(launch, exception):
    trainer = launch('exec sleep 60', 'exec sleep 60')
    EndTogether().on_exception(trainer, None, exception)
    assert codes(trainer) == [-9, -9]


def test_a_connection_lost_to_a_process_that_failed_is_no_reason_of_its_own(launch):
    trainer = launch('exec sleep 60', 'sleep 0.1; exit 2')
    with pytest.raises(FamdaError, match='another process') as failure:
        EndTogether().on_exception(trainer, None, RuntimeError('connection closed by peer'))
    assert '\n' not in str(failure.value)
    assert codes(trainer) == [-9, 2]


def test_a_process_without_others_just_fails():
    trainer = SimpleNamespace(strategy=SimpleNamespace(launcher=None))
    EndTogether().on_exception(trainer, None, RuntimeError('alone'))
