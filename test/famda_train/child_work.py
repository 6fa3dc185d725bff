# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Work for other processes; they import this file."""
import os
import signal
import threading

from famda_ros.errors import FamdaError
from famda_train.child_process import ChildProcess
from famda_train.world.render import in_order


def double(parent, times):
    parent.report(os.getpid())
    for _ in range(times):
        parent.report(2 * parent.wait())


def refuse(parent, text):
    raise FamdaError(text)


def break_down(parent):
    raise KeyError('hole')


def ignore_requests_to_end(parent):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent.report(os.getpid())
    threading.Event().wait()


def start_a_child(connection):
    child = ChildProcess('the grandchild', double, 1)
    connection.send(child.receive()[1])
    threading.Event().wait()


def start_a_renderer(connection):
    """Send the id of a process of a pool of renderers; then wait to be killed."""
    pids = in_order(os.getpid, [()] * 8, workers=2, pixels=10**9)
    connection.send(next(pids))
    threading.Event().wait()
