# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What one camera of the perception node publishes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField

from famda_ros.messages.camera_info import calibrated_size, fill_camera_info, intrinsics_of
from famda_ros.messages.image_messages import fill_image
from famda_ros.messages.point_cloud import fill_point_cloud, organised_points
from famda_ros.nodes.label_publisher import LabelPublisher
from famda_ros.nodes.qos_overrides import overridable
from famda_ros.pipeline.outputs import FrameOutputs
from famda_ros.pipeline.worker import Frame
from famda_ros.student.model_card import ModelCard
from famda_ros.topics import IMAGE_TOPICS, INFO_TOPICS, OVERLAY_COMPRESSED, POINTS

JPEG_FORMAT = 'rgb8; jpeg compressed bgr8'
"""As image_transport names a JPEG of an rgb8 image."""


class CameraOutputs:
    """Publishers of one camera."""

    def __init__(
        self, node: LifecycleNode, prefix: str, topics: Collection[str], points_stride: int, edge_filter: float
    ):
        """Create the publishers.

        Args:
            node: owner of the topics.
            prefix: namespace of the camera with a slash; '' = that of the node.
            topics: that the student can fill, see :func:`famda_ros.pipeline.outputs.topics_of`; there are no others.
            points_stride: pixels from point to point; 0 = no point cloud.
            edge_filter: of the points, degrees; 0 = none, see :func:`famda_ros.messages.point_cloud.flying`.

        Raises:
            FamdaError: a ``qos_overrides`` parameter of an output is wrong.
        """
        self._node = node
        self._prefix = prefix
        self._points_stride, self._edge_filter = points_stride, edge_filter
        kinds: dict[str, Any] = {**dict.fromkeys(IMAGE_TOPICS, Image), **dict.fromkeys(INFO_TOPICS, CameraInfo)}
        kinds[OVERLAY_COMPRESSED] = CompressedImage
        if points_stride:
            kinds[POINTS] = PointCloud2
        self._publishers = {topic: self._publisher(kind, topic) for topic, kind in kinds.items() if topic in topics}
        self._labels = LabelPublisher(node, prefix)

    def _publisher(self, kind: Any, topic: str) -> Publisher:
        name, qos = self._prefix + topic, QoSProfile(depth=5)
        options = overridable(self._node, 'publisher', name, qos)
        return self._node.create_publisher(kind, name, qos, qos_overriding_options=options)

    def wanted(self) -> frozenset[str]:
        """Return the topics with subscribers."""
        return frozenset(topic for topic, output in self._publishers.items() if output.get_subscription_count())

    def publish_labels(self, card: ModelCard, threshold: float) -> None:
        """Tell the classes, and the confidence 0..1 below which pixels have none, to everybody who ever listens."""
        self._labels.publish(card, threshold)

    def publish(self, frame: Frame, wanted: frozenset[str], outputs: FrameOutputs) -> None:
        """Publish the outputs of a frame with the frame's own header."""
        header, info = frame.message.header, frame.camera_info
        # All are made before the first is published, which wakes who listens, to compete for the cores.
        images = {t: fill_image(Image(), array, IMAGE_TOPICS[t], header) for t, array in outputs.images.items()}
        for topic, message in images.items():
            self._publishers[topic].publish(message)
        if outputs.jpeg is not None:
            jpeg = CompressedImage(header=header, format=JPEG_FORMAT)
            jpeg.data.frombytes(outputs.jpeg)
            self._publishers[OVERLAY_COMPRESSED].publish(jpeg)
        if info is None:
            return
        (width, height), (info_width, info_height) = outputs.size, calibrated_size(info)
        for topic in INFO_TOPICS:
            if topic in wanted and info_width and info_height:
                scaled = fill_camera_info(CameraInfo(), info, header, width / info_width, height / info_height)
                self._publishers[topic].publish(scaled)
        intrinsics = intrinsics_of(info, width, height)
        if POINTS in wanted and intrinsics is not None:
            assert outputs.image is not None and outputs.labels is not None and outputs.depth is not None
            points = organised_points(
                outputs.image, outputs.labels, outputs.depth, intrinsics, self._points_stride, self._edge_filter
            )
            self._publishers[POINTS].publish(fill_point_cloud(PointCloud2(), points, header, PointField))

    def close(self) -> None:
        """Destroy the publishers."""
        self._labels.close()
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
