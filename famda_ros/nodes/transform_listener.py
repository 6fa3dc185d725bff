# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to /tf_static, and to /tf where that is not enough, if tf2_msgs is installed; needs nothing else of tf2."""

from __future__ import annotations

import importlib
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription

from famda_ros.messages.transforms import TransformTree

TF, TF_STATIC = '/tf', '/tf_static'
PATIENCE = 5
"""So often a height is asked for in vain before /tf is listened to: a robot sends hundreds of transforms a second."""


class TransformListener:
    """Keeps the newest transforms.  Without tf2_msgs, part of every distribution but not on PyPI, there are none."""

    def __init__(self, node: Node):
        """Subscribe to /tf_static."""
        self._tree = TransformTree()
        self._node = node
        self._unknown = 0
        self._subscriptions: dict[str, Subscription] = {}
        try:
            self._message: Any = importlib.import_module('tf2_msgs.msg').TFMessage
        except ImportError:
            self._message = None
        self._listen(TF_STATIC, QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL))

    def height(self, frame: str) -> float | None:
        """Return how high a frame lies above the ground, metres; None = unknown.  To be called about once a second."""
        height = self._tree.height(frame)
        self._unknown += bool(frame) and height is None
        if self._unknown >= PATIENCE and TF not in self._subscriptions:
            self._listen(TF, QoSProfile(depth=100))
        return height

    def _listen(self, topic: str, qos: QoSProfile) -> None:
        if self._message is not None:
            subscription = self._node.create_subscription(self._message, topic, self._on_transforms, qos)
            self._subscriptions[topic] = subscription

    def _on_transforms(self, message: Any) -> None:
        self._tree.add(message.transforms)

    def close(self) -> None:
        """Leave the topics."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions = {}
