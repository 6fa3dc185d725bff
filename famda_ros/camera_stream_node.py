# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One camera of the perception node: its topics, subscribed to only while somebody listens to an answer."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import String

from famda_ros.camera import calibration_fault, fill_camera_info, focal_of, intrinsics_of
from famda_ros.convert import fill_image
from famda_ros.frame_answer import IMAGE_TOPICS, INFO_TOPICS, POINTS_TOPIC, FrameAnswer
from famda_ros.frame_statistics import CameraStatistics
from famda_ros.inference_worker import Frame
from famda_ros.model_card import ModelCard
from famda_ros.point_cloud import fill_point_cloud, organised_points

LATENCY_PLAUSIBLE_MS = 60_000.0
PATIENCE_S = 0.5
"""So long the first image waits for the calibration, without which its depth would not be metric."""


class CameraStream:
    """Publishers and subscriptions of one camera.

    Attributes:
        name: of the camera; '' = the one camera without a name.
        statistics: counters and times since the node was activated.
        camera_info: the newest calibration; None before the first.
        focal: fx in pixels of the newest frame; None where it is not calibrated.
        brightness, confidence: of the newest measured frame; None before the first.
    """

    def __init__(self, node: LifecycleNode, name: str, compressed: bool, points_stride: int):
        """Create the publishers; nothing is subscribed to yet.

        Args:
            node: owner of the topics.
            name: namespace of the camera's topics; '' = that of the node.
            compressed: whether to subscribe to image/compressed.
            points_stride: pixels from point to point; 0 = no point cloud.
        """
        self.name = name
        self.compressed = compressed
        self.camera_info: CameraInfo | None = None
        self.focal: float | None = None
        self.brightness: float | None = None
        self.confidence: float | None = None
        self.statistics = CameraStatistics()
        self._node = node
        self._prefix = f'{name}/' if name else ''
        self._points_stride = points_stride
        self._on_frame: Callable[[str, Frame], None] | None = None
        self._info_subscription: Subscription | None = None
        self._image_subscription: Subscription | None = None
        self._waiting_since = 0.0
        kinds: dict[str, Any] = {topic: Image for topic in IMAGE_TOPICS}
        kinds |= {topic: CameraInfo for topic in INFO_TOPICS}
        if points_stride:
            kinds[POINTS_TOPIC] = PointCloud2
        self._outputs = {topic: self._publisher(kind, topic) for topic, kind in kinds.items()}
        self._labels = node.create_publisher(String, f'{self._prefix}segmentation/labels', _latched_qos())
        self._label_info = _label_info_publisher(node, f'{self._prefix}segmentation/label_info')

    def _publisher(self, kind: Any, topic: str) -> Publisher:
        return self._node.create_publisher(
            kind, self._prefix + topic, QoSProfile(depth=5), qos_overriding_options=_overridable()
        )

    def publish_labels(self, card: ModelCard) -> None:
        """Tell the classes, to everybody who ever listens."""
        self._labels.publish(String(data=card.labels_json()))
        if self._label_info is not None:
            publisher, label_info, vision_class = self._label_info
            message = label_info()
            message.header.stamp = self._node.get_clock().now().to_msg()
            message.class_map = [
                vision_class(class_id=i, class_name=name) for i, name in enumerate(card.label_space.classes)
            ]
            publisher.publish(message)

    def start(self, on_frame: Callable[[str, Frame], None]) -> None:
        """Begin to listen, as soon as somebody listens to an answer."""
        self._on_frame = on_frame
        self.statistics = CameraStatistics(self.statistics.limits)
        self.update()

    def stop(self) -> None:
        """Leave the inputs."""
        self._on_frame = None
        self._unsubscribe()

    def close(self) -> None:
        """Leave inputs and outputs."""
        self.stop()
        publishers = [*self._outputs.values(), self._labels]
        if self._label_info is not None:
            publishers.append(self._label_info[0])
        for publisher in publishers:
            self._node.destroy_publisher(publisher)

    def wanted(self) -> frozenset[str]:
        """Return the output topics with subscribers."""
        return frozenset(topic for topic, output in self._outputs.items() if output.get_subscription_count())

    def update(self) -> None:
        """Subscribe or unsubscribe, as there are listeners or not; to be called a few times a second."""
        if self._on_frame is None:
            return
        if not self.wanted():
            self._unsubscribe()
        elif self._info_subscription is None:
            self._waiting_since = time.monotonic()
            self._info_subscription = self._subscribe(CameraInfo, f'{self._prefix}camera_info', self._on_camera_info)
        elif self._image_subscription is None and self._may_begin():
            self._subscribe_images()

    def _may_begin(self) -> bool:
        """Tell whether images are of use: the calibration is known, or is not to be expected."""
        if self.camera_info is not None or time.monotonic() - self._waiting_since > PATIENCE_S:
            return True
        info_topic = self._node.resolve_topic_name(f'{self._prefix}camera_info')
        return bool(self._node.count_publishers(self.image_topic()[1])) and not self._node.count_publishers(info_topic)

    def image_topic(self) -> tuple[Any, str]:
        """Return the message type and the full name of the topic of the images."""
        raw = self._node.resolve_topic_name(f'{self._prefix}image')
        # As image_transport does: remapping 'image' moves 'image/compressed' with it.
        return (CompressedImage, f'{raw}/compressed') if self.compressed else (Image, raw)

    def _subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None]) -> Subscription:
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        return self._node.create_subscription(kind, topic, callback, qos, qos_overriding_options=_overridable())

    def _subscribe_images(self) -> None:
        self._image_subscription = self._subscribe(*self.image_topic(), self._on_image)
        self.statistics.listen(True, time.monotonic())

    def _unsubscribe(self) -> None:
        self.statistics.listen(False, time.monotonic())
        for subscription in (self._image_subscription, self._info_subscription):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self._image_subscription = self._info_subscription = None

    def _on_camera_info(self, msg: CameraInfo) -> None:
        if fault := calibration_fault(msg):
            # The last good one stays: a driver does not change its lens in between.
            self.statistics.malformed_calibration(fault)
            self._warn(fault)
            return
        self.camera_info = msg
        if self._image_subscription is None and self._info_subscription is not None:
            self._subscribe_images()

    def _on_image(self, msg: Any) -> None:
        self.statistics.received(time.monotonic())
        if self._on_frame is not None:
            self._on_frame(self.name, Frame(msg, self.camera_info))

    def focal_of_frame(self, frame: Frame, width: int) -> float | None:
        """Return fx of the frame's camera at the image's width; None and a warning where it is not calibrated."""
        self.focal = focal_of(frame.camera_info, width)
        if self.focal is None:
            self._node.get_logger().warning(
                f"camera '{self.name}': no calibrated camera_info: depth is for the model's focal length, "
                'not for this camera',
                once=True,
            )
        return self.focal

    def age_ms(self, frame: Frame) -> float | None:
        """Return now minus the header stamp; None where they are not of the same clock."""
        now = self._node.get_clock().now().nanoseconds
        stamp = frame.message.header.stamp  # not by rclpy.time.Time, which refuses stamps before 1970
        age = (now - stamp.sec * 10**9 - stamp.nanosec) * 1e-6
        # Simulated time is 0 before the first /clock; replayed recordings carry old stamps.
        return age if now and 0 <= age <= LATENCY_PLAUSIBLE_MS else None

    def malformed(self, sentence: str) -> None:
        """Count a frame that cannot be read, and warn now and then."""
        self.statistics.malformed(sentence)
        self._warn(sentence)

    def _warn(self, sentence: str) -> None:
        self._node.get_logger().warning(f"camera '{self.name}': {sentence}", throttle_duration_sec=5.0)

    def publish(self, frame: Frame, wanted: frozenset[str], answer: FrameAnswer) -> None:
        """Publish everything that is said about a frame, with the frame's own header."""
        header, info = frame.message.header, frame.camera_info
        for topic, array in answer.images.items():
            self._outputs[topic].publish(fill_image(Image(), array, IMAGE_TOPICS[topic], header))
        if info is None:
            return
        width, height = answer.size
        info_width, info_height = _image_size(info)
        for topic in INFO_TOPICS:
            if topic in wanted and info_width and info_height:
                message = fill_camera_info(CameraInfo(), info, header, width / info_width, height / info_height)
                self._outputs[topic].publish(message)
        intrinsics = intrinsics_of(info, width, height)
        if POINTS_TOPIC in wanted and intrinsics is not None:
            assert answer.image is not None and answer.labels is not None and answer.depth is not None
            points = organised_points(answer.image, answer.labels, answer.depth, intrinsics, self._points_stride)
            self._outputs[POINTS_TOPIC].publish(fill_point_cloud(PointCloud2(), points, header, PointField))


def _image_size(info: CameraInfo) -> tuple[float, float]:
    """Return the size of the images that a calibration is for; zeros where it does not say."""
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return width / max(1, info.binning_x), height / max(1, info.binning_y)


def _latched_qos() -> QoSProfile:
    return QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def _overridable() -> QoSOverridingOptions:
    """Let users change history, depth and reliability by ``qos_overrides`` parameters."""
    return QoSOverridingOptions.with_default_policies()


def _label_info_publisher(node: LifecycleNode, topic: str) -> tuple[Publisher, Any, Any] | None:
    """Return (publisher, LabelInfo, VisionClass); None without vision_msgs, which is not on PyPI."""
    try:
        messages = importlib.import_module('vision_msgs.msg')
    except ImportError:
        return None
    return node.create_publisher(messages.LabelInfo, topic, _latched_qos()), messages.LabelInfo, messages.VisionClass
