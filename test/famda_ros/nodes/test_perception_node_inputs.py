# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the node takes from its cameras, over real DDS: latched calibrations, other shapes, old stamps, faults."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import LATCHED, PerceptionClient, Repeatedly, camera_info, constant, stamp_of
from rcl_interfaces.msg import ParameterType, ParameterValue
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

MASK = 'segmentation/mask'
PICTURE = constant(WIDTH, HEIGHT, 200, 128, 40)


def test_every_camera_warns_for_itself(tmp_path, monkeypatch):
    """Of two cameras with the same faults at the same time, each is named with each fault, and not for each frame."""
    cameras = ['front', 'left']
    with PerceptionClient(
        tmp_path, 82, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx'), cameras=cameras
    ) as client:
        for camera in cameras:
            client.publisher(Image, f'{camera}/image')
            client.listen(f'{camera}/{MASK}')
        for camera in cameras:
            client.wait_for(lambda camera=camera: client.subscribers(f'{camera}/image'), 10, 'the node to listen')
        unusable = camera_info(0, WIDTH, HEIGHT, -1.0)
        faults = ('focal lengths of -1', 'encoding', 'no calibrated camera_info')
        expected = {(camera, fault) for camera in cameras for fault in faults}

        def seen():
            lines = client.process.output().splitlines()
            return [(c, f) for line in lines for c, f in expected if f"camera '{c}': " in line and f in line]

        start, rounds = time.monotonic(), 0
        while set(seen()) != expected or rounds < 10:
            assert time.monotonic() < start + 60, client.process.output()
            for camera in cameras:
                client.publisher(CameraInfo, f'{camera}/camera_info').publish(unusable)
                # in turn: the node answers the newest image only, and the other one would never be looked at
                if rounds % 2:
                    client.publisher(Image, f'{camera}/image').publish(Image(encoding='x'))
                else:
                    client.send(PICTURE, time.time_ns(), f'{camera}/image', 'rgb8')
            time.sleep(0.05)
            rounds += 1
        seconds = time.monotonic() - start
        assert len(seen()) <= len(expected) * (1 + seconds // 5), client.process.output()
    assert 'Traceback' not in client.process.output()


def test_latched_calibration_of_another_shape_and_old_stamps(tmp_path, monkeypatch):
    prefix = 'qos_overrides./camera_info.subscription'
    latched = {f'{prefix}.durability': 'transient_local', f'{prefix}.reliability': 'reliable'}
    with PerceptionClient(tmp_path, 83, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx'), **latched) as client:
        # once, long before the node subscribes
        client.publisher(CameraInfo, 'camera_info', LATCHED).publish(camera_info(0, WIDTH, 2 * HEIGHT, 100.0))
        client.publisher(Image, 'image')
        time.sleep(0.3)
        client.listen(MASK)
        client.wait_for(client.subscribers, 10, 'the node to listen')

        def send_until(condition, age_s=0.0):
            end = time.monotonic() + 60
            while not condition():
                assert time.monotonic() < end, (client.reports[-1:], client.process.output())
                client.send(PICTURE, time.time_ns() - round(age_s * 1e9))
                time.sleep(0.05)

        # taken as it is, and told
        send_until(lambda: client.values().get('camera_focal_px') == '100.0')
        send_until(lambda: client.reports[-1]['perception: camera'][0] == 1)
        message = client.reports[-1]['perception: camera'][1]
        assert re.search(rf'for images of {WIDTH}x{2 * HEIGHT}, not for {WIDTH}x{HEIGHT}', message), message

        # a recording: answered as long as nobody limits the age
        answers = client.answers[MASK]
        send_until(lambda: answers and stamp_of(answers[-1]) < time.time_ns() - 100 * 10**9, age_s=120)
        send_until(lambda: client.values()['input_age_ms'] == 'n/a', age_s=120)
        limit = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=500.0)
        assert client.set_parameter('max_age_ms', limit).successful
        time.sleep(0.2)
        before = len(answers)
        send_until(lambda: client.counts()['stale'] > 10, age_s=120)
        assert len(answers) == before
        send_until(lambda: len(answers) > before + 3)


def test_why_nothing_arrives_is_said_once_and_in_the_diagnostics(tmp_path, monkeypatch):
    """Compressed images under another name; then a publisher that sends nothing; then images without calibration."""
    with PerceptionClient(tmp_path, 81, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx')) as client:
        client.publisher(CompressedImage, '/cam/image_raw/compressed')
        client.listen(MASK)

        def said(pattern):
            return len(re.findall(rf'WARN.*camera: {pattern}', client.process.output()))

        def reported(pattern):
            return client.reports and re.search(pattern, client.reports[-1]['perception: camera'][1])

        elsewhere = r"nobody publishes '/image': images are on '/cam/image_raw/compressed'; .*image:=/cam/image_raw "
        client.wait_for(lambda: said(f'no image arrives: {elsewhere}'), 20, 'the reason in the log')
        client.wait_for(lambda: reported(rf'no image for \d+\.\d s, more than 1\.0 s: {elsewhere}'), 10, 'the reason')
        client.fresh_report()
        client.fresh_report()
        assert said('no image arrives') == 1
        client.publisher(Image, 'image')
        client.wait_for(lambda: reported(r"/client publishes '/image' but sends nothing"), 10, 'the publisher')
        rng = np.random.default_rng(0)

        def send():
            client.send(PICTURE // 2 + rng.integers(0, 40, PICTURE.shape, np.uint8), time.time_ns())

        with Repeatedly(send, 10):
            missing = r"nobody publishes '/camera_info': no calibration is published anywhere"
            client.wait_for(lambda: reported(rf"no calibrated camera_info: .*; {missing}"), 10, 'the calibration')
            assert said(f'no camera_info arrives: {missing}') == 1
            client.publisher(CameraInfo, 'camera_info')
            client.wait_for(client.answers[MASK].__len__, 10, 'an answer')
            info = client.publisher(CameraInfo, 'camera_info')
            client.wait_for(
                lambda: info.publish(camera_info(0, WIDTH, HEIGHT, 100.0))
                or (client.reports[-1]['perception: camera'][:2] == (0, 'running')),
                20,
                'an undisturbed report',
            )
    assert 'Traceback' not in client.process.output()


def test_a_quality_of_service_that_does_not_fit(tmp_path, monkeypatch):
    reliable = {'qos_overrides./image.subscription.reliability': 'reliable'}
    with PerceptionClient(tmp_path, 82, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx'), **reliable) as client:
        client.publisher(Image, 'image', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
        client.listen(MASK)
        fault = 'best effort publisher and reliable subscription'
        client.wait_for(lambda: fault in client.process.output(), 20, 'the reason in the log')
        assert 'qos_overrides./image.subscription' in client.process.output()
