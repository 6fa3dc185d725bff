# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The thread in which models are loaded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar('T')

SIGNAL_PERIOD_S = 0.05
"""So often one who waits looks whether the process shall end."""


class LoadingThread(Executor):
    """Runs one job after the other, all in the same thread.

    One thread for all models: memory that the C library keeps of one is reused for the next; with a thread for
    each model, every thread would keep its own.
    """

    def __init__(self) -> None:
        """Begin without a job."""
        self._thread = ThreadPoolExecutor(1, 'loading')
        self._jobs: list[Future[Any]] = []

    @property
    def busy(self) -> bool:
        """Whether a job runs, also an abandoned one."""
        return any(not job.done() for job in self._jobs)

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function in the thread."""
        job = self._thread.submit(function, *args, **kwargs)
        self._jobs = [other for other in self._jobs if not other.done()] + [job]
        return job

    def run(self, function: Callable[[], T], alive: Callable[[], bool]) -> T:
        """Run a function in the thread, and wait for its result.

        Args:
            function: what to run.
            alive: whether the process shall go on.

        Raises:
            KeyboardInterrupt: the process shall end; the function keeps running.
        """
        job = self.submit(function)
        while not wait([job], SIGNAL_PERIOD_S).done:
            if not alive():
                # Not an Exception: rclpy would complete the transition, which nobody would hear of.
                raise KeyboardInterrupt
        self._jobs.remove(job)  # it holds the model
        return job.result()

    def abandon(self) -> None:
        """Let the running job end beside those that come next."""
        if self.busy:
            self.close()
            self._thread = ThreadPoolExecutor(1, 'loading')

    def close(self) -> None:
        """Take no job any more."""
        self._thread.shutdown(wait=False)
