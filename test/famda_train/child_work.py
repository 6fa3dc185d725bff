# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Work for other processes; they import this file."""
import os
import signal
import threading

from famda_ros.errors import FamdaError
from famda_train.training.child_process import ChildProcess


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
