# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Work in another process."""
import multiprocessing
import os
import signal
from multiprocessing.connection import wait

import pytest
from child_work import break_down, double, ignore_requests_to_end, refuse, start_a_child, start_a_renderer

from famda_ros.errors import FamdaError
from famda_train.child_process import ChildProcess, ready


@pytest.fixture
def child():
    """Return a function that starts a child; all are ended."""
    children = []

    def start(*arguments):
        children.append(ChildProcess('the work', *arguments))
        return children[-1]

    yield start
    for started in children:
        started.end()


def pid_of(process):
    return process.receive()[1]


def test_values_go_both_ways_until_the_work_is_done(child):
    process = child(double, 2)
    assert pid_of(process) != os.getpid()
    for value in (3, 4):
        process.send(value)
        assert ready([process]) == [process] and process.receive() == (False, 2 * value)
    assert process.receive()[0] is True


def test_failures_have_their_reason(child):
    with pytest.raises(FamdaError, match=r'^the work failed: no such data$'):
        child(refuse, 'no such data').receive()
    with pytest.raises(FamdaError, match=r"(?s)the work failed: Traceback.*break_down.*KeyError: 'hole'"):
        child(break_down).receive()


def test_a_killed_process_is_noticed_and_sending_to_it_is_no_error(child):
    process = child(double, 1)
    os.kill(pid_of(process), signal.SIGKILL)
    with pytest.raises(FamdaError, match='the work was killed; is there enough memory'):
        process.receive()
    process.send(1)


def test_ctrl_c_is_for_the_parent(child):
    process = child(double, 1)
    os.kill(pid_of(process), signal.SIGINT)
    process.send(5)
    assert process.receive() == (False, 10)


def test_a_process_that_ignores_requests_is_ended(child, monkeypatch):
    monkeypatch.setattr('famda_train.child_process.GRACE_S', 0.1)
    process = child(ignore_requests_to_end)
    pid = pid_of(process)
    process.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize('start', [start_a_child, start_a_renderer])
def test_a_killed_parent_leaves_no_child(start):
    ours, theirs = multiprocessing.Pipe()
    # Not a ChildProcess: those are daemons, which must not have children.
    parent = multiprocessing.get_context('spawn').Process(target=start, args=(theirs,))
    parent.start()
    descriptor = os.pidfd_open(ours.recv())
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    try:
        assert wait([descriptor], timeout=60)
    finally:
        os.close(descriptor)
