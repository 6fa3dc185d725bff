# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Work in another process that reports meanwhile, fails with a reason, and never outlives the one that started it."""
from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from famda_ros.errors import FamdaError

GRACE_S = 5.0
"""Time that a process has to end when it is requested to, before it is killed."""


class Parent:
    """The process that started this one, as the work sees it."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def report(self, value: Any) -> None:
        """Send a value, which :meth:`ChildProcess.receive` returns."""
        self._connection.send(('report', value))

    def wait(self) -> Any:
        """Wait for :meth:`ChildProcess.send` and return its value.

        Raises:
            EOFError: the parent ends this process.
        """
        return self._connection.recv()


class ChildProcess:
    """A function that runs in a new process and ignores Ctrl-C, which its parent answers by ending it.

    Args:
        name: what the process does, for messages of errors.
        work: called with a :class:`Parent` and ``args``; like them, it can be pickled.
        args: of the work.
    """

    def __init__(self, name: str, work: Callable[..., None], *args: Any):
        # 'spawn' because this process may hold threads (torch, CUDA), which do not survive a fork.
        context = multiprocessing.get_context('spawn')
        self.name = name
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(work, theirs, args), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the connection

    def send(self, value: Any) -> None:
        """Send a value, which :meth:`Parent.wait` returns; lost where the process has ended: ``receive`` says why."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(value)

    def receive(self) -> tuple[bool, Any]:
        """Return (False, the next reported value), or (True, None) when the work is done.

        Raises:
            FamdaError: the work failed, with its reason, or the process was killed.
        """
        try:
            kind, value = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise FamdaError(f'{self.name} was killed; is there enough memory?') from None
        if kind == 'failed':
            raise FamdaError(f'{self.name} failed: {value}')
        return kind == 'done', value

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._connection.close()  # ends those that report or wait
        self._process.terminate()
        self._process.join(GRACE_S)
        self._process.kill()
        self._process.join()


def ready(processes: Sequence[ChildProcess]) -> list[ChildProcess]:
    """Wait until any of the processes has something to receive; return those that have."""
    found = wait([process._connection for process in processes])
    return [process for process in processes if process._connection in found]


def _run(work: Callable[..., None], connection: Connection, args: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too
    end_with_parent()
    try:
        work(Parent(connection), *args)
    except FamdaError as error:
        message = 'failed', str(error)
    except BaseException:
        message = 'failed', traceback.format_exc()
    else:
        message = 'done', ''
    with contextlib.suppress(OSError):  # nobody listens when the parent ends this process
        connection.send(message)


def end_with_parent() -> None:
    """From now on, end this process at once when the one that started it is gone, even if that was killed."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
