# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Labelling under fire: frames that take long or kill who reads them, and drivers to be killed."""
from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.labelling.engines import open_engine
from famda_train.labelling.labelling import label_frames

STORE = 'teachers/masks-felzenszwalb'
COUNT = 12
DEADLINE_S = 120


class SlowFrames(FrameFolder):
    """Frames that take a while to read."""

    def image(self, index):
        """Wait, then read."""
        time.sleep(0.05)
        return super().image(index)


class DeadlyFrames(FrameFolder):
    """Frames one of which kills the process that reads it."""

    def image(self, index):
        """Read, unless it is the third frame."""
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().image(index)


class BuggyFrames(FrameFolder):
    """Frames that nobody foresaw."""

    def image(self, index):
        """Fail in a way that is no user's fault."""
        raise ZeroDivisionError('an unforeseen fault')


def files(store: Path) -> dict[str, bytes]:
    """Return the content of a store, file by file."""
    return {path.name: path.read_bytes() for path in store.iterdir()}


def label_slowly(folder: str, engine: str, workers: int) -> None:
    """Label masks, in a process to be killed."""
    with open_engine(engine, workers) as chosen:
        label_frames(SlowFrames(folder), 'masks', 'felzenszwalb', engine=chosen)


def label_on_a_full_disk(folder: str, workers: int, answer) -> None:
    """Label masks where no file can have more bytes than a few of these pictures; tell the error."""

    def track(outcomes, total):
        for number, outcome in enumerate(outcomes):
            yield outcome
            if number == 1:
                resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

    try:
        with open_engine('local', workers) as engine:
            label_frames(FrameFolder(folder), 'masks', 'felzenszwalb', track, engine=engine)
        answer.send('no error')
    except FamdaError as error:
        answer.send(str(error))


def start(function, *args):
    """Run a function of this file in a process that may have processes of its own."""
    process = multiprocessing.get_context('spawn').Process(target=function, args=args)
    process.start()
    return process


def kill_once_it_has_written(process, store: Path, entries: int) -> list[int]:
    """Kill a driver when so many entries are there; return the processes that it had."""
    index, end = store / 'index.jsonl', time.monotonic() + DEADLINE_S
    while not (index.exists() and index.read_bytes().count(b'\n') >= entries):
        assert process.is_alive() and time.monotonic() < end
        time.sleep(0.01)
    had = descendants(process.pid)
    process.kill()
    process.join()
    return had


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have, and so on."""
    parents = {}
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(')')[2].split()[1])
        except (OSError, IndexError):  # ended in the meantime
            continue
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def wait_until_gone(pids: list[int]) -> None:
    """Wait until processes have ended."""
    end = time.monotonic() + DEADLINE_S
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < end, f'{left} still run'
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
