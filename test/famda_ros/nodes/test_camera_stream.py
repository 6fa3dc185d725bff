# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics a camera subscribes to, of a node in this process."""

from __future__ import annotations

import time

import pytest

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

import rclpy
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image

from famda_ros.nodes.camera_stream import CameraStream
from famda_ros.nodes.dds import environment


@pytest.mark.parametrize(
    ('camera', 'compressed', 'remap', 'topic'),
    [
        ('', False, {}, '/image'),
        ('front', True, {}, '/front/image/compressed'),
        ('front', True, {'front/image': '/f/image_raw'}, '/f/image_raw/compressed'),
        ('', True, {'image/compressed': '/jpeg'}, '/jpeg'),
        # once, not again as the other camera
        ('front', False, {'front/image': '/left/image', 'left/image': '/front/image'}, '/left/image'),
    ],
)
def test_the_topic_that_is_reported_is_the_one_that_is_subscribed_to(monkeypatch, camera, compressed, remap, topic):
    for name, value in environment(84).items():
        monkeypatch.setenv(name, value)
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=84)
    arguments = [word for old, new in remap.items() for word in ('-r', f'{old}:={new}')]
    node = LifecycleNode('camera', context=context, cli_args=['--ros-args', *arguments])
    try:
        stream = CameraStream(node, camera, compressed, 0, 0.0)
        assert not [s for s in node.subscriptions if 'image' in s.topic_name]  # checked, not created
        listener = node.create_subscription(Image, f'{camera}/segmentation/mask'.lstrip('/'), lambda message: None, 1)
        stream.start(lambda name, frame: None)
        end = time.monotonic() + 10
        while not (inputs := {s.topic_name for s in node.subscriptions} - {listener.topic_name}) > {topic}:
            assert time.monotonic() < end, inputs
            stream.update()
            time.sleep(0.05)
        assert stream.image_topic == topic
        stream.close()
    finally:
        node.destroy_node()
        context.try_shutdown()
