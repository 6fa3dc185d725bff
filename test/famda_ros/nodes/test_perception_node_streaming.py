# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Streams of images through the perception node, over real DDS: what comes back, when, and of which camera."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from tiny_student import FOCAL, HEIGHT, TINY_SPACE, WIDTH, save_tiny, tiny_card, work_that_takes

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import LONG, PerceptionClient, camera_info, constant, promised, stamp_of
from sensor_msgs.msg import CameraInfo, Image

from famda_ros.harness.output_audit import latency
from famda_ros.messages.image_messages import image_to_array
from famda_ros.topics import IMAGE_TOPICS, INFO_TOPICS

MASK, DEPTH = 'segmentation/mask', 'depth/image'


def stream(rate_hz, seconds):
    """Yield (index, stamp) at a rate."""
    start = time.monotonic()
    for index in range(round(rate_hz * seconds)):
        time.sleep(max(0.0, start + index / rate_hz - time.monotonic()))
        yield index, time.time_ns()


def test_720p_at_30_hz(tmp_path, monkeypatch):
    """One answer per image at most, under the header of its image, in order, right by value; all are accounted for."""
    model = save_tiny(tmp_path / 'tiny.onnx', card=tiny_card(network_width=512, network_height=256), work=2)
    seconds = 60.0 if LONG else 4.0
    with PerceptionClient(tmp_path, 24, monkeypatch, model=model, threads=1) as client:
        client.publisher(Image, 'image')
        info = client.publisher(CameraInfo, 'camera_info')
        topics = [MASK, DEPTH, 'depth/camera_info']
        client.listen(*topics)
        client.wait_for(lambda: client.subscribers('camera_info'), 10, 'the node to listen')
        images = [constant(1280, 720, 200 * (index % 2), 128, 10 + index) for index in range(20)]
        sent = {}
        cpu, start = client.cpu_seconds(), time.monotonic()
        for index, stamp in stream(30.0, seconds):
            info.publish(camera_info(stamp, 1280, 720, FOCAL * 720 / 256))
            client.send(images[index % 20], stamp)
            sent[stamp] = (index, time.monotonic())
        took = time.monotonic() - start
        cpu = (client.cpu_seconds() - cpu) / took
        client.fresh_report()
        counts = client.counts()
        delays = []
        for topic in topics:
            stamps = [stamp_of(message) for message in client.answers[topic]]
            assert set(stamps) <= set(sent), 'an answer to no image'
            assert len(set(stamps)) == len(stamps), 'an image answered twice'
            assert stamps == sorted(stamps)
            assert all(message.header.frame_id == 'cam' for message in client.answers[topic])
            assert len(stamps) == counts['answered']
        for mask, depth, when in zip(client.answers[MASK], client.answers[DEPTH], client.times[DEPTH], strict=True):
            index, sent_at = sent[stamp_of(mask)]
            delays.append(1e3 * (when - sent_at))
            assert mask.encoding == 'mono8' and (mask.width, mask.height) == (1280, 720)
            assert (image_to_array(mask) == index % 2).all()
            np.testing.assert_allclose(image_to_array(depth), (10 + index % 20) / 2, rtol=1e-6)
    lost = len(sent) - counts['received']
    print(
        f'720p at {len(sent) / took:.1f} Hz for {took:.0f} s: {counts["answered"]} of {len(sent)} answered, '
        f'{counts["dropped"]} dropped, {lost} lost by the transport; latency {latency(delays)}; '
        f'node {100 * cpu:.0f} % CPU'
    )
    assert counts['malformed'] == 0
    assert counts['received'] == sum(n for name, n in counts.items() if name != 'received') and lost >= 0
    assert counts['answered'] > len(sent) / 4


def test_three_cameras_get_equal_shares(tmp_path, monkeypatch):
    """One model that cannot keep up with three cameras of 10 Hz answers them equally often."""
    card = tiny_card(network_width=640, network_height=480)
    model = save_tiny(tmp_path / 'slow.onnx', card=card, work=work_that_takes(80, card))
    seconds = 60.0 if LONG else 6.0
    names = ['front', 'left', 'rear']
    # Reliable: here the question is who gets the model, not what the transport loses.
    overrides = {f'qos_overrides./{name}/image.subscription.reliability': 'reliable' for name in names}
    with PerceptionClient(tmp_path, 25, monkeypatch, model=model, threads=1, cameras=names, **overrides) as client:
        for name in names:
            client.publisher(Image, f'{name}/image')
            client.listen(f'{name}/{MASK}')
        for name in names:
            client.wait_for(lambda name=name: client.subscribers(f'{name}/image'), 10, 'the node to listen')
        image = constant(640, 480, 200, 128, 40)
        for index, stamp in stream(10.0, 20 * seconds):
            for offset, name in enumerate(names):
                client.send(image, stamp + offset, f'{name}/image')
            # On a busy machine it takes longer until there is something to compare.
            if index >= 10 * seconds and min(len(client.answers[f'{name}/{MASK}']) for name in names) > 8:
                break
        client.fresh_report()
        counts = {name: client.counts(name) for name in names}
        answers = {name: [stamp_of(m) % 10**9 for m in client.answers[f'{name}/{MASK}']] for name in names}
    print(f'three cameras: {counts}')
    answered = [counts[name]['answered'] for name in names]
    assert sum(counts[name]['dropped'] for name in names), 'the model is too quick for this test'
    assert min(answered) > 5 and max(answered) <= 1.2 * min(answered) + 1
    assert [len(answers[name]) for name in names] == answered
    share = sum(answered) / 3
    assert all(abs(number - share) <= 0.2 * share for number in answered)


