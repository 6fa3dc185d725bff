# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: camera image in; mask, confidence, colour picture and metric depth out."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from famda_ros.camera import focal_of
from famda_ros.colorize import color_mask
from famda_ros.convert import MalformedImage, compressed_to_rgb, fill_image, image_to_rgb
from famda_ros.errors import FamdaError
from famda_ros.frame_statistics import FrameStatistics
from famda_ros.latest_slot import LatestSlot
from famda_ros.run_node import run_node
from famda_ros.student import Student

INPUT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
OUTPUT_QOS = QoSProfile(depth=5)
LATCHED_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# topic: (encoding, what the student must answer for it)
OUTPUTS = {
    'segmentation/mask': ('mono8', 'labels'),
    'segmentation/confidence': ('mono8', 'confidence'),
    'segmentation/color': ('rgb8', 'labels'),
    'depth/image': ('32FC1', 'depth'),
}
TRANSPORTS = ('raw', 'compressed')
LATENCY_PLAUSIBLE_MS = 60_000.0


class PerceptionNode(Node):
    """Answers the newest image; images that come faster than the model can run are dropped.

    Attributes:
        finished: future with an exit code, set when the node cannot go on.
    """

    def __init__(self):
        """Declare parameters, load the model, connect topics.

        Raises:
            FamdaError: no model given, or it is no valid student.
        """
        super().__init__('perception')
        self.finished: Future = Future()
        self._declare_parameters()
        path = self.get_parameter('model').value
        if not path:
            raise FamdaError("no model given; set the parameter 'model' to a student .onnx file")
        self._transport = self.get_parameter('image_transport').value
        if self._transport not in TRANSPORTS:
            raise FamdaError(f"image_transport '{self._transport}' is unknown; choose one of {', '.join(TRANSPORTS)}")
        self._student = Student(path, self.get_parameter('threads').value)
        self._statistics = FrameStatistics()
        self._slot: LatestSlot[tuple[Any, CameraInfo | None]] = LatestSlot()
        self._camera_info: CameraInfo | None = None
        self._focal: float | None = None
        self._stopping = False
        self._outputs = {
            topic: self.create_publisher(Image, topic, OUTPUT_QOS, qos_overriding_options=_overridable())
            for topic in OUTPUTS
        }
        self._labels = self.create_publisher(String, 'segmentation/labels', LATCHED_QOS)
        self._labels.publish(String(data=self._student.card.labels_json()))
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Steady: a stuck node or a stopped /clock must not silence the report.
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._worker = threading.Thread(target=self._work, name='inference')
        self._subscribe()
        self._worker.start()
        self.get_logger().info(
            f"model '{self._student.card.name}' on {self._student.provider}, "
            f'{self._student.card.network_width}x{self._student.card.network_height}; waiting for images'
        )

    def _declare_parameters(self) -> None:
        def declare(name, default, description, **options):
            self.declare_parameter(name, default, ParameterDescriptor(description=description, **options))

        declare('model', '', 'student .onnx file with a FAMDA model card', read_only=True)
        declare(
            'threads',
            0,
            'CPU threads of one inference; 0 = one per core',
            read_only=True,
            integer_range=[IntegerRange(from_value=0, to_value=256, step=1)],
        )
        declare(
            'image_transport',
            'raw',
            "'raw' subscribes to image, 'compressed' to image/compressed",
            read_only=True,
            additional_constraints='raw or compressed',
        )
        milliseconds = [FloatingPointRange(from_value=0.0, to_value=3.6e6, step=0.0)]
        declare(
            'max_age_ms',
            0.0,
            'images older than this when their turn comes are dropped; 0 = never',
            floating_point_range=milliseconds,
        )
        declare(
            'diagnostics.max_allowed_processing_time_ms',
            200.0,
            'a frame that takes longer puts the diagnostics to WARN',
            floating_point_range=milliseconds,
        )

    def _subscribe(self) -> None:
        def on_camera_info(msg: CameraInfo) -> None:
            self._camera_info = msg

        self.create_subscription(
            CameraInfo, 'camera_info', on_camera_info, INPUT_QOS, qos_overriding_options=_overridable()
        )
        if self._transport == 'raw':
            kind, topic = Image, 'image'
        else:
            # As image_transport does: remapping 'image' moves 'image/compressed' with it.
            kind, topic = CompressedImage, self.resolve_topic_name('image') + '/compressed'
        self.create_subscription(kind, topic, self._on_image, INPUT_QOS, qos_overriding_options=_overridable())

    def _on_image(self, msg: Any) -> None:
        self._statistics.count('received')
        self._slot.put((msg, self._camera_info))

    def _work(self) -> None:
        """Answer frames until the node ends; runs in a thread so that services stay alive."""
        try:
            while not self._stopping:
                item = self._slot.take()
                if item is not None:
                    self._answer(*item)
        except Exception as error:
            if self._stopping or not self.context.ok():
                return  # publishers are gone: the node is being ended
            self.get_logger().fatal(f'inference stopped by {type(error).__name__}: {error}')
            self.finished.set_result(1)
            raise

    def _answer(self, msg: Any, camera_info: CameraInfo | None) -> None:
        wanted = [topic for topic, publisher in self._outputs.items() if publisher.get_subscription_count()]
        if not wanted:
            self._statistics.count('idle')
            return
        max_age_ms = self.get_parameter('max_age_ms').value
        age_ms = self._age_ms(msg)
        if max_age_ms > 0 and age_ms is not None and age_ms > max_age_ms:
            self._statistics.count('dropped')
            return
        start = time.perf_counter()
        try:
            image = image_to_rgb(msg) if self._transport == 'raw' else compressed_to_rgb(msg)
        except MalformedImage as error:
            self._statistics.malformed(str(error))
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)
            return
        decoded = time.perf_counter()
        self._focal = focal = focal_of(camera_info, image.shape[1])
        if focal is None and 'depth/image' in wanted:
            self.get_logger().warning(
                "no calibrated camera_info: depth is for the model's focal length, not for this camera", once=True
            )
        prediction = self._student.predict(image, focal, {OUTPUTS[topic][1] for topic in wanted})
        predicted = time.perf_counter()
        for topic in wanted:
            encoding, source = OUTPUTS[topic]
            array = getattr(prediction, source)
            if topic == 'segmentation/color':
                array = color_mask(array, self._student.card.label_space)
            self._outputs[topic].publish(fill_image(Image(), array, encoding, msg.header))
        times = dict(prediction.times_ms)
        times['preprocess'] += 1e3 * (decoded - start)
        times['postprocess'] += 1e3 * (time.perf_counter() - predicted)
        self._statistics.answered(times, self._age_ms(msg))

    def _age_ms(self, msg: Any) -> float | None:
        """Return now minus the header stamp; None where they are not of the same clock."""
        now = self.get_clock().now().nanoseconds
        age = (now - Time.from_msg(msg.header.stamp).nanoseconds) * 1e-6
        # Simulated time is 0 before the first /clock; replayed recordings carry old stamps.
        return age if now and 0 <= age <= LATENCY_PLAUSIBLE_MS else None

    def _report(self) -> None:
        limit = self.get_parameter('diagnostics.max_allowed_processing_time_ms').value
        report = self._statistics.report(self._slot.dropped, limit, self._focal)
        card = self._student.card
        values = {
            'model': card.name,
            'domain': card.domain,
            'precision': card.precision,
            'provider': self._student.provider,
            'weights_sha256': card.weights_sha256,
            **report.values,
        }
        status = DiagnosticStatus(
            level=bytes([report.level]),
            name=f'{self.get_fully_qualified_name().lstrip("/")}: frames',
            message=report.message,
            hardware_id=self._student.provider,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def destroy_node(self) -> None:
        """End the inference thread, then the node."""
        self._stopping = True
        self._slot.close()
        self._worker.join(timeout=10.0)
        super().destroy_node()


def _overridable() -> QoSOverridingOptions:
    """Let users change history, depth and reliability by ``qos_overrides`` parameters."""
    return QoSOverridingOptions.with_default_policies()


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node('perception_node', PerceptionNode, args)


if __name__ == '__main__':
    sys.exit(main())
