# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: plays the images, calibration and fixed transforms of a bag, at the bag's rate.

Publishers: ``image`` (sensor_msgs/Image) or ``image/compressed`` (CompressedImage), ``camera_info`` (CameraInfo) where
the bag has one, and ``/tf_static`` (tf2_msgs/TFMessage) where tf2_msgs is installed.

Parameters: :data:`PARAMETERS` below, with types, units and defaults.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.messages.bag_reader import choose_image_topic, read_raw, topics_of
from famda_ros.messages.bag_types import COMPRESSED_IMAGE
from famda_ros.messages.camera_info import info_topic_of
from famda_ros.messages.serialized_head import Seen, read_head
from famda_ros.nodes.declare_parameters import declare_parameters
from famda_ros.nodes.run_node import run_node
from famda_ros.profiles.parameters import Parameter
from famda_ros.topics import CAMERA_INFO, COMPRESSED, IMAGE

TF_STATIC = '/tf_static'
LATCHED_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SETTLE_S = 0.3
"""A subscriber is known here a moment before it has found this publisher."""

PARAMETERS = (
    Parameter('bag', '', 'bag folder, .mcap or .db3 file'),
    Parameter('image_topic', '', 'topic in the bag; empty = its only image topic'),
    Parameter('report', '', 'JSON file for what was sent when; empty = none'),
    Parameter('rate', 1.0, 'speed: 2.0 plays twice as fast as recorded', minimum=0.001, maximum=1000.0),
    Parameter(
        'wait_s',
        10.0,
        'seconds to wait for an image subscriber; 0 = play at once, for nobody if need be',
        minimum=0.0,
        maximum=3600.0,
    ),
)


class BagPlayerNode(Node):
    """Publishes messages as they were recorded, headers untouched, and ends.

    Attributes:
        finished: future with the exit code, set after the last message.
    """

    def __init__(self):
        """Declare parameters, open the bag, start playing.

        Raises:
            FamdaError: no bag given, or it cannot be played.
        """
        super().__init__('bag_player')
        self.finished: Future = Future()
        self._stop = threading.Event()
        declare_parameters(self, PARAMETERS)
        self._bag = self.get_parameter('bag').value
        if not self._bag:
            raise FamdaError("no bag given; set the parameter 'bag' to a bag folder or .mcap file")
        topics = topics_of(self._bag)
        self._topic = choose_image_topic(self._bag, topics, self.get_parameter('image_topic').value or None)
        self._compressed = topics[self._topic][0] == COMPRESSED_IMAGE
        self._outputs = self._make_publishers(topics)
        self._thread = threading.Thread(target=self._run, name='player')
        self._thread.start()

    def _make_publishers(self, topics: dict[str, tuple[str, int]]) -> dict[str, Publisher]:
        """Return {topic in the bag: publisher}."""

        def publisher(kind: Any, name: str) -> Publisher:
            qos = QoSOverridingOptions.with_default_policies()
            return self.create_publisher(kind, name, 5, qos_overriding_options=qos)

        if self._compressed:
            publishers = {self._topic: publisher(CompressedImage, self.resolve_topic_name(IMAGE) + COMPRESSED)}
        else:
            publishers = {self._topic: publisher(Image, IMAGE)}
        info_topic = info_topic_of(self._topic)
        if info_topic in topics:
            publishers[info_topic] = publisher(CameraInfo, CAMERA_INFO)
        if TF_STATIC in topics:
            try:  # part of every ROS distribution, but not on PyPI
                message = importlib.import_module('tf2_msgs.msg').TFMessage
            except ImportError:
                self.get_logger().info('tf2_msgs is not installed: /tf_static is not played')
            else:
                publishers[TF_STATIC] = self.create_publisher(message, TF_STATIC, LATCHED_QOS)
        return publishers

    def _run(self) -> None:
        code = 1
        try:
            sent = self._play()
            report = self.get_parameter('report').value
            if report:
                write_atomically(report, json.dumps({'topic': self._topic, 'sent': [s.to_list() for s in sent]}))
            code = 0
        except FamdaError as error:
            print(f'bag_player_node: {error}', file=sys.stderr)
            code = 2
        except Exception as error:
            if self._stop.is_set() or not self.context.ok():
                return  # publishers are gone: the node is being ended
            self.get_logger().fatal(f'playing stopped by {type(error).__name__}: {error}')
            raise
        finally:
            self.finished.set_result(code)

    def _play(self) -> list[Seen]:
        """Publish the bag; return the image messages that were sent."""
        self._wait_for_subscriber()
        rate = self.get_parameter('rate').value
        sent: list[Seen] = []
        first_ns, start = None, time.monotonic()
        for topic, _, time_ns, cdr in read_raw(self._bag, self._outputs, self.get_logger().warning):
            if topic != TF_STATIC:  # often stamped long before the first image
                first_ns = time_ns if first_ns is None else first_ns
                due = start + (time_ns - first_ns) * 1e-9 / rate
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    break
            if topic == self._topic:
                sent.append(Seen(read_head(cdr, self._compressed), time.monotonic_ns()))
            self._outputs[topic].publish(bytes(cdr))
        seconds = time.monotonic() - start
        print(f'played {len(sent)} images of {self._topic} in {seconds:.1f} s', flush=True)
        return sent

    def _wait_for_subscriber(self) -> None:
        publisher = self._outputs[self._topic]
        wait_s = self.get_parameter('wait_s').value
        end = time.monotonic() + wait_s
        while wait_s and not publisher.get_subscription_count():
            if time.monotonic() >= end:
                hint = ', and for these images with image_transport:=compressed' if self._compressed else ''
                raise FamdaError(
                    f'nobody subscribed to {publisher.topic_name} within {wait_s} s: perception_node does only while '
                    f'something listens to one of its outputs{hint}; start both first, check the remapping, or set '
                    'wait_s to 0 to play for nobody'
                )
            if self._stop.wait(0.02):
                return
        self._stop.wait(SETTLE_S)

    def destroy_node(self) -> None:
        """Stop playing, then end the node."""
        self._stop.set()
        if hasattr(self, '_thread'):
            self._thread.join(timeout=10.0)
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    return run_node('bag_player_node', BagPlayerNode, args, PARAMETERS)


if __name__ == '__main__':
    sys.exit(main())
