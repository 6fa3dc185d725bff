# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Engines: where the workers of a labelling run are."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from famda_ros.errors import FamdaError, choose
from famda_train.labelling.worker import Job, Labeller, Outcome, one_thread


class Run(Protocol):
    """A job whose teacher is ready."""

    @property
    def identity(self) -> dict[str, Any]:
        """What the store records about the teacher."""
        ...

    def outcomes(self, indices: Sequence[int]) -> Iterator[Outcome]:
        """Yield one outcome per frame, in any order, no faster than they are taken."""
        ...


class Engine(Protocol):
    """A way to work on jobs."""

    def start(self, job: Job) -> AbstractContextManager[Run]:
        """Build the teacher of a job; at the end of the context, let it go."""
        ...


class InProcess:
    """Label in this process, one frame after the other."""

    @contextlib.contextmanager
    def start(self, job: Job) -> Iterator[_OneLabeller]:
        """Build the teacher here."""
        with one_thread():
            yield _OneLabeller(Labeller(job))


class _OneLabeller:
    def __init__(self, labeller: Labeller):
        self.identity, self._labeller = labeller.identity, labeller

    def outcomes(self, indices: Sequence[int]) -> Iterator[Outcome]:
        return map(self._labeller, indices)


ENGINES = ('local', 'ray')


@contextlib.contextmanager
def open_engine(name: str = 'local', workers: int | None = None, address: str | None = None) -> Iterator[Engine]:
    """Return an engine by name.

    Args:
        name: ``local``: processes of this machine; ``ray``: actors, on many machines.
        workers: how many; None = as many as the machines can feed, 0 (local only) = label in this process.
        address: of a Ray cluster; None = start Ray on this machine.

    Raises:
        FamdaError: no such engine, or these options do not go together.
    """
    choose(dict.fromkeys(ENGINES), name, 'engine')
    least = 0 if name == 'local' else 1
    if workers is not None and workers < least:
        raise FamdaError(f'--workers must be {least} or more with --engine {name}, not {workers}')
    if name == 'local':
        if address is not None:
            raise FamdaError('--address is that of a Ray cluster; add --engine ray, or leave it out')
        from famda_train.labelling.local_engine import LocalEngine

        yield InProcess() if workers == 0 else LocalEngine(workers)
        return
    from famda_train.labelling.ray_engine import RayEngine, ray_session

    with ray_session(workers, address) as not_cores:
        yield RayEngine(workers, not_cores)
