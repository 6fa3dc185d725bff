# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A perception node in a process of its own, and a client that talks to it over DDS; for tests."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header, String

from famda_ros.harness.play_bag import Process, parameters
from famda_ros.messages.image_messages import fill_image
from famda_ros.nodes.dds import environment
from famda_ros.topics import IMAGE_TOPICS, INFO_TOPICS

KINDS = {**dict.fromkeys(IMAGE_TOPICS, Image), **dict.fromkeys(INFO_TOPICS, CameraInfo), 'depth/points': PointCloud2}
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TICKS = os.sysconf('SC_CLK_TCK')
LONG = os.environ.get('FAMDA_TEST_LONG') == '1'
"""Whether the tests run as long as the promises are worded, instead of some seconds."""


def stamp_of(message: Any) -> int:
    """Return the header stamp in nanoseconds."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def header(stamp_ns: int, frame_id: str = 'cam') -> Header:
    return Header(stamp=Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9), frame_id=frame_id)


def camera_info(stamp_ns: int, width: int, height: int, focal: float, frame_id: str = 'cam') -> CameraInfo:
    """Return the calibration of a pinhole that looks through the middle."""
    k = [focal, 0.0, (width - 1) / 2, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 1.0]
    return CameraInfo(
        header=header(stamp_ns, frame_id), width=width, height=height, distortion_model='plumb_bob', d=[0.0] * 5, k=k,
        r=np.eye(3).ravel().tolist(), p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0],
    )  # fmt: skip


PATIENCE_S = 60.0
"""On a machine that may be busy, only what takes longer than this is a fault."""


def promised(seconds: float) -> float:
    """Return a time that the documentation promises; on a machine that may be busy, far more.

    ``make test-long`` measures promises on a quiet machine.  Elsewhere only what never ends is a fault.
    """
    return seconds if LONG else PATIENCE_S


class Repeatedly:
    """Calls a function again and again, in a thread, as a camera driver publishes; a context manager."""

    def __init__(self, function: Callable[[], Any], rate_hz: float):
        self._function, self._period, self._stop = function, 1 / rate_hz, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            self._function()

    def __enter__(self) -> Repeatedly:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join(5)


class PerceptionClient:
    """Starts a perception node; publishes to it, listens to it, calls its services.

    Attributes:
        process: the node.
        node: the client's rclpy node.
        answers: messages by topic, as they came.
        times: monotonic seconds at which they came, by topic.
        reports: every DiagnosticArray, as {name of the status: (level, message, values)}.
    """

    def __init__(
        self,
        folder: Path,
        domain_id: int,
        monkeypatch: Any,
        wait: bool = True,
        remappings: Mapping[str, str] | None = None,
        **values: Any,
    ):
        """Start the node with remappings and parameters and, if so wanted, wait until it is active."""
        env = environment(domain_id)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        arguments = parameters(**values)
        for name, other in (remappings or {}).items():
            arguments += ['-r', f'{name}:={other}']
        self.process = Process('nodes.perception_node', arguments, env, folder)
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = rclpy.create_node('client', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._publishers: dict[str, Any] = {}
        self._subscriptions: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self.answers: dict[str, list[Any]] = defaultdict(list)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.reports: list[dict[str, tuple[int, str, dict[str, str]]]] = []
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._thread.start()
        if wait:
            self.wait_for(lambda: 'waiting for images' in self.process.output(), 30, 'the node to be active')

    def __enter__(self) -> PerceptionClient:
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.end()
        self._executor.shutdown(timeout_sec=2)
        self._context.try_shutdown()
        self._thread.join(5)
        self.node.destroy_node()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        self.reports.append(
            {s.name: (s.level[0], s.message, {v.key: v.value for v in s.values}) for s in msg.status}
        )

    def wait_for(self, condition: Callable[[], Any], timeout_s: float, what: str) -> float:
        """Wait until ``condition`` is true; return the seconds it took."""
        start = time.monotonic()
        timeout_s = timeout_s if LONG else max(timeout_s, PATIENCE_S)
        while not condition():
            assert self.process.exit_code is None, self.process.output()
            assert time.monotonic() - start < timeout_s, f'{what}: {timeout_s} s are over\n{self.process.output()}'
            time.sleep(0.01)
        return time.monotonic() - start

    def publisher(self, kind: Any, topic: str, qos: Any = 5) -> Any:
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        return self._publishers[topic]

    def send(self, array: np.ndarray, stamp_ns: int, topic: str = 'image', encoding: str = 'rgb8') -> None:
        self.publisher(Image, topic).publish(fill_image(Image(), array, encoding, header(stamp_ns)))

    def outputs_of(self, image: np.ndarray, topics: Iterable[str], info: CameraInfo | None = None) -> dict[str, Any]:
        """Send an image, and its calibration, until all topics answer it; return the newest messages of one stamp."""
        infos = self.publisher(CameraInfo, 'camera_info')
        self.publisher(Image, 'image')
        self.wait_for(lambda: self.subscribers() and self.subscribers('camera_info'), 10, 'the node to listen')
        outputs: dict[str, Any] = {}

        def answered() -> bool:
            stamp = time.time_ns()
            if info is not None:
                info.header = header(stamp)
                infos.publish(info)
            self.send(image, stamp)
            time.sleep(0.1)
            by_stamp = {topic: {stamp_of(m): m for m in list(self.answers[topic])} for topic in topics}
            complete = set.intersection(*map(set, by_stamp.values()))
            if len(complete) > 2:
                outputs.update({topic: messages[max(complete)] for topic, messages in by_stamp.items()})
            return bool(outputs)

        self.wait_for(answered, 20, 'outputs')
        return outputs

    def listen(self, *topics: str) -> None:
        """Subscribe to outputs; a topic may be in a camera's namespace."""
        for topic in topics:
            kind = next((k for name, k in KINDS.items() if topic.endswith(name)), String)
            qos = LATCHED if kind is String else QoSProfile(depth=200)

            def on_message(msg: Any, topic: str = topic) -> None:
                self.times[topic].append(time.monotonic())
                self.answers[topic].append(msg)

            self._subscriptions[topic] = self.node.create_subscription(kind, topic, on_message, qos)

    def leave(self, *topics: str) -> None:
        for topic in topics:
            self.node.destroy_subscription(self._subscriptions.pop(topic))

    def subscribers(self, topic: str = 'image') -> int:
        """Return how many subscriptions (of the node) there are to an input."""
        return self.node.count_subscribers(topic)

    def call(self, kind: Any, name: str, request: Any, timeout_s: float = 10.0) -> tuple[Any, float]:
        """Call a service of the node; return its answer and the seconds it took."""
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(kind, f'perception/{name}')
            assert client.wait_for_service(PATIENCE_S)
        start = time.monotonic()
        future = client.call_async(request)
        self.wait_for(future.done, timeout_s, name)
        return future.result(), time.monotonic() - start

    def set_profile(self, profile: str, timeout_s: float = 20.0, force: bool | None = None) -> Any:
        """Return the result of ~/set_profile: successful, reason."""
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=profile)
        request = SetParametersAtomically.Request(parameters=[ParameterMessage(name='profile', value=value)])
        if force is not None:
            value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=force)
            request.parameters.append(ParameterMessage(name='force', value=value))
        return self.call(SetParametersAtomically, 'set_profile', request, timeout_s)[0].result

    def set_parameter(self, name: str, value: ParameterValue) -> Any:
        request = SetParameters.Request(parameters=[ParameterMessage(name=name, value=value)])
        return self.call(SetParameters, 'set_parameters', request)[0].results[0]

    def get_parameter(self, name: str) -> tuple[ParameterValue, float]:
        answer, seconds = self.call(GetParameters, 'get_parameters', GetParameters.Request(names=[name]))
        return answer.values[0], seconds

    def state(self) -> tuple[str, float]:
        answer, seconds = self.call(GetState, 'get_state', GetState.Request())
        return answer.current_state.label, seconds

    def change_state(self, transition: str, timeout_s: float = 20.0) -> tuple[bool, float]:
        request = ChangeState.Request()
        request.transition.label = transition
        answer, seconds = self.call(ChangeState, 'change_state', request, timeout_s)
        return answer.success, seconds

    def values(self, status: str = 'camera') -> dict[str, str]:
        """Return the newest values of a status; {} before the first."""
        return self.reports[-1].get(f'perception: {status}', (0, '', {}))[2] if self.reports else {}

    def counts(self, camera: str = 'camera') -> dict[str, int]:
        """Return the newest counters of a camera."""
        return {
            k.removeprefix('frames_'): int(v) for k, v in self.values(camera).items() if k.startswith('frames_')
        }

    def fresh_report(self) -> None:
        """Wait for a diagnostic report that says what is now."""
        before = len(self.reports)
        self.wait_for(lambda: len(self.reports) >= before + 2, 5, 'diagnostics')

    def cpu_seconds(self) -> float:
        """Return the processor time that the node has used."""
        fields = Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def tcp_sockets(self) -> int:
        """Return how many TCP sockets the node has open."""
        process = Path(f'/proc/{self.process.pid}')
        tables = [process / 'net' / name for name in ('tcp', 'tcp6')]
        inodes = {line.split()[9] for table in tables if table.exists() for line in table.read_text().splitlines()[1:]}
        files = [os.readlink(fd) for fd in (process / 'fd').iterdir() if fd.is_symlink()]
        assert any(file.startswith('socket:') for file in files), 'DDS has sockets: this finds none'
        return sum(file.startswith('socket:') and file[8:-1] in inodes for file in files)

    def memory_mb(self) -> float:
        """Return the resident memory of the node."""
        pages = int(Path(f'/proc/{self.process.pid}/statm').read_text().split()[1])
        return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def constant(width: int, height: int, red: int, green: int, blue: int) -> np.ndarray:
    """Return an image of one colour."""
    return np.full((height, width, 3), (red, green, blue), np.uint8)
