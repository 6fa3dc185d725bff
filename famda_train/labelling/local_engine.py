# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The local engine: one worker process per core, or per GPU.

A worker that is killed is replaced and its frame tried again.  ``concurrent.futures`` gives up all
frames at the first killed process, so that its pool is of no use here.
"""
from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from famda_ros.errors import FamdaError
from famda_train.labelling.worker import (
    Job,
    Labeller,
    Outcome,
    available_bytes,
    cores,
    gpus_in_use,
    one_thread,
    resident_bytes,
)

TRIES = 3
"""So often a frame, or the start of a worker, may kill a worker."""
GROWTH = 2
"""A worker at work may need this much of the memory that it has when its teacher is loaded."""
KILLED = 'its worker was killed {} times; is there enough memory?'


@dataclass(frozen=True)
class Ready:
    """A worker's first message."""

    identity: dict[str, Any]
    gpus: int
    memory: int


@dataclass(frozen=True)
class Failure:
    """A worker's last message: a sentence for the user, or the traceback of a bug."""

    text: str
    is_bug: bool


def _work(connection: Connection, job: Job, environment: Mapping[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's
    os.environ.update(environment)
    try:
        with one_thread():
            labeller = Labeller(job)
            connection.send(Ready(labeller.identity, gpus_in_use(), resident_bytes()))
            while True:
                connection.send(labeller(connection.recv()))
    except (EOFError, ConnectionError):
        pass  # the driver is gone
    except FamdaError as error:
        connection.send(Failure(str(error), is_bug=False))
    except Exception:
        connection.send(Failure(traceback.format_exc(), is_bug=True))


class Worker:
    """A process with a labeller, as the driver sees it.

    Attributes:
        connection: becomes readable when the worker has something to tell, or ended.
        frame: what it works on; None = it is starting or idle.
        ready: its first message; None = it is starting.
    """

    def __init__(self, job: Job, environment: Mapping[str, str]):
        context = multiprocessing.get_context('spawn')
        self.connection, theirs = context.Pipe()
        self.frame: int | None = None
        self.ready: Ready | None = None
        self._process = context.Process(target=_work, args=(theirs, job, environment), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def give(self, frame: int) -> None:
        """Let it label a frame."""
        self.frame = frame
        with contextlib.suppress(OSError):  # killed while it was idle: noticed when its outcome is read
            self.connection.send(frame)

    def take(self) -> Outcome | None:
        """Read what it has to tell: an outcome, or None = it is ready.

        Raises:
            EOFError: it was killed.
            FamdaError: its teacher cannot be built.
        """
        try:
            message = self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise EOFError from error
        if isinstance(message, Failure):
            raise RuntimeError(f'in a worker:\n{message.text}') if message.is_bug else FamdaError(message.text)
        if isinstance(message, Ready):
            self.ready = message
            return None
        self.frame = None
        return message

    def end(self) -> None:
        """End it at once."""
        self.connection.close()
        self._process.kill()
        self._process.join()


class LocalEngine:
    """Worker processes of this machine.

    Args:
        workers: how many; None = one per GPU where the teacher computes on GPUs, else one per core, fewer where
            memory is short.
    """

    def __init__(self, workers: int | None = None):
        self._workers = workers

    @contextlib.contextmanager
    def start(self, job: Job) -> Iterator[LocalRun]:
        """Start the first worker, which shows what the others will need."""
        run = LocalRun(job, self._workers)
        try:
            run.start()
            yield run
        finally:
            run.end()


class LocalRun:
    """The driver's side of the worker processes of one job."""

    def __init__(self, job: Job, workers: int | None):
        self._job, self._workers = job, workers
        self._pool: dict[int, Worker] = {}
        self._failed_starts = 0
        self._first: Ready | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Of the teacher."""
        assert self._first is not None  # set by start()
        return self._first.identity

    def start(self) -> None:
        """Start one worker and wait until its teacher is ready."""
        while self._first is None:
            self._pool[0] = Worker(self._job, self._environment(0))
            try:
                self._pool[0].take()
            except EOFError:
                self._count_failed_start(0)
            else:
                self._first = self._pool[0].ready

    def outcomes(self, indices: Sequence[int]) -> Iterator[Outcome]:
        """Yield one outcome per frame, as they come.  A worker has one frame at a time."""
        todo, tries, left = deque(indices), Counter[int](), len(indices)
        assert self._first is not None  # set by start()
        places = range(worker_count(self._first, left, self._workers, self._any_gpu()))
        while left:
            self._hand_out(todo, places)
            for place in self._with_news():
                frame = self._pool[place].frame
                try:
                    outcome = self._pool[place].take()
                except EOFError:
                    outcome = self._killed(place, frame, todo, tries)
                if outcome is not None:
                    left -= 1
                    yield outcome

    def end(self) -> None:
        """End all workers."""
        for worker in self._pool.values():
            worker.end()
        self._pool.clear()

    def _hand_out(self, todo: deque[int], places: range) -> None:
        for place in places:
            if place not in self._pool:
                if todo:
                    self._pool[place] = Worker(self._job, self._environment(place))
            elif todo and self._pool[place].ready and self._pool[place].frame is None:
                self._pool[place].give(todo.popleft())

    def _with_news(self) -> list[int]:
        """Wait until workers have something to tell; return their places."""
        by_connection = {worker.connection: place for place, worker in self._pool.items()}
        return [by_connection[connection] for connection in wait(list(by_connection))]  # type: ignore[index]

    def _killed(self, place: int, frame: int | None, todo: deque[int], tries: Counter[int]) -> Outcome | None:
        """Make room for another worker; give up a frame that has killed enough of them."""
        if frame is None:
            self._count_failed_start(place)
            return None
        self._pool.pop(place).end()
        tries[frame] += 1
        if tries[frame] == TRIES:
            return Outcome(frame, fault=KILLED.format(TRIES))
        todo.appendleft(frame)
        return None

    def _count_failed_start(self, place: int) -> None:
        self._pool.pop(place).end()
        self._failed_starts += 1
        if self._failed_starts == TRIES:
            raise FamdaError(f'{TRIES} workers were killed while they started; is there enough memory? try --workers 1')

    def _environment(self, place: int) -> dict[str, str]:
        """Return the variables of a worker: with several GPUs one of them.  The first worker takes the first."""
        if not (place and self._first and self._first.gpus > 1 and self._any_gpu()):
            return {}
        visible = os.environ.get('CUDA_VISIBLE_DEVICES') or ','.join(map(str, range(self._first.gpus)))
        devices = visible.split(',')
        return {'CUDA_VISIBLE_DEVICES': devices[place % len(devices)]}

    def _any_gpu(self) -> bool:
        """Tell whether the teacher takes the GPU that it finds, not one that its settings name."""
        return self._job.teacher.settings.get('device', 'auto') in ('auto', 'cuda')


def worker_count(ready: Ready, frames: int, wanted: int | None, any_gpu: bool) -> int:
    """Return how many workers a job gets.

    Args:
        ready: what the first worker needs.
        frames: to label.
        wanted: number of workers; None = as many as the machine can feed.
        any_gpu: the teacher takes the GPU that it finds, not one that its settings name.
    """
    if wanted is not None:
        return min(wanted, frames)
    if ready.gpus:
        return min(ready.gpus if any_gpu else 1, frames)
    available = available_bytes()
    further = available // (GROWTH * ready.memory) if ready.memory and available else frames
    return min(cores(), frames, 1 + further)
