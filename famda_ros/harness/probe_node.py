# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: records every output of a perception node, and when it came; for demo, bench and tests.

Subscriptions: :data:`~famda_ros.topics.RECORDED_TOPICS` (sensor_msgs/Image), ``segmentation/labels``
(std_msgs/String), ``/diagnostics`` (diagnostic_msgs/DiagnosticArray).
Parameters: ``bag`` (bag to write), ``report`` (JSON file that is kept up to date).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_msgs.msg import String

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.messages.bag_recorder import BagRecorder
from famda_ros.messages.bag_types import IMAGE, STRING
from famda_ros.messages.serialized_head import Seen, read_head
from famda_ros.nodes.run_node import run_node
from famda_ros.topics import LABELS, RECORDED_TOPICS

OUTPUT_QOS = QoSProfile(depth=100)
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
REPORT_PERIOD_S = 0.2


class PerceptionProbe(Node):
    """Subscribes to all outputs; keeps a JSON report up to date while it runs.

    The report: ``ready`` (every topic has its publisher and the labels came), ``outputs``
    {topic: [[stamp_ns, frame_id, width, height, encoding, received_ns], ...]}, ``labels``
    (text), ``diagnostics`` (values of the newest statuses, put together), ``reports`` (how many came), ``lost``.

    Attributes:
        finished: future with an exit code, set when recording fails.
    """

    def __init__(self):
        """Declare parameters, open the bag, subscribe.

        Raises:
            FamdaError: no bag or report given, or the bag exists.
        """
        super().__init__('perception_probe')
        self.finished: Future = Future()
        for name, description in (
            ('bag', 'bag to record the outputs into'),
            ('report', 'JSON file that is kept up to date'),
        ):
            self.declare_parameter(name, '', ParameterDescriptor(description=description, read_only=True))
            if not self.get_parameter(name).value:
                raise FamdaError(f"the parameter '{name}' is not set: {description}")
        self._outputs: dict[str, list[Seen]] = {topic: [] for topic in RECORDED_TOPICS}
        self._labels = ''
        self._diagnostics: dict[str, str] = {}
        self._status = ''
        self._reports = 0
        self._recorder: BagRecorder | None = BagRecorder(self.get_parameter('bag').value)
        self._topics = {topic: self._subscribe_image(topic) for topic in RECORDED_TOPICS}
        self._labels_topic = self._subscribe(LABELS, String, STRING, LATCHED_QOS, self._on_labels)
        self._subscribe('/diagnostics', DiagnosticArray, DIAGNOSTICS, QoSProfile(depth=10), self._on_diagnostics)
        self.create_timer(REPORT_PERIOD_S, self._write_report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _subscribe(self, topic: str, kind: Any, msgtype: str, qos: QoSProfile, callback: Any) -> str:
        """Subscribe to serialised messages, record them, hand them to ``callback``; return the full topic name."""
        name = self.resolve_topic_name(topic)
        latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL

        def on_message(cdr: bytes) -> None:
            received_ns = time.monotonic_ns()
            stamp_ns = callback(cdr, received_ns) or time.time_ns()
            if self._recorder is not None and not self.finished.done():
                try:
                    self._recorder.put(name, msgtype, cdr, stamp_ns, latched)
                except Exception as error:
                    print(f'perception_probe_node: recording stopped: {error}', file=sys.stderr)
                    self.finished.set_result(2)

        self.create_subscription(kind, topic, on_message, qos, raw=True)
        return name

    def _subscribe_image(self, topic: str) -> str:
        def on_image(cdr: bytes, received_ns: int) -> int:
            head = read_head(cdr)
            self._outputs[topic].append(Seen(head, received_ns))
            return head.stamp_ns

        return self._subscribe(topic, Image, IMAGE, OUTPUT_QOS, on_image)

    def _on_labels(self, cdr: bytes, received_ns: int) -> None:
        self._labels = deserialize_message(cdr, String).data

    def _on_diagnostics(self, cdr: bytes, received_ns: int) -> None:
        statuses = deserialize_message(cdr, DiagnosticArray).status
        self._diagnostics = {v.key: v.value for status in statuses for v in status.values}
        self._status = '; '.join(status.message for status in statuses)
        self._reports += 1

    def _write_report(self) -> None:
        ready = bool(self._labels) and all(self.count_publishers(topic) for topic in self._topics.values())
        report = {
            'ready': ready,
            'labels': self._labels,
            'diagnostics': self._diagnostics,
            'status': self._status,
            'reports': self._reports,
            'lost': self._recorder.lost if self._recorder else 0,
            'outputs': {topic: [seen.to_list() for seen in outputs] for topic, outputs in self._outputs.items()},
        }
        write_atomically(self.get_parameter('report').value, json.dumps(report))

    def destroy_node(self) -> None:
        """Write the last report and finish the bag, then end the node."""
        if self._recorder is not None:
            recorder, self._recorder = self._recorder, None
            recorder.close()
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node('perception_probe_node', PerceptionProbe, args)


if __name__ == '__main__':
    sys.exit(main())
