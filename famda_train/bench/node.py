# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench node``: what the running perception node makes of its network.

The node runs in one process, a camera with a listener in another; they talk over DDS.  The bare network is timed in
this process, in turns with the node: some seconds of one, then some of the other.  So other work of the machine slows
both alike, and their ratio can be trusted where their milliseconds cannot.
"""
from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.harness.load_protocol import COMMAND, OUTPUTS, READY, REPORT
from famda_ros.harness.play_bag import Process, parameters, processes, read_report
from famda_ros.pipeline.outputs import missing_topics
from famda_ros.student.bound_session import BoundSession
from famda_ros.student.model_card import read_card
from famda_ros.student.providers import PROVIDERS, candidates, provider_options, session_options
from famda_ros.student.resize import resize_image
from famda_ros.student.runtime import STAGES
from famda_train.bench.networks import LITE0, STUDENT
from famda_train.bench.runtime import camera_image

AS_FAST = 0.0
"""The rate of a camera that always has the next frame waiting."""
HEADLINE_RATE = 10.0
START_S, SLACK_S, POLL_S = 60.0, 60.0, 0.1
MEGABYTE = 1e6


@dataclass(frozen=True)
class NodeSetup:
    """What is measured.

    Attributes:
        model: student .onnx file.
        image: (height, width) of the camera.
        threads: CPU threads per inference; the headlines are of the first.
        rates: frames per second of the camera.
        seconds: length of each phase.
        rounds: number of turns of node and network.
        provider: a name of :data:`famda_ros.student.providers.PROVIDERS`.
    """

    model: str
    image: tuple[int, int] = (720, 1280)
    threads: tuple[int, ...] = (1, 2)
    rates: tuple[float, ...] = (HEADLINE_RATE, 30.0)
    seconds: float = 5.0
    rounds: int = 5
    provider: str = 'cpu'


def run_node_bench(setup: NodeSetup, progress) -> dict[str, Any]:
    """Return the headlines, see :func:`headlines`, ``rows``, ``setup``, and the ``load`` of the machine before.

    Args:
        setup: what is measured.
        progress: rich progress bar.

    Raises:
        FamdaError: ROS 2 is missing, the model cannot be used, or a process ended or sent no outputs.
    """
    check_ros()
    if missing := missing_topics(read_card(setup.model), OUTPUTS):
        raise FamdaError(f'{missing}, and the bench listens to all of {", ".join(OUTPUTS)}; give another student')
    load = os.getloadavg()[0]
    bar = progress.add_task('bench', total=len(setup.threads) * (2 * setup.rounds + len(setup.rates)))

    def advance(what: str) -> None:
        progress.update(bar, advance=1, description=what)

    rows = []
    for threads in setup.threads:
        progress.update(bar, description=f'{threads} thread{"s" * (threads > 1)}: start')
        rows += _rows(setup, threads, advance)
    return {**headlines(rows), 'rows': rows, 'load': round(load, 2), 'setup': asdict(setup)}


def check_ros() -> None:
    """Raise FamdaError where there is no ROS 2."""
    if importlib.util.find_spec('rclpy') is None:
        raise FamdaError("rclpy is missing; source a ROS 2 distribution or run: pip install 'famda_ros[ros]'")


def default_model(folder: Path, height: int, width: int) -> Path:
    """Return the student of ``famda bench runtime`` with random weights, which cost the same; exported if missing."""
    path = folder / f'{STUDENT}-fp32-{height}x{width}-{__version__}.onnx'
    if not path.exists():
        from famda_train.bench.networks import export_network  # torch, only if it is needed

        export_network(path, STUDENT, 'fp32', (height, width), 'cityscapes19', LITE0)
    return path


def headlines(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the numbers that count.

    Of the first number of threads, but for ``ratio_N_threads`` and ``rss_mb``.

    ``ratio``: frames per second of the node, fed as fast as it publishes, over those of the bare network.
    ``overhead_ms`` (work on a frame but for the network, until its last message is published), ``end_to_end_ms``
    (stamp of the image to the last message in the listener), ``stages_ms`` and ``cpu_percent`` (100 = one core): of a
    camera with 10 frames a second, else the slowest.  ``dropped``: {rate: frames without outputs}.
    ``rss_mb``: most resident memory of all rows, megabytes.
    """
    first = rows[0]['threads']
    found: dict[str, Any] = {}
    for row in rows:
        if row['rate_hz'] == AS_FAST:
            found['ratio' if row['threads'] == first else f'ratio_{row["threads"]}_threads'] = row['ratio']
    paced = [row for row in rows if row['threads'] == first and row['rate_hz'] != AS_FAST]
    shown = min(paced, key=lambda row: (row['rate_hz'] != HEADLINE_RATE, row['rate_hz']))
    found |= {key: shown[key] for key in ('overhead_ms', 'end_to_end_ms', 'stages_ms', 'cpu_percent')}
    found['dropped'] = {f'{row["rate_hz"]:g}': row['dropped'] for row in paced}
    found['rss_mb'] = max(row['rss_mb'] for row in rows)
    return found


