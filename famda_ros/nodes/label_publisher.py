# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Names and colours of the classes, latched: as JSON, and as vision_msgs where that is installed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from famda_ros.student.model_card import ModelCard
from famda_ros.topics import LABEL_INFO, LABELS


class LabelPublisher:
    """Publishes ``segmentation/labels`` and ``segmentation/label_info`` of one camera."""

    def __init__(self, node: LifecycleNode, prefix: str):
        """Create the publishers.

        Args:
            node: owner of the topics.
            prefix: namespace of the camera with a slash; '' = that of the node.
        """
        self._node = node
        self._labels = node.create_publisher(String, f'{prefix}{LABELS}', _latched_qos())
        self._label_info = _label_info_publisher(node, f'{prefix}{LABEL_INFO}')

    def publish(self, card: ModelCard, threshold: float) -> None:
        """Publish the classes, latched, and the confidence 0..1 below which pixels are unlabelled."""
        self._labels.publish(String(data=card.labels_json()))
        if self._label_info is not None:
            publisher, label_info, vision_class = self._label_info
            message = fill_label_info(label_info(), vision_class, card.label_space.classes, threshold)
            message.header.stamp = self._node.get_clock().now().to_msg()
            publisher.publish(message)

    def close(self) -> None:
        """Destroy the publishers."""
        self._node.destroy_publisher(self._labels)
        if self._label_info is not None:
            self._node.destroy_publisher(self._label_info[0])


def fill_label_info(message: Any, vision_class: Any, classes: Sequence[str], threshold: float) -> Any:
    """Fill a fresh vision_msgs/LabelInfo and return it.

    Args:
        message: a new message.
        vision_class: the class vision_msgs/VisionClass.
        classes: names, train id 0 first.
        threshold: confidence 0..1 below which pixels are unlabelled.
    """
    message.class_map = [vision_class(class_id=i, class_name=name) for i, name in enumerate(classes)]
    message.threshold = float(threshold)
    return message


def _latched_qos() -> QoSProfile:
    return QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def _label_info_publisher(node: LifecycleNode, topic: str) -> tuple[Publisher, Any, Any] | None:
    """Return (publisher, LabelInfo, VisionClass); None without vision_msgs, which is not on PyPI."""
    try:
        messages = importlib.import_module('vision_msgs.msg')
    except ImportError:
        return None
    return node.create_publisher(messages.LabelInfo, topic, _latched_qos()), messages.LabelInfo, messages.VisionClass
