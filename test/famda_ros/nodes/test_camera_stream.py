# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics a camera subscribes to, and how long its first image waits, of a node in this process."""

from __future__ import annotations

import time

import pytest

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

import rclpy
from perception_client import camera_info, header, stamp_of
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image
from tiny_student import tiny_card

from famda_ros.nodes.camera_stream import DISCOVERY_S, PATIENCE_S, CameraStream
from famda_ros.nodes.dds import environment
from famda_ros.pipeline.outputs import topics_of

TOPICS = topics_of(tiny_card())


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
        stream = CameraStream(node, camera, compressed, TOPICS, 0, 0.0)
        assert not [s for s in node.subscriptions if 'image' in s.topic_name]  # checked, not created
        listener = node.create_subscription(Image, f'{camera}/segmentation/mask'.lstrip('/'), lambda message: None, 1)
        stream.start(lambda name, frame: None)
        end = time.monotonic() + 60
        while not (inputs := {s.topic_name for s in node.subscriptions} - {listener.topic_name}) > {topic}:
            assert time.monotonic() < end, inputs
            stream.update()
            time.sleep(0.05)
        assert stream.image_topic == topic
        stream.close()
    finally:
        node.destroy_node()
        context.try_shutdown()


@pytest.fixture
def stream(monkeypatch):
    """A camera that somebody listens to, the frames that it hands on, another node to publish, and how to wait."""
    for name, value in environment(86).items():
        monkeypatch.setenv(name, value)
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=86)
    node, driver = LifecycleNode('camera', context=context), rclpy.create_node('driver', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    executor.add_node(driver)
    stream, frames = CameraStream(node, '', False, TOPICS, 0, 0.0), []

    def wait_for(condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            executor.spin_once(timeout_sec=0.02)
            stream.update()
        return True

    try:
        driver.create_subscription(Image, 'segmentation/mask', lambda message: None, 1)
        assert wait_for(stream.wanted)
        stream.start(lambda name, frame: frames.append(frame))
        yield stream, frames, driver, wait_for
        stream.close()
    finally:
        executor.shutdown()
        node.destroy_node()
        driver.destroy_node()
        context.try_shutdown()


def test_the_first_image_has_its_calibration(stream):
    """Also where who listens was there long before the camera, and the driver publishes the image first."""
    camera, frames, driver, wait_for = stream
    assert not wait_for(lambda: frames, 3 * PATIENCE_S)
    images, infos = driver.create_publisher(Image, 'image', 1), driver.create_publisher(CameraInfo, 'camera_info', 1)
    assert wait_for(lambda: images.get_subscription_count() and infos.get_subscription_count())
    for stamp_ns in (1, 2):
        images.publish(Image(header=header(stamp_ns)))
    assert not wait_for(lambda: frames, 0.1)
    infos.publish(camera_info(1, 4, 3, 100.0))
    assert wait_for(lambda: frames)
    assert [(stamp_of(frame.message), frame.camera_info.k[0]) for frame in frames] == [(2, 100.0)]
    images.publish(Image(header=header(3)))
    assert wait_for(lambda: len(frames) == 2)
    assert frames[1].camera_info is frames[0].camera_info
    report = camera.statistics.report(time.monotonic(), 0, None)
    assert report.values['frames_received'] == '2'  # the one that a newer one replaced was never taken


@pytest.mark.parametrize('promised', [True, False], ids=['of which none comes', 'that nobody publishes'])
def test_an_image_waits_for_a_calibration_only_so_long(stream, promised):
    _, frames, driver, wait_for = stream
    images = driver.create_publisher(Image, 'image', 1)
    others = [driver.create_publisher(CameraInfo, 'camera_info', 1)] if promised else []
    assert wait_for(lambda: images.get_subscription_count() and all(p.get_subscription_count() for p in others))
    start = time.monotonic()
    images.publish(Image(header=header(1)))
    assert wait_for(lambda: frames)
    assert time.monotonic() - start > (PATIENCE_S if promised else DISCOVERY_S)
    assert frames[0].camera_info is None
    images.publish(Image(header=header(2)))
    assert wait_for(lambda: len(frames) == 2)


def test_what_waits_is_forgotten_when_nobody_listens_any_more(stream):
    camera, frames, driver, wait_for = stream
    images, infos = driver.create_publisher(Image, 'image', 1), driver.create_publisher(CameraInfo, 'camera_info', 1)
    assert wait_for(lambda: images.get_subscription_count() and infos.get_subscription_count())
    images.publish(Image(header=header(1)))
    assert not wait_for(lambda: frames, 0.1)
    camera.stop()
    camera.start(lambda name, frame: frames.append(frame))
    assert not wait_for(lambda: frames, 2 * PATIENCE_S)
