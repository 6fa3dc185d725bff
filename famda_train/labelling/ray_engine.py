# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The Ray engine: actors on one or many machines, fed and drained by Ray Data.

Every actor builds the teacher once.  Ray Data hands out blocks of frames, holds them back where
results are not taken fast enough, and gives the blocks of an actor or a machine that died to others.
"""
from __future__ import annotations

import contextlib
import logging
import os
import pickle
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.labelling.local_engine import KILLED, TRIES
from famda_train.labelling.worker import Job, Labeller, Outcome, cores, gpus_in_use, one_thread

MOST_PER_BLOCK = 16
"""Frames that an actor takes at once, at most; what a killed driver loses per actor."""
BLOCKS_PER_ACTOR = 8
"""So many blocks each actor gets at least, so that none is left with much when the others are done."""
OBJECT_STORE_BYTES = 512 * 2**20
"""For results on their way to the driver, where Ray is started here."""
RAY_DATA_CORES = 1
"""What Ray Data keeps for itself; Ray that is started here is given so many more than there are."""
QUIET = {'RAY_USAGE_STATS_ENABLED': '0', 'RAY_BACKEND_LOG_LEVEL': 'fatal'}
LOOPBACK = {'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER': '0'}
"""What keeps Ray on 127.0.0.1: the name is of another purpose, but without a cluster there is no other address."""
NO_CLUSTER = (
    "there is no Ray cluster at '{}' that this machine can join; start one with ray start --head, and on the other "
    'machines ray start --address HOST:PORT; if it asks for a token, set RAY_AUTH_MODE and RAY_AUTH_TOKEN here as there'
)


@contextlib.contextmanager
def ray_session(workers: int | None = None, address: str | None = None) -> Iterator[int]:
    """Be connected to Ray; one that this program is connected to already is taken as it is.

    Args:
        workers: actors that there shall be room for; None = one per core.
        address: of a cluster, HOST:PORT or ``auto``; None = start Ray on this machine, reachable from it alone,
            whatever cluster it belongs to or belonged to.

    Yields:
        How many of Ray's cores are not the machine's.

    Raises:
        FamdaError: Ray is not installed, cannot be started, or there is no cluster at the address.
    """
    if address and address != 'auto':
        _check_somebody_listens(address)
    os.environ.update(QUIET if address else {**QUIET, **LOOPBACK})  # read when ray is imported
    try:
        import ray.data
    except ModuleNotFoundError as error:
        raise FamdaError("Ray is not installed; get it with: pip install 'famda_ros[scale]'") from error
    if ray.is_initialized():
        yield 0
        return
    logging.getLogger('ray').setLevel(logging.ERROR)
    quiet: dict[str, Any] = {'log_to_driver': False, 'logging_level': logging.ERROR, 'configure_logging': True}
    here = {
        'address': 'local',
        'num_cpus': max(workers or 0, cores()) + RAY_DATA_CORES,
        'include_dashboard': False,
        'object_store_memory': OBJECT_STORE_BYTES,
    }
    try:
        with _no_chatter():
            ray.init(**quiet, **({'address': address} if address else here))
    except Exception as error:
        if address:
            raise FamdaError(NO_CLUSTER.format(address)) from error
        reason = str(error).splitlines()[0]
        raise FamdaError(f'Ray cannot be started here ({reason}); take --engine local') from error
    try:
        yield 0 if address else RAY_DATA_CORES
    finally:
        ray.shutdown()


def _check_somebody_listens(address: str) -> None:
    """Raise FamdaError unless somebody does; Ray itself would try for minutes."""
    host, _, port = address.rpartition(':')
    if not (host and port.isdigit()):
        raise FamdaError(f"--address is HOST:PORT of a Ray cluster, or auto, not '{address}'")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise FamdaError(NO_CLUSTER.format(address)) from error


@contextlib.contextmanager
def _no_chatter() -> Iterator[None]:
    """Hold back what Ray's C++ core writes to the terminal at its start; errors are raised, not written."""
    sys.stderr.flush()
    terminal, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nothing)


