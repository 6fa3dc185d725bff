# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Says once in the log, and in the diagnostics, why a camera sends nothing, and what is odd in all that it sends."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from famda_ros.messages.bag_types import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from famda_ros.pipeline.camera_statistics import CameraStatistics
from famda_ros.pipeline.silence import Offer, silence_reason
from famda_ros.pipeline.throttle import Throttle

SILENCE_S = 3.0
"""So long a camera may be silent before the graph is looked at: publishers must have been discovered by then."""
LOOK_PERIOD_S = 1.0


class CameraWatch:
    """Watches what one camera sends."""

    def __init__(
        self,
        node: Node,
        statistics: CameraStatistics,
        prefix: str,
        compressed: bool,
        warn_once: Callable[[str], None],
    ):
        """Begin without having looked.

        Args:
            node: that subscribes to the camera.
            statistics: of the camera; what the diagnostics say of it.
            prefix: of the names of the camera's inputs, before remapping.
            compressed: whether compressed images are subscribed to.
            warn_once: logs a sentence that it has not logged before.
        """
        self._node, self._statistics, self._prefix, self._warn_once = node, statistics, prefix, warn_once
        self._kind = COMPRESSED_IMAGE if compressed else IMAGE
        self._throttle = Throttle()

    def look(self, image_topic: str, info_topic: str, calibrated: bool) -> None:
        """Look whether the camera owes messages; to be called a few times a second.

        Args:
            image_topic: full name of the camera's images.
            info_topic: full name of its calibration.
            calibrated: whether a calibration that can be used has come.
        """
        now = time.monotonic()
        if not self._throttle.passes('look', now, LOOK_PERIOD_S):
            return
        if self._statistics.silent_s(now) > SILENCE_S:
            reason = why_silent(self._node, image_topic, self._kind, self._prefix)
            self._statistics.silent_because(reason)
            self._warn_once(f'no image arrives: {reason}')
        elif calibrated or self._statistics.calibrations_refused:
            self._statistics.uncalibrated_because('')
        elif self._statistics.listening_s(now) > SILENCE_S:
            reason = why_silent(self._node, info_topic, CAMERA_INFO, self._prefix)
            self._statistics.uncalibrated_because(reason)
            self._warn_once(f'no camera_info arrives: {reason}')
        if fault := self._statistics.faint_fault:
            self._warn_once(fault)


def why_silent(node: Node, topic: str, kind: str, prefix: str = '') -> str:
    """Return in one sentence why no message arrives at a topic that a node subscribes to.

    Args:
        node: that subscribes to it.
        topic: full name.
        kind: message type of the subscription.
        prefix: of the names of the camera's inputs, before remapping.
    """
    own = (node.get_name(), node.get_namespace())
    subscriptions = node.get_subscriptions_info_by_topic(topic)
    wanted = [info.qos_profile for info in subscriptions if (info.node_name, info.node_namespace) == own]
    offers = [
        Offer(
            f'{info.node_namespace.rstrip("/")}/{info.node_name}',
            info.topic_type,
            _qos_fault(info.qos_profile, wanted[0]) if wanted else '',
        )
        for info in node.get_publishers_info_by_topic(topic)
    ]
    return silence_reason(topic, kind, offers, topics_of_others(node), prefix)


def topics_of_others(node: Node) -> dict[str, list[str]]:
    """Return {topic: message types} of what other nodes publish."""
    own = dict(node.get_publisher_names_and_types_by_node(node.get_name(), node.get_namespace()))
    return {
        topic: list(kinds)
        for topic, kinds in node.get_topic_names_and_types()
        if node.count_publishers(topic) > (topic in own)
    }


def _qos_fault(offered: QoSProfile, wanted: QoSProfile) -> str:
    compatibility, reason = qos_check_compatible(offered, wanted)
    if compatibility != QoSCompatibility.ERROR:
        return ''
    return ', '.join(part.removeprefix('ERROR: ').lower() for part in reason.split(';') if part.strip())