@dataclass
class Phase:
    """What was seen while the camera sent in one way.

    Attributes:
        start, end: monotonic seconds between which frames were sent.
        sent: stamps, nanoseconds.
        outputs: {topic: [[stamp_ns, received_ns], ...]}.
        samples: [(monotonic seconds, processor seconds, resident megabytes), ...] of the node.
    """

    start: float
    end: float
    sent: list[int]
    outputs: dict[str, list[list[int]]]
    samples: list[tuple[float, float, float]]

    @property
    def whole(self) -> list[int]:
        """Stamps of the frames with all outputs, in order."""
        return sorted(set(self.sent).intersection(*({stamp for stamp, _ in a} for a in self.outputs.values())))

    def end_to_end_ms(self) -> list[float]:
        """Return milliseconds from each stamp to the last of its outputs in the listener."""
        last: dict[int, int] = {}
        for stamp, received in (pair for outputs in self.outputs.values() for pair in outputs):
            last[stamp] = max(received, last.get(stamp, 0))
        return [1e-6 * (last[stamp] - stamp) for stamp in self.whole]

    def cpu_s(self) -> float:
        """Return the processor time that the node used while frames were sent."""
        times, used, _ = zip(*self.samples, strict=True)
        return float(np.diff(np.interp([self.start, self.end], times, used))[0])

    def rate(self) -> float:
        """Return outputs per second while frames were sent; NaN where there are too few."""
        times = sorted(received for _, received in self.outputs[OUTPUTS[-1]])
        return (len(times) - 1) / (1e-9 * (times[-1] - times[0])) if len(times) > 1 else math.nan


@dataclass
class Bench:
    """A perception node that runs, and the camera before it.

    Attributes:
        node, load: the processes.
        folder: where they write.
        number: of the last phase.
    """

    node: Process
    load: Process
    folder: Path
    number: int = field(default=0)

    def phase(self, rate: float, seconds: float) -> Phase:
        """Let the camera send for some seconds, at ``rate`` frames per second or :data:`AS_FAST`."""
        self.number += 1
        samples = [usage(self.node.pid)]
        command = {'number': self.number, 'rate': rate, 'seconds': seconds}
        write_atomically(self.folder / COMMAND, json.dumps(command))

        def answered() -> bool:
            samples.append(usage(self.node.pid))
            return read_report(self.folder / REPORT).get('number') == self.number

        self.wait_for(answered, seconds + SLACK_S, 'a phase of the bench')
        report = read_report(self.folder / REPORT)
        return Phase(report['start'], report['end'], report['sent'], report['outputs'], samples)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait; a process that has ended, or that takes too long, is an error."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.node.check_alive()
            self.load.check_alive()
            if condition():
                return
            if time.monotonic() > deadline:
                raise FamdaError(f'{what} took longer than {timeout_s:.0f} s; is the machine overloaded?')
            time.sleep(POLL_S)

    def stages(self, phases: Sequence[Phase]) -> list[dict[str, float]]:
        """Return the node's own times of the frames of some phases, milliseconds of each stage."""
        lines = [json.loads(line) for line in (self.folder / 'times').read_text().splitlines()]
        return [line for line in lines if any(p.start < line['time'] < p.end for p in phases)]


@contextlib.contextmanager
def started(setup: NodeSetup, threads: int) -> Iterator[Bench]:
    """Yield a node that listens to its camera."""
    with (
        tempfile.TemporaryDirectory(prefix='famda-bench-') as name,
        processes(Path(name), 1 + os.getpid() % 100) as start,
    ):
        folder = Path(name)
        np.save(folder / 'image.npy', camera_image(*setup.image))
        node = start('harness.timing_node', parameters(
            model=Path(setup.model).absolute(), threads=threads, provider=setup.provider, times_file=folder / 'times',
        ))  # fmt: skip
        load = start('harness.load_node', parameters(folder=folder, image=folder / 'image.npy'))
        bench = Bench(node, load, folder)
        bench.wait_for((folder / READY).exists, START_S, 'starting the perception node')
        yield bench


