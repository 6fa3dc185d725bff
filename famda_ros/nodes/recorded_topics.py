# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of the graph are recorded, and their subscriptions."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_types import IMAGE, typestore
from famda_ros.messages.ring_buffer import BufferedMessage
from famda_ros.topics import COMPRESSED

RAW_TOPICS = r'(?<!/depth)/image(_raw|_color|_rect|_rect_color)?$'
EXPRESSIONS = ('topics', 'exclude', 'raw_topics')
DEPTH = 100
"""Messages that wait for this node at most: 3 s of a fast camera."""


class RecordedTopics:
    """Subscribes to what is to be recorded, as soon as somebody publishes it."""

    def __init__(
        self, node: Node, put: Callable[[BufferedMessage], None], topics: str, exclude: str, raw_topics: str
    ):
        """Subscribe to nothing yet.

        Args:
            node: owner of the subscriptions.
            put: takes every message.
            topics: regular expression that names match.
            exclude: regular expression that they do not match; '' = all may be.
            raw_topics: of raw images that have no compressed sibling; '' = none.

        Raises:
            FamdaError: one is no regular expression.
        """
        self._node, self._put = node, put
        self._wanted = expression('topics', topics)
        self._excluded = expression('exclude', exclude) if exclude else None
        self._raw = expression('raw_topics', raw_topics) if raw_topics else None
        self._subscriptions: dict[str, Subscription] = {}
        self._refused: set[str] = set()

    @property
    def names(self) -> list[str]:
        """Topics that are recorded."""
        return sorted(self._subscriptions)

    def look(self) -> None:
        """Subscribe to topics that are new in the graph."""
        graph = dict(self._node.get_topic_names_and_types())
        for topic, kinds in graph.items():
            listed = bool(self._wanted.search(topic)) and not (self._excluded and self._excluded.search(topic))
            raw = self._raw is not None and bool(self._raw.search(topic)) and f'{topic}{COMPRESSED}' not in graph
            if topic not in self._subscriptions and (listed or raw) and self._node.count_publishers(topic):
                self._subscribe(topic, kinds[0], raw and not listed)

    def _subscribe(self, topic: str, kind: str, raw: bool) -> None:
        fault = ''
        if raw and kind != IMAGE:
            return
        if kind not in typestore().fielddefs:
            fault = f"its type '{kind}' is unknown to rosbags"
        else:
            try:
                message = message_class(kind)
            except (ImportError, AttributeError):
                fault = f"'{kind.partition('/')[0]}' is not installed"
        if fault:
            if topic not in self._refused:
                self._refused.add(topic)
                self._node.get_logger().warning(f"'{topic}' is not recorded: {fault}")
            return
        offered = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
        qos = QoSProfile(depth=DEPTH)
        # What is promised by all publishers: else one of them would not be heard.
        if not all(o.reliability == ReliabilityPolicy.RELIABLE for o in offered):
            qos.reliability = ReliabilityPolicy.BEST_EFFORT
        latched = bool(offered) and all(o.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offered)
        if latched:
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL

        def on_message(cdr: bytes) -> None:
            self._put(BufferedMessage(topic, kind, cdr, self._node.get_clock().now().nanoseconds, latched))

        self._subscriptions[topic] = self._node.create_subscription(message, topic, on_message, qos, raw=True)
        self._node.get_logger().info(f"records '{topic}'{' as JPEG or PNG' if kind == IMAGE else ''}")


def expression(name: str, text: str) -> re.Pattern[str]:
    """Return a compiled regular expression.

    Args:
        name: of the parameter, for the message.
        text: the expression.

    Raises:
        FamdaError: it is none.
    """
    try:
        return re.compile(text)
    except re.error as error:
        raise FamdaError(f"the parameter '{name}' is no regular expression ({error}): {text}") from error


def message_class(kind: str) -> Any:
    """Return the class of a message type such as 'sensor_msgs/msg/Image'.

    Raises:
        ImportError, AttributeError: it is not installed.
    """
    package, _, name = kind.split('/')
    return getattr(importlib.import_module(f'{package}.msg'), name)
