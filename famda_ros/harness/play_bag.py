# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Play a bag through a real perception node, in processes of their own, and account for every frame."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_ros.harness.output_audit import account, compare
from famda_ros.messages.bag_reader import choose_image_topic, iter_frames, topics_of
from famda_ros.messages.bag_types import COMPRESSED_IMAGE
from famda_ros.messages.serialized_head import Seen
from famda_ros.nodes.dds import environment
from famda_ros.pipeline.camera_statistics import COUNTERS
from famda_ros.topics import RECORDED_TOPICS

POLL_S = 0.05

Meanwhile = Callable[[int, Mapping[str, str]], object]
"""Called with (answers so far, environment of processes that are to talk with the node)."""


def _end_with_parent() -> None:
    """Ask Linux for a SIGINT when the parent dies, even of SIGKILL: no node is left behind."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


class Process:
    """A node in a process of its own; what it prints goes to a log file."""

    def __init__(self, module: str, arguments: list[str], env: dict[str, str], folder: Path):
        """Start ``python -m famda_ros.<module> --ros-args <arguments>``."""
        self.name = module.rpartition('.')[2]
        self.log = folder / f'{self.name}.log'
        with open(self.log, 'wb') as log:
            self._popen = subprocess.Popen(
                [sys.executable, '-m', f'famda_ros.{module}', '--ros-args', *arguments],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C at the terminal reaches the orchestrator only, which ends its processes in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code; None while it runs."""
        return self._popen.poll()

    def output(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(errors='replace').strip()

    def check_alive(self) -> None:
        """Raise FamdaError if it has ended."""
        if self.exit_code is not None:
            raise FamdaError(f'{self.name} ended with exit code {self.exit_code}: {self._last_line()}')

    def wait(self, timeout_s: float) -> int:
        """Wait for its end; return the exit code.

        Raises:
            FamdaError: it still runs after ``timeout_s``.
        """
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise FamdaError(f'{self.name} still runs after {timeout_s:.0f} s: {self._last_line()}') from None

    def interrupt(self, timeout_s: float = 20.0) -> int:
        """Send SIGINT once, as Ctrl-C does, and return the exit code."""
        self.signal(signal.SIGINT)
        return self.wait(timeout_s)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.exit_code is None:
            self._popen.send_signal(number)

    def end(self) -> None:
        """End it by all means."""
        if self.exit_code is None:
            with contextlib.suppress(FamdaError):
                self.interrupt(5.0)
        if self.exit_code is None:
            self._popen.kill()
            self._popen.wait()

    def _last_line(self) -> str:
        return (self.output().splitlines() or ['it printed nothing'])[-1]


@contextlib.contextmanager
def processes(folder: Path, domain_id: int | None) -> Iterator[Callable[..., Process]]:
    """Yield a function ``start(module, arguments)``; at the end every process it started is ended."""
    env = environment(domain_id)
    started: list[Process] = []

    def start(module: str, arguments: list[str]) -> Process:
        started.append(Process(module, arguments, env, folder))
        return started[-1]

    try:
        yield start
    finally:
        for process in reversed(started):
            process.end()


def parameters(**values: Any) -> list[str]:
    """Return ROS arguments that set parameters: numbers and texts."""
    arguments = []
    for name, value in values.items():
        # JSON is YAML: quotes keep a text like '123' or 'on' a text.
        arguments += ['-p', f'{name}:={json.dumps(str(value) if isinstance(value, os.PathLike) else value)}']
    return arguments


def read_report(path: Path) -> dict[str, Any]:
    """Return a report that another process keeps up to date; {} before the first."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


class _Watch:
    """Waits for what a node under test does, as long as it and its probe live and there is time."""

    def __init__(self, node: Process, probe: Process, report: Path, timeout_s: float, deadline: float):
        """Wait for nothing yet.

        Args:
            node, probe: must not end meanwhile.
            report: file that the probe keeps up to date.
            timeout_s: seconds for everything, for messages.
            deadline: when they are over, of time.monotonic().
        """
        self._processes, self._report, self._timeout_s, self._deadline = (node, probe), report, timeout_s, deadline

    def report(self) -> dict[str, Any]:
        """Return the probe's report; {} before the first."""
        return read_report(self._report)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds; raise FamdaError where ``what`` takes too long, or a process has ended."""
        while not condition():
            for process in self._processes:
                process.check_alive()
            if time.monotonic() > self._deadline:
                raise FamdaError(f'{what} took longer than {self._timeout_s:.0f} s; is the machine overloaded?')
            time.sleep(POLL_S)

    def wait_for_last_frames(self) -> None:
        """Wait until the node has no frame left, and what it published is recorded or does not come any more."""
        state = self.report()

        def settled() -> bool:
            # The diagnostics on their way when the player ended may be older than the last frame: wait for the
            # second.  Answers that have not come while two more diagnostics came are not coming any more.
            nonlocal state
            report = self.report()
            if report['reports'] < state['reports'] + 2:
                return False
            done = _node_is_done(report) and (_all_arrived(report) or _arrived(report) == _arrived(state))
            state = report
            return done

        self.wait_for(settled, 'answering the last frames')


def play_through_node(
    model: str | Path,
    bag: str | Path,
    out_bag: str | Path,
    domain_id: int | None = None,
    timeout_s: float = 120.0,
    rate: float = 1.0,
    threads: int = 0,
    image_topic: str | None = None,
    meanwhile: tuple[int, Meanwhile] | None = None,
) -> dict[str, Any]:
    """Play a bag into a perception node over DDS and record every output.

    Perception node, player and probe are three processes on this machine, with the
    project's Fast DDS profile.

    Args:
        model: student .onnx file, or a profile (.yaml) that names one.
        bag: recording with images, raw or compressed.
        out_bag: bag to write the outputs, labels and diagnostics into; must not exist.
        domain_id: ROS domain, 0..101; None = derived from this process' id.
        timeout_s: seconds for everything.
        rate: speed of playing.
        threads: CPU threads of one inference; 0 = one per core.
        image_topic: image topic in the bag; None = its only one.
        meanwhile: (answers after which it is called, function), called once while the bag is played.

    Returns:
        What :func:`famda_ros.harness.output_audit.compare` and :func:`~famda_ros.harness.output_audit.account`
        return, and ``labels`` (JSON text of the latched topic), ``diagnostics`` (the node's last
        values), ``exit_codes`` by process, ``transport`` ('raw' or 'compressed').

    Raises:
        FamdaError: a process fails or the time is over, with the reason.
    """
    model, bag, out_bag = (Path(os.path.abspath(p)) for p in (model, bag, out_bag))
    topics = topics_of(bag)
    topic = choose_image_topic(bag, topics, image_topic)
    first = next(iter_frames(bag, topic), None)
    if first is None:
        raise FamdaError(f"the bag '{bag}' has no images on {topic}; record it again")
    transport = 'compressed' if topics[topic][0] == COMPRESSED_IMAGE else 'raw'
    deadline = time.monotonic() + timeout_s
    if domain_id is None:
        domain_id = 1 + os.getpid() % 100
    with tempfile.TemporaryDirectory(prefix='famda-play-') as name, processes(Path(name), domain_id) as start:
        folder = Path(name)
        sent_file, report_file = folder / 'sent.json', folder / 'report.json'
        student = {'profile' if model.suffix == '.yaml' else 'model': model}
        node = start('nodes.perception_node', parameters(**student, threads=threads, image_transport=transport))
        probe = start('harness.probe_node', parameters(bag=out_bag, report=report_file))
        watch = _Watch(node, probe, report_file, timeout_s, deadline)
        watch.wait_for(lambda: watch.report().get('ready', False), 'starting the perception node')
        player = start(
            'nodes.bag_player_node',
            parameters(bag=bag, image_topic=topic, rate=float(rate), report=sent_file, wait_s=30.0),
        )
        if meanwhile is not None:
            count, act = meanwhile
            watch.wait_for(
                lambda: player.exit_code is not None or _answered(watch.report()) >= count,
                f'answering {count} frames',
            )
            act(_answered(watch.report()), environment(domain_id))
        watch.wait_for(lambda: player.exit_code is not None, 'playing the bag')
        if player.exit_code:
            player.check_alive()
        watch.wait_for_last_frames()
        exit_codes = {'bag_player_node': player.exit_code, 'perception_node': node.interrupt()}
        exit_codes['probe_node'] = probe.interrupt()
        report = watch.report()
        sent = [Seen.from_list(values) for values in json.loads(sent_file.read_text())['sent']]
    if any(exit_codes.values()):
        raise FamdaError(f'a process did not end cleanly, exit codes {exit_codes}')
    outputs = {t: [Seen.from_list(values) for values in seen] for t, seen in report['outputs'].items()}
    result = compare(sent, outputs, (first.image.shape[1], first.image.shape[0]))
    result.update(account(result['frames_sent'], result['frames_answered'], _counts(report)))
    result.update(
        transport=transport,
        labels=report['labels'],
        diagnostics=report['diagnostics'],
        not_recorded=report['lost'],
        exit_codes=exit_codes,
    )
    return result


def _counts(report: dict[str, Any]) -> dict[str, int]:
    return {name: int(report['diagnostics'].get(f'frames_{name}', 0)) for name in COUNTERS}


def _node_is_done(report: dict[str, Any]) -> bool:
    """Tell whether the node has nothing in the works."""
    counts = _counts(report)
    return counts['received'] == sum(counts[name] for name in COUNTERS if name != 'received')


def _arrived(report: dict[str, Any]) -> list[int]:
    return [len(report['outputs'][topic]) for topic in RECORDED_TOPICS]


def _answered(report: dict[str, Any]) -> int:
    return min(_arrived(report))


def _all_arrived(report: dict[str, Any]) -> bool:
    return _answered(report) >= _counts(report)['answered']