def test_every_topic(tmp_path, monkeypatch):
    """All outputs of a frame carry its header; a newcomer gets the labels."""
    with PerceptionClient(
        tmp_path, 26, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx'), output_scale=0.5, min_confidence=0.5,
        **{'points.stride': 4},
    ) as client:  # fmt: skip
        info = client.publisher(CameraInfo, 'camera_info')
        client.publisher(Image, 'image')
        client.listen(*IMAGE_TOPICS, *INFO_TOPICS, 'depth/points')
        client.wait_for(lambda: client.subscribers('camera_info'), 10, 'the node to listen')
        small = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        small[..., 2] = 40
        image = np.kron(small, np.ones((4, 4, 1), np.uint8))
        for _, stamp in stream(10.0, 3.0):
            info.publish(camera_info(stamp, 4 * WIDTH, 4 * HEIGHT, 4 * FOCAL))
            client.send(image, stamp)
        client.fresh_report()
        by_topic = {topic: {stamp_of(m): m for m in messages} for topic, messages in client.answers.items()}
        stamp = max(set.intersection(*(set(messages) for messages in by_topic.values())))
        answer = {topic: messages[stamp] for topic, messages in by_topic.items()}
        assert len({(m.header.frame_id, stamp_of(m)) for m in answer.values()}) == 1
        # an image of 4 x 4 pixels per network pixel, and outputs of half its size
        labels = np.where(small[..., 1] < 0.5 * 255, 255, small[..., 0] > 127).astype(np.uint8)
        labels = np.kron(labels, np.ones((2, 2), np.uint8))
        np.testing.assert_array_equal(image_to_array(answer[MASK]), labels)
        np.testing.assert_array_equal(image_to_array(answer['segmentation/color']), TINY_SPACE.palette()[labels])
        over = image_to_array(answer['segmentation/overlay'])
        np.testing.assert_array_equal(over[labels == 255], np.kron(small, np.ones((2, 2, 1), np.uint8))[labels == 255])
        np.testing.assert_array_equal(image_to_array(answer[DEPTH]), np.float32(20))
        for topic in INFO_TOPICS:
            k = answer[topic].k
            assert (answer[topic].width, answer[topic].height) == (2 * WIDTH, 2 * HEIGHT)
            np.testing.assert_allclose([k[0], k[2], k[5]], [2 * FOCAL, WIDTH - 0.5, HEIGHT - 0.5])
        assert (answer['depth/points'].width, answer['depth/points'].height) == (WIDTH // 2, HEIGHT // 2)
        # a newcomer, long after they were published
        client.listen('segmentation/labels')
        client.wait_for(lambda: client.answers['segmentation/labels'], 5, 'the labels')
        classes = json.loads(client.answers['segmentation/labels'][0].data)['classes']
        assert [c['name'] for c in classes] == list(TINY_SPACE.classes)
        # diagnostics
        values = client.values()
        assert abs(float(values['brightness']) - image.mean()) < 40 and 0.4 < float(values['mean_confidence']) < 0.6
        values = client.values('model')
        assert values['model'] == 'tiny' and values['profile'] == 'none' and values['weights_sha256'] == '0' * 64


def test_a_camera_that_dies_is_reported_within_two_seconds(tmp_path, monkeypatch):
    with PerceptionClient(tmp_path, 27, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx')) as client:
        client.publisher(Image, 'image')
        client.listen(MASK)
        client.wait_for(client.subscribers, 10, 'the node to listen')
        for _, stamp in stream(20.0, 2.0):
            client.send(constant(WIDTH, HEIGHT, 200, 128, 40), stamp)
        assert client.reports[-1]['perception: camera'][0] < 2
        seconds = client.wait_for(lambda: client.reports[-1]['perception: camera'][0] == 2, 5, 'an ERROR')
        print(f'dead camera reported after {seconds:.2f} s')
        assert seconds < promised(2.2)
        assert 'no image for' in client.reports[-1]['perception: camera'][1]
