# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""~/domain: whether the cameras see what the student was adapted to, latched as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from famda_ros.messages.camera_info import intrinsics_of
from famda_ros.pipeline.drift import ALARMS, DomainState, DriftMonitor
from famda_ros.pipeline.worker import PendingFrame
from famda_ros.student.model_card import ModelCard
from famda_ros.topics import DOMAIN


class DomainPublisher:
    """Watches the published frames of all cameras, and tells when what they see becomes another domain or home again.

    One thread watches; the JSON has ``model``, ``domain`` (of the student), ``state`` (the worst of the cameras') and
    ``cameras``: by name ``state``, ``since`` (nanoseconds of the node's clock), ``reason`` and ``score``.
    """

    def __init__(self, node: LifecycleNode):
        """Create the publisher."""
        self._node = node
        qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._publisher = node.create_publisher(String, f'~/{DOMAIN}', qos)
        self._monitors: dict[str, DriftMonitor] = {}
        self._published: dict[str, tuple[DomainState, int]] = {}

    def start(self, cameras: Iterable[str], card: ModelCard) -> None:
        """Begin anew, with nothing seen."""
        self._monitors = {name: DriftMonitor(card) for name in cameras}
        self._published = {name: (monitor.domain, self._now()) for name, monitor in self._monitors.items()}
        self._publish(card)

    def watch(self, frame: PendingFrame) -> None:
        """Take a frame that has been published."""
        name = frame.camera.name
        if self._monitors[name].card is not frame.card:
            self._monitors[name] = DriftMonitor(frame.card)
        camera = intrinsics_of(frame.frame.camera_info, frame.image.shape[1], frame.image.shape[0])
        domain = self._monitors[name].update(frame.image, frame.prediction, time.monotonic(), camera)
        frame.camera.statistics.domain(domain)
        before, since = self._published[name]
        if domain.state != before.state:
            since = self._now()
            self._log(name, domain, before)
        self._published[name] = domain, since
        if domain.state != before.state:
            self._publish(frame.card)

    def close(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_publisher(self._publisher)

    def _now(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _log(self, name: str, domain: DomainState, before: DomainState) -> None:
        camera = f"camera '{name}'" if name else 'camera'
        if domain.state in ALARMS:
            self._node.get_logger().warning(f'{camera}: {domain.reason}')
        elif before.state in ALARMS:
            self._node.get_logger().info(f'{camera}: {domain.reason} again')

    def _publish(self, card: ModelCard) -> None:
        states = [domain.state for domain, _ in self._published.values()]
        worst = next((state for state in ALARMS if state in states), states[0])
        cameras = {
            name: {'state': domain.state, 'since': since, 'reason': domain.reason, 'score': domain.score}
            for name, (domain, since) in self._published.items()
        }
        content = {'model': card.name, 'domain': card.domain, 'state': worst, 'cameras': cameras}
        self._publisher.publish(String(data=json.dumps(content)))
