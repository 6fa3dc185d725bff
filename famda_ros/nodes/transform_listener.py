# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to /tf and /tf_static where tf2_msgs is installed; the node needs nothing else of tf2."""

from __future__ import annotations

import importlib
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from famda_ros.messages.transforms import TransformTree

TF, TF_STATIC = '/tf', '/tf_static'


class TransformListener:
    """Keeps the newest transforms.

    Attributes:
        tree: of frames; without tf2_msgs, which is part of every distribution but not on PyPI, it stays empty.
    """

    def __init__(self, node: Node):
        """Subscribe."""
        self.tree = TransformTree()
        self._node = node
        try:
            message = importlib.import_module('tf2_msgs.msg').TFMessage
        except ImportError:
            self._subscriptions = []
            return
        static = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(message, topic, self._on_transforms, qos)
            for topic, qos in ((TF, QoSProfile(depth=100)), (TF_STATIC, static))
        ]

    def _on_transforms(self, message: Any) -> None:
        self.tree.add(message.transforms)

    def close(self) -> None:
        """Leave the topics."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
