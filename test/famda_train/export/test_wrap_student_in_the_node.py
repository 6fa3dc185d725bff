# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Networks made elsewhere in the running node, over real DDS; what they do not give is no topic."""

from __future__ import annotations

import time

import cv2
import numpy as np
import onnxruntime
import pytest
from foreign_networks import HEIGHT, SPACE, WIDTH, foreign, photographs

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import PerceptionClient, camera_info
from rcl_interfaces.msg import ParameterType, ParameterValue

from famda_ros.messages.image_messages import image_to_array
from famda_train.export.foreign_network import Normalisation
from famda_train.export.wrap_student import Wanted, wrap_student

pytestmark = pytest.mark.timeout(120)

MASK, CONFIDENCE, DEPTH, POINTS = 'segmentation/mask', 'segmentation/confidence', 'depth/image', 'depth/points'
DEPTH_TOPICS = {'/depth/image', '/depth/points', '/depth/camera_info'}
MEAN, STD = np.array((103.5, 116.3, 123.7)), np.array((57.4, 57.1, 58.4))
PIXELS = Normalisation(tuple(MEAN), tuple(STD), 255, 'bgr')
FOCAL = 70.0


def wrapped(path, gives, **wanted):
    """Write a student made of a network that takes BGR of 0..255, channels last; return the network."""
    network = foreign(gives, 'nhwc')
    wrap_student(network, path, photographs(), Wanted(SPACE, PIXELS, **wanted))
    return network


def own_answer(network, image, names):
    """Return what the network itself gives for an RGB image of its size."""
    feed = {'input': ((image[None, ..., ::-1] - MEAN) / STD).astype(np.float32)}
    return onnxruntime.InferenceSession(network.SerializeToString()).run(list(names), feed)


def topics_of(client):
    """Return the names of the topics that the node publishes; to be asked once it has answered, and is known."""
    return {name for name, _ in client.node.get_publisher_names_and_types_by_node('perception', '/')}


def test_with_depth_pixel_for_pixel(tmp_path, monkeypatch):
    """Masks, confidence and metres that arrive are those of the network's own session."""
    path = tmp_path / 'shelves.onnx'
    network = wrapped(
        path, {'seg': 'logits', 'far': 'depth last'}, outputs={'seg': 'logits', 'far': 'depth'}, focal=FOCAL,
        depth_range_m=(0.1, 200.0),
    )  # fmt: skip
    (image,) = photographs(1, HEIGHT, WIDTH)
    points = {'points.stride': 1}
    with PerceptionClient(tmp_path, 11, monkeypatch, model=str(path), threads=1, **points) as client:
        client.listen(MASK, CONFIDENCE, DEPTH, POINTS)
        answers = client.outputs_of(
            image, [MASK, CONFIDENCE, DEPTH, POINTS], camera_info(0, WIDTH, HEIGHT, FOCAL)
        )
        client.fresh_report()
        assert client.values('model')['outputs'] == 'labels, confidence, depth'
        assert 'gives no' not in client.process.output() and topics_of(client) >= DEPTH_TOPICS
    logits, far = own_answer(network, image, ['seg', 'far'])
    large = np.stack([cv2.resize(plane, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for plane in logits[0]])
    best = np.sort(large, 0)
    sure = best[-1] - best[-2] > 1e-3  # else the last digit decides
    mask = image_to_array(answers[MASK])
    assert sure.mean() > 0.98 and len(np.unique(mask)) > 2
    np.testing.assert_array_equal(mask[sure], large.argmax(0)[sure])
    chance = 1 / np.exp(large - large.max(0)).sum(0)
    assert np.abs(image_to_array(answers[CONFIDENCE]) - 255 * chance).max() <= 0.51
    metres = cv2.resize(far[0, ..., 0], (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(image_to_array(answers[DEPTH]), metres, rtol=1e-4)
    print(f'{sure.mean():.4f} of the pixels are decided by more than the last digit: all agree')


def test_masks_alone(tmp_path, monkeypatch):
    """No confidence and no depth: no topics for them, one line that says so, no warning about a calibration."""
    path, other = tmp_path / 'masks.onnx', tmp_path / 'scores.onnx'
    network = wrapped(path, {'ids': 'ids without channel'}, outputs={'ids': 'labels'})
    wrapped(other, {'seg': 'logits'}, outputs={})
    for model in (path, other):
        model.with_suffix('.yaml').write_text(f'model: {model}\n')
    (image,) = photographs(1, HEIGHT, WIDTH)
    points = {'points.stride': 1}  # there are none, even so
    with PerceptionClient(tmp_path, 12, monkeypatch, model=str(path), threads=1, **points) as client:
        client.listen(MASK, 'segmentation/labels')
        answers = client.outputs_of(image, [MASK])
        topics = topics_of(client)
        assert '/segmentation/mask' in topics and not topics & {*DEPTH_TOPICS, '/segmentation/confidence'}
        client.fresh_report()
        # Measured frames bring the light to the profiles, and the drift monitor its numbers, without a confidence.
        client.wait_for(lambda: client.values().get('brightness', 'n/a') != 'n/a', 10, 'the brightness')
        _, message, values = client.reports[-1]['perception: camera']
        assert values['mean_confidence'] == 'n/a' and 'depth is for' not in message
        model = client.values('model')
        assert (model['outputs'], model['depth_scale']) == ('labels', 'n/a')
        refused = client.set_profile(str(other.with_suffix('.yaml')))
        assert not refused.successful and 'so topics would come or go; start another node for it' in refused.reason
        threshold = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=0.5)
        refused = client.set_parameter('min_confidence', threshold)
        assert not refused.successful and 'gives no confidence, so min_confidence must be 0' in refused.reason
        assert client.set_profile(str(path.with_suffix('.yaml'))).successful
        said = client.process.output()
    assert said.count("the model 'masks' gives no confidence and no depth, so there is no segmentation/confidence") == 1
    assert 'depth is for the model' not in said and '[INFO]' in said
    (ids,) = own_answer(network, image, ['ids'])
    np.testing.assert_array_equal(image_to_array(answers[MASK]), np.kron(ids[0], np.ones((4, 4), int)))


def test_a_least_confidence_needs_a_confidence(tmp_path, monkeypatch):
    path = tmp_path / 'masks.onnx'
    wrapped(path, {'ids': 'ids'}, outputs={'ids': 'labels'})
    with PerceptionClient(tmp_path, 13, monkeypatch, wait=False, model=str(path), min_confidence=0.5) as client:
        sentence = "the model 'masks' gives no confidence, so min_confidence must be 0, not 0.5"
        end = time.monotonic() + 60
        while sentence not in client.process.output():
            assert time.monotonic() < end, client.process.output()
            time.sleep(0.05)
