# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a launch file sets, over real DDS: namespace, remappings, exposure, simulated time, shares of the cameras."""

from __future__ import annotations

import time

import numpy as np
import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny, tiny_card, work_that_takes

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from builtin_interfaces.msg import Time
from perception_client import PerceptionClient, camera_info, constant, stamp_of
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from famda_ros.messages.image_messages import image_to_array
from famda_ros.resources import resource
from famda_ros.student.runtime import Student

MASK, DEPTH, OVERLAY = 'segmentation/mask', 'depth/image', 'segmentation/overlay'
SECOND = 10**9


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / 'tiny.onnx')


def send_until(client, condition, image='image', color=(200, 128, 40)):
    """Send an image again and again, with stamps of now, until a condition is true."""
    client.publisher(Image, image)
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, client.process.output()
        client.send(constant(WIDTH, HEIGHT, *color), time.time_ns(), image)
        time.sleep(0.1)


def test_without_a_model_it_runs_the_one_of_the_package(tmp_path, monkeypatch):
    """And says the same as that student without ROS."""
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    file = resource('models/street.onnx')
    with PerceptionClient(tmp_path, 85, monkeypatch, threads=1) as client:
        client.publisher(Image, 'image')
        client.listen(MASK, DEPTH)
        client.wait_for(client.subscribers, 10, 'the node to listen')
        end = time.monotonic() + 60
        while not all(client.answers[topic] for topic in (MASK, DEPTH)):
            assert time.monotonic() < end, client.process.output()
            client.send(image, time.time_ns())
            time.sleep(0.2)
        client.fresh_report()
        values = client.values('model')
    student = Student(file, threads=1, provider='cpu')
    assert (values['model_file'], values['model']) == (str(file), student.card.name)
    want = student.predict(image)
    np.testing.assert_array_equal(image_to_array(client.answers[MASK][0]), want.labels)
    np.testing.assert_array_equal(image_to_array(client.answers[DEPTH][0]), want.depth)


def test_namespace_and_remappings(tmp_path, monkeypatch, model):
    """All names move with the namespace; remapped inputs and outputs are where they are remapped to."""
    moved = {'__ns': '/robot', 'image': '/driver/image_raw', 'camera_info': '/driver/info', MASK: 'classes'}
    with PerceptionClient(tmp_path, 41, monkeypatch, model=model, remappings=moved) as client:
        client.publisher(CameraInfo, '/driver/info')
        outputs = '/robot/depth/image', '/robot/classes', '/robot/segmentation/labels'
        client.node.create_subscription(Image, '/robot/classes', client.answers['/robot/classes'].append, 5)
        client.listen('/robot/depth/image', '/robot/segmentation/labels')
        client.wait_for(lambda: client.subscribers('/driver/info'), 10, 'the node to listen')
        client.publisher(CameraInfo, '/driver/info').publish(camera_info(time.time_ns(), WIDTH, HEIGHT, 100.0))
        send_until(client, lambda: all(client.answers[topic] for topic in outputs), '/driver/image_raw')
        assert (image_to_array(client.answers['/robot/classes'][-1]) == 1).all()
        client.fresh_report()
        _, _, values = client.reports[-1]['robot/perception: camera']
        assert int(values['frames_answered']) > 0 and client.subscribers('/driver/image_raw') == 1
        names = {name for name, _ in client.node.get_service_names_and_types()}
        assert '/robot/perception/set_profile' in names


def test_exposure_is_for_the_student_alone(tmp_path, monkeypatch, model):
    """It sees a brighter image (the tiny student reads depth from blue); the picture for people stays dark."""
    limits = {'exposure.target_brightness': 120.0, 'exposure.max_gamma': 3.0}
    with PerceptionClient(tmp_path, 42, monkeypatch, model=model, threads=1, **limits) as client:
        client.listen(DEPTH, OVERLAY)
        send_until(client, lambda: client.answers[DEPTH] and client.answers[OVERLAY], color=(30, 30, 30))
        depth, picture = image_to_array(client.answers[DEPTH][-1]), image_to_array(client.answers[OVERLAY][-1])
        client.wait_for(lambda: client.values().get('brightness', 'n/a') != 'n/a', 5, 'the brightness')
        assert float(client.values()['brightness']) == pytest.approx(30, abs=2)
    assert np.median(depth) == pytest.approx(120 / 2, abs=3) and picture.max() < 60


def test_simulated_time(tmp_path, monkeypatch, model):
    """Ages are of /clock: an image of now is answered and one of before is stale, whatever the real time is."""
    with PerceptionClient(tmp_path, 43, monkeypatch, model=model, use_sim_time=True, max_age_ms=500.0) as client:
        clock = client.publisher(Clock, '/clock', 10)
        client.publisher(Image, 'image')
        client.listen(MASK)
        client.wait_for(lambda: client.subscribers() and client.subscribers('/clock'), 10, 'the node to listen')
        stamps = []
        for second in range(100, 110):
            clock.publish(Clock(clock=Time(sec=second)))
            time.sleep(0.1)
            for age_ns in (SECOND // 10, 3 * SECOND):
                stamps.append(second * SECOND - age_ns)
                client.send(constant(WIDTH, HEIGHT, 200, 128, 40), stamps[-1])
                time.sleep(0.1)
        client.fresh_report()
        answered = [stamp_of(message) for message in client.answers[MASK]]
        counts, latency = client.counts(), float(client.values()['pipeline_latency_ms'])
    assert len(answered) >= 5 and set(answered) <= set(stamps[::2])
    assert counts['stale'] >= 5 and latency == pytest.approx(100)


def test_camera_weights(tmp_path, monkeypatch):
    """Under load a camera of three times the weight is answered three times as often."""
    card = tiny_card(network_width=640, network_height=480)
    slow = save_tiny(tmp_path / 'slow.onnx', card=card, work=work_that_takes(40, card))
    names = ['front', 'rear']
    with PerceptionClient(
        tmp_path, 44, monkeypatch, model=slow, threads=1, cameras=names, camera_weights=[3.0, 1.0],
        **{f'qos_overrides./{name}/image.subscription.reliability': 'reliable' for name in names},
    ) as client:  # fmt: skip
        for name in names:
            client.publisher(Image, f'{name}/image')
            client.listen(f'{name}/{MASK}')
        for name in names:
            client.wait_for(lambda name=name: client.subscribers(f'{name}/image'), 10, 'the node to listen')
        image, end = constant(WIDTH, HEIGHT, 200, 128, 40), time.monotonic() + 60
        while len(client.answers[f'rear/{MASK}']) < 12 and time.monotonic() < end:
            for name in names:
                client.send(image, time.time_ns(), f'{name}/image')
            time.sleep(0.01)
        front, rear = (len(client.answers[f'{name}/{MASK}']) for name in names)
    print(f'answers with weights 3 and 1: {front} and {rear}')
    assert rear >= 12, 'the node hardly answers'
    assert 2.2 < front / rear < 4
