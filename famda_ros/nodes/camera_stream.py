# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One camera of the perception node: its topics, subscribed to only while somebody listens to an output."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from famda_ros.messages.camera_info import calibration_fault, focal_of, shape_fault
from famda_ros.nodes.camera_outputs import CameraOutputs
from famda_ros.nodes.camera_watch import CameraWatch
from famda_ros.nodes.qos_overrides import input_qos, overridable
from famda_ros.pipeline.camera_statistics import CameraStatistics
from famda_ros.pipeline.outputs import FrameOutputs
from famda_ros.pipeline.road_check import RoadCheck
from famda_ros.pipeline.throttle import Throttle
from famda_ros.pipeline.worker import Frame
from famda_ros.student.camera_geometry import shape_warning
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.model_card import ModelCard
from famda_ros.student.runtime import Prediction
from famda_ros.topics import CAMERA_INFO, COMPRESSED, IMAGE

PATIENCE_S = 0.5
"""So long the first image, or a newer one in its place, waits for the calibration, without which metres are wrong."""
DISCOVERY_S = 0.2
"""So long it waits where nobody is seen to publish a calibration: who does may not have been discovered yet."""
WARN_PERIOD_S = 5.0
"""A camera repeats a warning of one kind after so long."""


class CameraStream:
    """Subscriptions of one camera, and its state.

    Attributes:
        name: of the camera; '' = the one camera without a name.
        outputs: what is published.
        statistics: counters and times since the node was activated.
        camera_info: the newest calibration; None before the first.
        focal: fx in pixels of the newest frame; None where it is not calibrated.
        frame_id: of the newest image; '' before the first.
        road: the road as the student sees it, of measured frames.
        brightness, confidence: of the newest measured frame; None before the first.
    """

    def __init__(
        self, node: LifecycleNode, name: str, compressed: bool, topics: Collection[str], stride: int, edge_filter: float
    ):
        """Create the publishers; nothing is subscribed to yet.

        Args:
            node: owner of the topics.
            name: namespace of the camera's topics; '' = that of the node.
            compressed: whether to subscribe to image/compressed.
            topics, stride, edge_filter: see :class:`CameraOutputs`.

        Raises:
            FamdaError: a ``qos_overrides`` parameter of an input or output is wrong.
        """
        self.name = name
        self.compressed = compressed
        self.camera_info: CameraInfo | None = None
        self.focal: float | None = None
        self.brightness: float | None = None
        self.confidence: float | None = None
        self.frame_id = ''
        self.road = RoadCheck()
        self.statistics = CameraStatistics()
        self._node = node
        self._prefix = f'{name}/' if name else ''
        self._info_name = f'{self._prefix}{CAMERA_INFO}'
        self._on_frame: Callable[[str, Frame], None] | None = None
        self._info_subscription: Subscription | None = None
        self._image_subscription: Subscription | None = None
        self._held: Any = None
        self._first_image_at: float | None = None
        self._throttle = Throttle()
        self._watch = CameraWatch(node, self.statistics, self._prefix, compressed, self._warn_once)
        for topic, latched in ((self._info_name, True), (self._image_name, False)):  # used much later
            overridable(node, 'subscription', topic, input_qos(), durability=latched)
        self.outputs = CameraOutputs(node, self._prefix, topics, stride, edge_filter)

    def start(self, on_frame: Callable[[str, Frame], None]) -> None:
        """Begin to listen, as soon as somebody listens to an output."""
        self._on_frame = on_frame
        self.statistics.restart()
        self.road = RoadCheck()
        self.update()

    def stop(self) -> None:
        """Leave the inputs."""
        self._on_frame = None
        self._unsubscribe()

    def close(self) -> None:
        """Leave inputs and outputs."""
        self.stop()
        self.outputs.close()

    def wanted(self) -> frozenset[str]:
        """Return the output topics with subscribers."""
        return self.outputs.wanted()

    def publish(self, frame: Frame, wanted: frozenset[str], outputs: FrameOutputs) -> None:
        """Publish the outputs of a frame with the frame's own header."""
        self.outputs.publish(frame, wanted, outputs)

    def look_at_road(self, frame: Frame, prediction: Prediction, space: LabelSpace) -> None:
        """Measure how high the camera is above the road."""
        self.road.look(prediction, frame.camera_info, space)

    def update(self) -> None:
        """Subscribe or unsubscribe, as there are listeners or not; to be called a few times a second."""
        if self._on_frame is None:
            return
        if not self.wanted():
            self._unsubscribe()
        elif self._info_subscription is None:
            self._info_subscription = self._subscribe(CameraInfo, self._info_name, self._on_camera_info, latched=True)
            kind = CompressedImage if self.compressed else Image
            self._image_subscription = self._subscribe(kind, self._image_name, self._on_image)
            self.statistics.listen(True, time.monotonic())
        self._take_held()
        self._watch.look(self.image_topic, self._info_topic, self.camera_info is not None)

    def _may_begin(self) -> bool:
        """Tell whether images are of use: the calibration is known, or was waited for since the first image."""
        if self.camera_info is not None:
            return True
        now = time.monotonic()
        self._first_image_at = now if self._first_image_at is None else self._first_image_at
        waited = now - self._first_image_at
        return waited > (PATIENCE_S if self._node.count_publishers(self._info_topic) else DISCOVERY_S)

    @property
    def image_topic(self) -> str:
        """Full name of the topic of the images, after remapping."""
        return self._node.resolve_topic_name(self._image_name)

    @property
    def _image_name(self) -> str:
        """What to subscribe to; remapped once more then."""
        image = f'{self._prefix}{IMAGE}'
        # As image_transport does: remapping 'image' moves 'image/compressed' with it.
        return f'{self._node.resolve_topic_name(image)}{COMPRESSED}' if self.compressed else image

    @property
    def _info_topic(self) -> str:
        return self._node.resolve_topic_name(self._info_name)

    def _subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None], latched: bool = False) -> Subscription:
        qos = input_qos()
        options = overridable(self._node, 'subscription', topic, qos, durability=latched)
        return self._node.create_subscription(kind, topic, callback, qos, qos_overriding_options=options)

    def _unsubscribe(self) -> None:
        self.statistics.listen(False, time.monotonic())
        for subscription in (self._image_subscription, self._info_subscription):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self._image_subscription = self._info_subscription = None
        self._held = self._first_image_at = None

    def _on_camera_info(self, msg: CameraInfo) -> None:
        if fault := calibration_fault(msg):
            # The last good one stays: a driver does not change its lens in between.
            self.statistics.malformed_calibration(fault)
            self._warn('calibration', fault)
            return
        self.camera_info = msg
        self._take_held()

    def _on_image(self, msg: Any) -> None:
        self._held = msg
        self._take_held()

    def _take_held(self) -> None:
        """Take the newest image, unless its calibration is waited for."""
        msg = self._held
        if msg is None or not self._may_begin():
            return
        self._held = None
        self.statistics.received(time.monotonic())
        self.frame_id = msg.header.frame_id
        if self._on_frame is not None:
            self._on_frame(self.name, Frame(msg, self.camera_info))

    def focal_of_frame(self, frame: Frame, width: int, height: int, card: ModelCard) -> tuple[float, float] | None:
        """Return (fx, fy) of the frame's camera in pixels of the image; None and a warning where it is not calibrated.

        Args:
            frame: with the calibration.
            width, height: of its image, pixels.
            card: of the student that sees it.

        Raises:
            MalformedImage: the network cannot see an image of this shape.
        """
        focal = focal_of(frame.camera_info, width, height)
        self.focal = focal and focal[0]
        if focal is None and card.focal is not None:
            sentence = "no calibrated camera_info: depth is for the model's focal length, not for this camera"
            self._warn('no calibration', sentence, math.inf)
        fault = shape_fault(frame.camera_info, width, height)
        self.statistics.calibration_of_shape(fault or shape_warning(card, width, height, *(focal or ())))
        return focal

    def age_ms(self, frame: Frame) -> float | None:
        """Return now minus the header stamp; None where that is unknown, or would be negative."""
        now = self._node.get_clock().now().nanoseconds
        stamp = frame.message.header.stamp  # not by rclpy.time.Time, which refuses stamps before 1970
        age = (now - stamp.sec * 10**9 - stamp.nanosec) * 1e-6
        return age if now and age >= 0 else None  # simulated time is 0 before the first /clock

    def malformed(self, sentence: str) -> None:
        """Count a frame that cannot be read, and warn now and then."""
        self.statistics.malformed(sentence)
        self._warn('image', sentence)

    def _warn(self, kind: str, sentence: str, period_s: float = WARN_PERIOD_S) -> None:
        if self._throttle.passes(kind, time.monotonic(), period_s):
            camera = f"camera '{self.name}'" if self.name else 'camera'
            self._node.get_logger().warning(f'{camera}: {sentence}')

    def _warn_once(self, sentence: str) -> None:
        self._warn(sentence, sentence, math.inf)