class RayEngine:
    """Actors of the cluster that this program is connected to, see :func:`ray_session`.

    Args:
        workers: how many; None = one per GPU where the teacher computes on GPUs, else one per core.
        not_cores: so many of Ray's cores are none of a machine.
    """

    def __init__(self, workers: int | None = None, not_cores: int = 0):
        self._workers, self._not_cores = workers, not_cores

    @contextlib.contextmanager
    def start(self, job: Job) -> Iterator[RayRun]:
        """Build the teacher once, to know what it is and what it needs."""
        import ray

        there = ray.cluster_resources()
        probe = ray.remote(num_cpus=1, num_gpus=min(1, there.get('GPU', 0)), max_retries=TRIES)(_look)
        try:
            found = ray.get(probe.remote(job))
        except ray.exceptions.WorkerCrashedError as error:
            raise FamdaError('workers were killed while they loaded the teacher; is there enough memory?') from error
        if isinstance(found, str):
            raise FamdaError(found)
        identity, gpus = found
        most = int(there['GPU']) if gpus else max(1, int(there['CPU']) - self._not_cores)
        yield RayRun(job, identity, self._workers or most, 1 if gpus else 0)


class RayRun:
    """The driver's side of the actors of one job."""

    def __init__(self, job: Job, identity: dict[str, Any], workers: int, gpus: int):
        self.identity, self._job, self._workers, self._gpus = identity, job, workers, gpus

    def outcomes(self, indices: Sequence[int]) -> Iterator[Outcome]:
        """Yield one outcome per frame, as they come."""
        import ray
        from ray.data import ActorPoolStrategy, DataContext, from_items

        if not indices:
            return
        context = DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger('ray.data').setLevel(logging.ERROR)
        attempts = ray.remote(num_cpus=0)(Attempts).remote()
        workers = min(self._workers, len(indices))
        frames = from_items(list(indices), override_num_blocks=-(-len(indices) // block_size(len(indices), workers)))
        outcomes = frames.map_batches(
            LabelBlock,
            batch_size=None,  # a block
            compute=ActorPoolStrategy(min_size=1, max_size=workers, max_tasks_in_flight_per_actor=2),
            fn_constructor_args=(self._job, attempts),
            num_cpus=1,
            num_gpus=self._gpus or None,
        )
        seen: set[int] = set()
        for row in outcomes.iter_rows():
            outcome = pickle.loads(row['outcome'])
            if outcome.index not in seen:
                seen.add(outcome.index)
                yield outcome


class LabelBlock:
    """What an actor does with a block of frames."""

    def __init__(self, job: Job, attempts):
        _go_to(job)
        self._attempts = attempts
        self._threads = contextlib.ExitStack()  # as long as the actor lives
        self._threads.enter_context(one_thread())
        self._labeller = Labeller(job)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outcomes of a block, pickled."""
        outcomes = [pickle.dumps(self._label(int(index))) for index in batch['item']]
        return {'outcome': np.array(outcomes, object)}

    def _label(self, index: int) -> Outcome:
        import ray

        if ray.get(self._attempts.begin.remote(index)) > TRIES:
            return Outcome(index, fault=KILLED.format(TRIES))
        outcome = self._labeller(index)
        self._attempts.end.remote(index)
        return outcome


class Attempts:
    """Counts how often a frame was begun and never ended: Ray itself would try a frame that kills actors for ever."""

    def __init__(self):
        self._open = Counter()

    def begin(self, index: int) -> int:
        """Return how many attempts at a frame have not ended, this one among them."""
        self._open[index] += 1
        return self._open[index]

    def end(self, index: int) -> None:
        """Take note that an attempt has ended."""
        self._open[index] -= 1


def block_size(frames: int, workers: int) -> int:
    """Return how many frames go to an actor at once."""
    return max(1, min(MOST_PER_BLOCK, frames // (workers * BLOCKS_PER_ACTOR)))


def _look(job: Job) -> tuple[dict[str, Any], int] | str:
    """Return (identity of the teacher, GPUs that it can use), or what is wrong."""
    _go_to(job)
    try:
        return Labeller(job).identity, gpus_in_use()
    except FamdaError as error:
        return str(error)


def _go_to(job: Job) -> None:
    """Go to the driver's folder, so that relative paths mean the same; on machines without it they mean nothing."""
    with contextlib.suppress(OSError):
        os.chdir(job.folder)
