# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What Nav2's semantic layer synchronises, over real DDS: mask, confidence and points of every image."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from tiny_student import HEIGHT, WIDTH, save_tiny

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import PerceptionClient, camera_info, constant, stamp_of
from sensor_msgs.msg import CameraInfo, Image

from famda_ros.messages.image_messages import image_to_array
from famda_ros.messages.point_cloud import POINT
from famda_ros.resources import resource

TRIPLE = MASK, CONFIDENCE, POINTS = 'segmentation/mask', 'segmentation/confidence', 'depth/points'
FRAMES = 100


def test_mask_confidence_and_points_of_a_hundred_images(tmp_path, monkeypatch):
    """All have the stamp and frame of their image, and as many points as pixels, with the parameters that ship."""
    shipped = yaml.safe_load(resource('config/nav2/perception.yaml').read_text())['/**']['ros__parameters']
    points = {f'points.{name}': value for name, value in shipped.pop('points').items()}
    values = {**shipped, **points, 'max_rate_hz': 0.0}  # every image is to be answered here
    with PerceptionClient(tmp_path, 87, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx'), **values) as client:
        info = client.publisher(CameraInfo, 'camera_info')
        client.publisher(Image, 'image')
        client.listen(*TRIPLE)
        client.wait_for(lambda: client.subscribers() and client.subscribers('camera_info'), 20, 'the node to listen')
        client.wait_for(lambda: all(client.node.count_publishers(topic) for topic in TRIPLE), 20, 'outputs')
        for number in range(1, FRAMES + 1):
            if number == 1:
                info.publish(camera_info(number, WIDTH, HEIGHT, 100.0))
            client.send(constant(WIDTH, HEIGHT, 200, 2 * number, 40), number)
            client.wait_for(lambda n=number: all(len(client.answers[t]) >= n for t in TRIPLE), 20, f'image {number}')
        answers = {topic: {stamp_of(message): message for message in client.answers[topic]} for topic in TRIPLE}
    synchronised = set.intersection(*(set(messages) for messages in answers.values()))
    print(f'{len(synchronised)} of {FRAMES} synchronise')
    assert synchronised == set(range(1, FRAMES + 1))
    for stamp in synchronised:
        mask, confidence, cloud = (answers[topic][stamp] for topic in TRIPLE)
        assert mask.header == confidence.header == cloud.header
        assert (mask.width, mask.height) == (cloud.width, cloud.height) == (WIDTH // 2, HEIGHT // 2)
        assert (image_to_array(confidence) == 2 * stamp).all()
        there = np.frombuffer(cloud.data, POINT).reshape(cloud.height, cloud.width)
        np.testing.assert_array_equal(there['label'], image_to_array(mask))
        assert np.isfinite(there['z']).all()