def _rows(setup: NodeSetup, threads: int, advance: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the row of a camera that is as fast as the node, and one for each rate."""
    about = f'{threads} thread{"s" * (threads > 1)}'
    run = bare_network(setup, threads)
    with started(setup, threads) as bench:
        bench.phase(AS_FAST, min(2.0, setup.seconds))  # warms up
        phases, bare = [], []
        for _ in range(setup.rounds):
            advance(f'{about}: node')
            phases.append(bench.phase(AS_FAST, setup.seconds))
            advance(f'{about}: network')
            bare.append(bare_rate(run, setup.seconds))
        rows = [{**_row(bench, threads, AS_FAST, phases), **_ratio(phases, bare)}]
        for rate in setup.rates:
            advance(f'{about}: {rate:g} Hz')
            rows.append(_row(bench, threads, rate, [bench.phase(rate, setup.seconds)]))
    return rows


def _ratio(phases: Sequence[Phase], bare: Sequence[float]) -> dict[str, Any]:
    rates = [phase.rate() for phase in phases]
    ratios = [node / network for node, network in zip(rates, bare, strict=True)]
    if not np.isfinite(ratios).all():
        raise FamdaError('the node answered fewer than two frames in a phase; give more --seconds')
    return {
        'node_hz': round(float(np.median(rates)), 3),
        'bare_hz': round(float(np.median(bare)), 3),
        'ratio': round(float(np.median(ratios)), 3),
        'ratios': [round(ratio, 3) for ratio in ratios],
    }


def _row(bench: Bench, threads: int, rate: float, phases: Sequence[Phase]) -> dict[str, Any]:
    """Return what was measured at one rate."""
    frames = bench.stages(phases)
    latencies = [ms for phase in phases for ms in phase.end_to_end_ms()]
    if not frames or not latencies:
        raise FamdaError('no frame was answered in a phase; give more --seconds')
    sent, answered = sum(len(phase.sent) for phase in phases), len(latencies)
    return {
        'threads': threads,
        'rate_hz': rate,
        'sent': sent,
        'answered': answered,
        'dropped': sent - answered,
        'overhead_ms': _percentiles([frame['preprocess'] + frame['postprocess'] for frame in frames]),
        'end_to_end_ms': _percentiles(latencies),
        'stages_ms': {stage: round(float(np.median([frame[stage] for frame in frames])), 2) for stage in STAGES},
        'cpu_percent': round(100 * sum(p.cpu_s() for p in phases) / sum(p.end - p.start for p in phases), 1),
        'rss_mb': round(max(megabytes for phase in phases for _, _, megabytes in phase.samples), 1),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f'p{share}': round(float(np.percentile(values, share)), 2) for share in (50, 99)}


def bare_network(setup: NodeSetup, threads: int) -> Callable[[], Any]:
    """Return the network of the model on a picture, with the session options of the node and nothing around it."""
    candidates(setup.provider)
    card = read_card(setup.model)
    provider = PROVIDERS[setup.provider], provider_options(setup.provider, card.precision, threads, None)
    session = onnxruntime.InferenceSession(setup.model, session_options(threads), providers=[provider])
    bound = BoundSession(session, (card.network_height, card.network_width))
    bound.image[:] = resize_image(camera_image(*setup.image), card.network_width, card.network_height)
    bound(bound.image, ())
    return lambda: bound(bound.image, ())


def bare_rate(run: Callable[[], Any], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return runs per second.

    Args:
        run: what is timed.
        seconds: no run begins later than this.
        clock: returns seconds.
    """
    start, runs = clock(), 0
    while (passed := clock() - start) < seconds:
        run()
        runs += 1
    return runs / passed


def usage(pid: int) -> tuple[float, float, float]:
    """Return the time (monotonic), the processor seconds that a process has used, and its resident megabytes."""
    try:
        stat, statm = (Path(f'/proc/{pid}/{name}').read_text() for name in ('stat', 'statm'))
    except OSError as error:
        raise FamdaError(f'cannot read /proc/{pid} ({error.strerror}); famda bench node needs Linux') from error
    fields = stat.rpartition(')')[2].split()
    processor = (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
    return time.monotonic(), processor, int(statm.split()[1]) * os.sysconf('SC_PAGE_SIZE') / MEGABYTE
