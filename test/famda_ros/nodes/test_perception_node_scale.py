# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Metres of the place, over real DDS: depth.scale, the height above the road, the compressed overlay of it all."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny, tiny_card

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import LATCHED, PerceptionClient, Repeatedly, camera_info
from rcl_interfaces.msg import ParameterType, ParameterValue
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from famda_ros.messages.image_messages import image_to_array
from famda_ros.student.label_space import LabelSpace

DEPTH, OVERLAY, JPEG = 'depth/image', 'segmentation/overlay', 'segmentation/overlay/compressed'
SPACE = LabelSpace('two', ('sky', 'road'), ((0, 0, 250), (90, 90, 90)), ground=('road',))
MOUNTED = 3.0
"""Height of the camera, metres; so high that half metres, which blue counts, are small beside the distances."""


def picture(height=MOUNTED):
    """Return an image in which the tiny student sees the road from so high: red is road, blue twice the metres."""
    down = (np.arange(HEIGHT) - (HEIGHT - 1) / 2) / 100.0
    metres = np.where(down > height / 75, height / np.maximum(down, 1e-3), 0)[:, None] * np.ones((1, WIDTH))
    return np.dstack([np.where(metres > 0, 255, 0), np.full(metres.shape, 200), np.round(2 * metres)]).astype(np.uint8)


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A node that sees the road ten times a second."""
    model = save_tiny(tmp_path / 'tiny.onnx', card=tiny_card(label_space=SPACE))
    with PerceptionClient(tmp_path, 91, monkeypatch, model=model) as client:
        info, image = client.publisher(CameraInfo, 'camera_info'), picture()

        def send():
            now = time.time_ns()
            info.publish(camera_info(now, WIDTH, HEIGHT, 100.0))
            client.send(image, now)

        client.publisher(Image, 'image')
        client.listen(DEPTH)
        with Repeatedly(send, 10):
            client.wait_for(lambda: client.answers[DEPTH], 20, 'depth')
            yield client


def set_scale(client, scale):
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=scale)
    result = client.set_parameter('depth.scale', value)
    assert result.successful, result.reason


def road_height(client):
    height = client.values().get('road_height_m', 'n/a')
    return 0.0 if height == 'n/a' else float(height)


def test_the_scale_takes_effect_at_once_and_the_road_is_as_far_below(client):
    client.wait_for(lambda: road_height(client) == pytest.approx(MOUNTED, rel=0.03), 20, 'the height above the road')
    assert client.values('model')['depth_scale'] == '1.000'
    before = image_to_array(client.answers[DEPTH][-1])
    set_scale(client, 1.4)
    client.wait_for(lambda: client.values('model')['depth_scale'] == '1.400', 10, 'the diagnostics')
    client.answers[DEPTH].clear()
    client.wait_for(lambda: client.answers[DEPTH], 10, 'depth')
    np.testing.assert_allclose(image_to_array(client.answers[DEPTH][-1]), np.float32(1.4) * before, rtol=1e-6)
    client.wait_for(lambda: road_height(client) == pytest.approx(1.4 * MOUNTED, rel=0.03), 30, 'the other height')


@pytest.mark.parametrize('topic', ['/tf_static', '/tf'])
def test_a_road_elsewhere_than_the_mounting_says_is_warned_of(client, topic):
    messages = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs is not installed')
    from geometry_msgs.msg import TransformStamped

    mounting = TransformStamped()
    mounting.header.frame_id, mounting.child_frame_id = 'base_footprint', 'cam'
    mounting.transform.translation.z = MOUNTED
    message = messages.TFMessage(transforms=[mounting])
    if topic == '/tf':  # not latched, and listened to only where /tf_static is silent
        client.publisher(messages.TFMessage, topic)
        client.wait_for(lambda: client.subscribers(topic), 30, 'the node to listen')
    client.publisher(messages.TFMessage, topic, LATCHED).publish(message)
    client.wait_for(lambda: client.values().get('camera_height_m') == f'{MOUNTED:.2f}', 20, 'the transform')
    client.wait_for(lambda: road_height(client) == pytest.approx(MOUNTED, rel=0.03), 20, 'the height above the road')
    assert 'the road lies' not in client.reports[-1]['perception: camera'][1]
    set_scale(client, 1.4)
    warning = 'm below the camera, which TF has at 3.00 m: metres are off by a factor of 1.'
    client.wait_for(lambda: warning in client.reports[-1]['perception: camera'][1], 30, 'the warning')
    assert client.reports[-1]['perception: camera'][0] >= 1


def test_the_compressed_overlay(client):
    """It is made while somebody listens, of the same image as the overlay, and is as small as a JPEG."""
    jpegs = []
    client.listen(OVERLAY)
    client.node.create_subscription(CompressedImage, JPEG, jpegs.append, 5)
    client.wait_for(lambda: jpegs and client.answers[OVERLAY], 20, 'overlays')
    by_stamp = {message.header.stamp.nanosec: message for message in client.answers[OVERLAY]}

    def both():
        return [(jpeg, by_stamp[jpeg.header.stamp.nanosec]) for jpeg in jpegs if jpeg.header.stamp.nanosec in by_stamp]

    def look():
        by_stamp.update({message.header.stamp.nanosec: message for message in client.answers[OVERLAY]})
        return both()

    client.wait_for(look, 20, 'both overlays of one image')
    jpeg, plain = both()[0]
    assert jpeg.header == plain.header and jpeg.format == 'rgb8; jpeg compressed bgr8'
    shown = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(shown.astype(int) - image_to_array(plain)).mean() < 6 and len(jpeg.data) < len(plain.data) / 2
