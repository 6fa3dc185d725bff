# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The node tells over DDS when its camera sees another domain."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from tiny_student import TINY_SPACE, save_tiny, tiny_card

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import PerceptionClient, Repeatedly
from sensor_msgs.msg import Image

from famda_ros.pipeline.frame_statistics import frame_statistics, scalar_names
from famda_ros.student.drift_reference import reference_of
from famda_ros.student.runtime import Student

MASK, DOMAIN = 'segmentation/mask', 'perception/domain'


def street(rng, sky=200, road=90):
    """Return an image with a bright sky and a road, of changing light, with noise."""
    image = np.full((96, 128, 3), road, np.float32)
    image[:48] = sky
    image += 15 * np.sin(np.arange(128) / 9)[None, :, None] + rng.normal(0, 5) + rng.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture
def model(tmp_path):
    save_tiny(tmp_path / 'student.onnx', card=tiny_card(domain='noon'))
    student, rng = Student(tmp_path / 'student.onnx', provider='cpu'), np.random.default_rng(1)
    images = [street(rng) for _ in range(120)]
    table = np.array([frame_statistics(image, student.predict(image), TINY_SPACE) for image in images])
    card = replace(student.card, reference=reference_of(scalar_names(TINY_SPACE), table, 'streets'))
    save_tiny(tmp_path / 'student.onnx', card=card)
    return str(tmp_path / 'student.onnx')


def test_another_domain_is_told_latched_and_in_the_diagnostics(tmp_path, monkeypatch, model):
    rng, look = np.random.default_rng(2), {}
    with PerceptionClient(tmp_path, 28, monkeypatch, model=model, threads=1) as client:
        client.publisher(Image, 'image')
        client.listen(MASK, DOMAIN)

        def domain():
            return json.loads(client.answers[DOMAIN][-1].data) if client.answers[DOMAIN] else {'state': ''}

        client.wait_for(lambda: domain()['state'] == 'waiting', 15, 'the latched state')
        with Repeatedly(lambda: client.send(street(rng, **look), time.time_ns()), 20.0):
            client.wait_for(lambda: domain()['state'] == 'home', 30, 'home')
            assert (domain()['model'], domain()['domain']) == ('tiny', 'noon')
            look = {'sky': 40, 'road': 60}
            changed = time.time_ns()
            client.wait_for(lambda: domain()['state'] == 'unlike', 30, 'another domain')
            camera = domain()['cameras']['']
            assert camera['since'] > changed and 'instead of' in camera['reason'] and camera['score'] >= 0.5
            client.fresh_report()
            level, message, values = client.reports[-1]['perception: camera']
            assert level == 1 and "looks unlike what this student was adapted to ('noon'): " in message
            assert values['domain'] == 'unlike'
            assert client.process.output().count('looks unlike') == 1
            look = {}
            client.wait_for(lambda: domain()['state'] == 'home', 30, 'home again')
            client.fresh_report()
            assert client.values()['domain'] == 'home'
        assert len(client.answers[DOMAIN]) == 4, [message.data for message in client.answers[DOMAIN]]
