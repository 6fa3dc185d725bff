# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: a camera at a given rate, or as fast as the perception node publishes; for the bench.

Publishers: ``image`` (sensor_msgs/Image) and ``camera_info`` (CameraInfo).
Subscriptions: :data:`~famda_ros.harness.load_protocol.OUTPUTS`, whose arrival times are noted.
Parameters: ``folder`` (of the command and the reports), ``image`` (.npy file of what to send).
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from rclpy.task import Future
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.harness.load_protocol import COMMAND, OUTPUTS, READY, REPORT
from famda_ros.messages.camera_info import Intrinsics, pinhole_arrays
from famda_ros.messages.image_messages import fill_image
from famda_ros.messages.serialized_head import read_head
from famda_ros.nodes.run_node import run_node
from famda_ros.topics import CAMERA_INFO, IMAGE

POLL_S = 0.05
SECOND_FRAME_S = 0.03
"""The first two frames are so far apart: the node's queue holds one."""
SILENCE_S = 1.0
"""After so long without an output a frame was lost: another is sent."""
SETTLE_S = 0.5
"""A phase ends when no output came for so long, or for twice as long as an output takes."""
FOCAL = 0.7
"""Of the width."""
STAMP_AT = 4
"""Where the stamp stands in a serialised message that begins with a header."""


class PerceptionLoad(Node):
    """Does what the command file says, and writes a report after each command; see perception_load.py.

    Attributes:
        finished: future with an exit code; never set, the bench ends the process.
    """

    def __init__(self):
        """Declare parameters, subscribe to the outputs.

        Raises:
            FamdaError: no folder or image is given.
        """
        super().__init__('perception_load')
        self.finished: Future = Future()
        self._folder = Path(self._parameter('folder', 'folder of command and reports'))
        image = np.load(self._parameter('image', '.npy file with the image to send, uint8 [H, W, 3] RGB'))
        self._image_cdr, self._info_cdr = serialized_camera(image)
        self._image = self.create_publisher(Image, IMAGE, 5)
        self._info = self.create_publisher(CameraInfo, CAMERA_INFO, 5)
        self._command: dict[str, Any] = {'number': 0}
        self._sent: list[int] = []
        self._arrivals: dict[str, list[tuple[int, int]]] = {topic: [] for topic in OUTPUTS}
        self._start = self._end = self._last = 0.0
        self._camera: Timer | None = None
        self._sending = self._running = False
        for topic in OUTPUTS:
            self.create_subscription(Image, topic, self._listener(topic), QoSProfile(depth=20), raw=True)
        self._steady_timer(POLL_S, self._poll)

    def _parameter(self, name: str, description: str) -> str:
        about = ParameterDescriptor(description=description, read_only=True)
        value: str = self.declare_parameter(name, '', about).value
        if not value:
            raise FamdaError(f"the parameter '{name}' is not set: {description}")
        return value

    def _steady_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        return self.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _listener(self, topic: str) -> Callable[[bytes], None]:
        def on_output(cdr: bytes) -> None:
            received = time.time_ns()
            self._last = time.monotonic()
            self._arrivals[topic].append((read_head(cdr).stamp_ns, received))
            if topic == OUTPUTS[0] and self._sending and self._camera is None:
                self._send()  # now the frame that waited is being inferred, and this one waits

        return on_output

    def _send(self) -> None:
        stamp = time.time_ns()
        for publisher, cdr in ((self._info, self._info_cdr), (self._image, self._image_cdr)):
            struct.pack_into('<iI', cdr, STAMP_AT, *divmod(stamp, 10**9))
            publisher.publish(bytes(cdr))
        self._sent.append(stamp)

    def _poll(self) -> None:
        """Begin, continue or end a phase; say when the node is there."""
        ready = self._folder / READY
        if not ready.exists() and self._image.get_subscription_count() and self._info.get_subscription_count():
            write_atomically(ready, '')
        now = time.monotonic()
        if self._sending and now > self._end:
            self._stop_sending()
        if self._sending and self._camera is None and self._is_silent(now):
            self._last = now
            self._send()
        if self._running and not self._sending and self._is_settled(now):
            self._report()
        if not self._running:
            self._begin_next(now)

    def _is_silent(self, now: float) -> bool:
        wait = SECOND_FRAME_S if len(self._sent) == 1 else SILENCE_S
        return now - self._last > wait

    def _begin_next(self, now: float) -> None:
        path = self._folder / COMMAND
        command = json.loads(path.read_text()) if path.exists() else self._command
        if command['number'] == self._command['number']:
            return
        self._command = command
        self._sent, self._arrivals = [], {topic: [] for topic in OUTPUTS}
        self._start = self._last = now
        self._end = now + command['seconds']
        self._running = self._sending = True
        if command['rate']:
            self._camera = self._steady_timer(1.0 / command['rate'], self._send)
        self._send()

    def _stop_sending(self) -> None:
        self._sending = False
        if self._camera is not None:
            self.destroy_timer(self._camera)
            self._camera = None
        self._end = self._last = time.monotonic()

    def _is_settled(self, now: float) -> bool:
        latencies = [received - stamp for stamp, received in self._arrivals[OUTPUTS[-1]]]
        return now - self._last > max(SETTLE_S, 2e-9 * max(latencies, default=0))

    def _report(self) -> None:
        self._running = False
        report = {
            'number': self._command['number'],
            'start': self._start,
            'end': self._end,
            'sent': self._sent,
            'outputs': self._arrivals,
        }
        write_atomically(self._folder / REPORT, json.dumps(report))


def serialized_camera(image: np.ndarray) -> tuple[bytearray, bytearray]:
    """Return an image and its calibration as serialised messages, whose stamps can be written over.

    Args:
        image: uint8 [H, W, 3] RGB.
    """
    height, width = image.shape[:2]
    focal, header = FOCAL * width, Header(frame_id='camera')
    camera = Intrinsics.centred(focal, width, height)
    info = CameraInfo(header=header, width=width, height=height, **pinhole_arrays(camera))
    message = fill_image(Image(), image, 'rgb8', header)
    return bytearray(serialize_message(message)), bytearray(serialize_message(info))


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node('perception_load_node', PerceptionLoad, args)


if __name__ == '__main__':
    sys.exit(main())
