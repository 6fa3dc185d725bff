# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How our nodes end: signals in the middle of anything, and faults that are none of a signal."""
from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from famda_ros.nodes.dds import environment

NODE = """
import sys, threading
import rclpy
from rclpy.node import Node
from rclpy.task import Future
from famda_ros.nodes.run_node import run_node

class Busy(Node):
    def __init__(self):
        super().__init__('busy')
        self.finished = Future()
        self.create_timer(0.001, {'fail': self.fail, 'end': self.fail, 'spin': lambda: None}[sys.argv[1]])
        print('ready', flush=True)

    def fail(self):
        if sys.argv[1] == 'end':
            threading.Timer(0.1, rclpy.try_shutdown).start()
        raise RuntimeError('a call into C++ ended early')

sys.exit(run_node('busy', Busy, sys.argv[:1]))
"""


def start(way):
    process = subprocess.Popen(
        [sys.executable, '-c', NODE, way],
        env=environment(45), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == 'ready\n'
    return process


@pytest.mark.parametrize('round', range(4))
def test_three_interrupts_in_a_row_end_it_as_one_does(round):
    """A terminal sends one, launch and a supervisor one more."""
    process = start('spin')
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_a_fault_that_comes_of_a_signal_is_none():
    """The signal has come, but rclpy's own thread has not shut the context down yet."""
    assert start('end').communicate(timeout=60) == ('', '')


def test_any_other_fault_is_shown():
    process = start('fail')
    assert 'a call into C++ ended early' in process.communicate(timeout=60)[1] and process.returncode == 1
