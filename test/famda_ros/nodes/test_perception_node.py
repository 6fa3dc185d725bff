# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The node over real DDS, every node in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_student import FARTHEST, FOCAL, HEIGHT, TINY_SPACE, WIDTH, save_tiny, tiny_card, work_that_takes

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import promised

from famda_ros.errors import FamdaError
from famda_ros.harness.play_bag import Process, parameters, play_through_node
from famda_ros.messages.bag_reader import iter_frames, read_messages, topics_of
from famda_ros.messages.bag_types import stamp_ns_of, typestore
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.messages.image_messages import image_to_array
from famda_ros.nodes.dds import environment, profile_variable
from famda_ros.student.runtime import Student

PHOTOGRAPHS = Path(__file__).resolve().parents[4] / 'shared' / 'data' / 'camvid' / 'dusk_val' / 'images'
STAMP = 1_700_000_000_000_000_007
MS = 1_000_000
SCALE = 2  # images are twice the network's size


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / 'tiny.onnx')


def picture(index: int) -> np.ndarray:
    """Random red and green in blocks of one network pixel; blue, hence depth, constant."""
    small = np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    small[..., 2] = 200 if index == 3 else 10 + 5 * index
    return np.kron(small, np.ones((SCALE, SCALE, 1), np.uint8))


def by_stamp(bag, topic):
    return {stamp_ns_of(message.header): message for _, _, _, message in read_messages(bag, [topic])}


def test_answers_by_value(tmp_path, model):
    """Header, size, encoding and value of every answer; twice the focal doubles the depth."""
    with BagWriter(tmp_path / 'drive') as bag:
        bag.write_static_transform(STAMP, 'base', 'cam_optical')
        for i in range(12):
            stamp = STAMP + i * 120 * MS
            # at network resolution this is twice the focal of the card
            bag.write_camera_info(
                '/cam/camera_info', stamp - 20 * MS, 'cam_optical', SCALE * WIDTH, SCALE * HEIGHT, 2 * SCALE * FOCAL
            )
            bag.write_image('/cam/image', stamp, 'cam_optical', picture(i))
    result = play_through_node(model, tmp_path / 'drive', tmp_path / 'out', domain_id=72, timeout_s=60, threads=1)
    assert result['frames_sent'] == 12 and result['every_frame_accounted'], result
    assert result['frames_answered'] >= 6, result
    assert result['headers_equal'] and result['sizes_equal'] and result['encodings_equal']
    assert result['frames_partly_answered'] == result['unknown_outputs'] == result['repeated_outputs'] == 0
    assert 0 < result['latency_ms']['p50'] <= result['latency_ms']['p99']
    assert set(result['exit_codes'].values()) == {0}
    labels = json.loads(result['labels'])
    assert [c['name'] for c in labels['classes']] == list(TINY_SPACE.classes)
    assert result['diagnostics']['model'] == 'tiny' and result['diagnostics']['provider'] == 'cpu'
    assert float(result['diagnostics']['inference_time_ms']) > 0
    assert float(result['diagnostics']['camera_focal_px']) == 2 * SCALE * FOCAL

    masks = by_stamp(tmp_path / 'out', '/segmentation/mask')
    confidences = by_stamp(tmp_path / 'out', '/segmentation/confidence')
    colors = by_stamp(tmp_path / 'out', '/segmentation/color')
    depths = by_stamp(tmp_path / 'out', '/depth/image')
    assert len(masks) == result['frames_answered']
    for stamp, mask in masks.items():
        index = round((stamp - STAMP) / (120 * MS))
        image = picture(index)
        assert mask.header.frame_id == 'cam_optical'
        labels = (image[..., 0] > 127).astype(np.uint8)
        np.testing.assert_array_equal(image_to_array(mask), labels)
        np.testing.assert_array_equal(image_to_array(confidences[stamp]), image[..., 1])
        np.testing.assert_array_equal(image_to_array(colors[stamp]), TINY_SPACE.palette()[labels])
        own = image[0, 0, 2] / 2
        np.testing.assert_array_equal(image_to_array(depths[stamp]), np.inf if own >= FARTHEST else 2 * own)


def test_malformed_images_are_counted_and_survived(tmp_path, model):
    types = typestore().types
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(10):
            stamp = STAMP + i * 250 * MS
            if 3 <= i < 7:
                height, step, encoding, size = [
                    (4, 12, 'rgb8', 47),  # too little data
                    (4, 11, 'rgb8', 44),  # rows too short
                    (0, 12, 'rgb8', 0),  # no rows
                    (4, 12, 'yuv999', 48),  # unknown encoding
                ][i - 3]
                header = types['std_msgs/msg/Header'](
                    types['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9), 'cam_optical'
                )
                broken = types['sensor_msgs/msg/Image'](header, height, 4, encoding, 0, step, np.zeros(size, np.uint8))
                bag.write_message('/image', stamp, broken)
            else:
                bag.write_image('/image', stamp, 'cam_optical', picture(i))
    result = play_through_node(model, tmp_path / 'drive', tmp_path / 'out', domain_id=73, timeout_s=60, threads=1)
    assert result['every_frame_accounted'], result
    lost = result['frames_dropped'] + result['frames_lost_before_node']
    assert 4 - lost <= result['frames_malformed'] <= 4, result
    assert result['frames_malformed'] >= 2
    answered = sorted(by_stamp(tmp_path / 'out', '/segmentation/mask'))
    assert answered[-1] > STAMP + 6 * 250 * MS  # it goes on answering afterwards
    arrays = [m.status for _, _, _, m in read_messages(tmp_path / 'out', ['/diagnostics'])]
    assert [status.name for status in arrays[-1]] == ['perception: model', 'perception: camera']
    assert any('malformed' in camera.message and camera.level == 1 for _, camera in arrays)


def test_a_model_that_is_too_slow_drops_frames_and_counts_them(tmp_path):
    card = tiny_card(network_width=1024, network_height=768)
    model = save_tiny(tmp_path / 'slow.onnx', card=card, work=work_that_takes(100, card))
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(40):
            bag.write_image('/image', STAMP + i * 15 * MS, 'cam', picture(i % 20))
    result = play_through_node(model, tmp_path / 'drive', tmp_path / 'out', domain_id=74, timeout_s=60, threads=1)
    assert result['frames_sent'] == 40 and result['every_frame_accounted'], result
    assert result['frames_dropped'] > 0 and result['frames_answered'] > 0, result
    assert result['frames_lost_after_node'] == 0
    assert result['diagnostics']['camera_focal_px'] == 'n/a'


def test_real_photographs_compressed(tmp_path, model):
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f'no photographs at {PHOTOGRAPHS}')
    with BagWriter(tmp_path / 'drive') as bag:
        for i, file in enumerate(sorted(PHOTOGRAPHS.iterdir())[:8]):
            image = np.ascontiguousarray(cv2.imread(str(file))[..., ::-1])
            height, width = image.shape[:2]
            stamp = STAMP + i * 200 * MS
            bag.write_camera_info('/cam/camera_info', stamp - 50 * MS, 'cam_optical', width, height, 900.0)
            bag.write_compressed_image('/cam/image/compressed', stamp, 'cam_optical', image)
    result = play_through_node(model, tmp_path / 'drive', tmp_path / 'out', domain_id=75, timeout_s=60, threads=1)
    assert result['transport'] == 'compressed' and result['every_frame_accounted'], result
    assert result['headers_equal'] and result['sizes_equal'] and result['encodings_equal'] and result['frames_answered']
    # The node says the same as the student without ROS.
    student = Student(model)
    frames = {frame.stamp_ns: frame for frame in iter_frames(tmp_path / 'drive')}
    depths = by_stamp(tmp_path / 'out', '/depth/image')
    for stamp, message in depths.items():
        want = student.predict(frames[stamp].image, 900.0).depth
        np.testing.assert_array_equal(image_to_array(message), want)
    assert len(depths) == result['frames_answered'] == topics_of(tmp_path / 'out')['/depth/image'][1]


@pytest.mark.parametrize(
    ('name', 'sentence'),
    [('none', 'no model given'), ('missing', 'No such file'), ('no_card', 'has no FAMDA model card')],
)
def test_a_wrong_model_is_refused(tmp_path, name, sentence):
    model = {'none': '', 'missing': tmp_path / 'x.onnx', 'no_card': tmp_path / 'no_card.onnx'}[name]
    save_tiny(tmp_path / 'no_card.onnx', metadata='')
    refused(tmp_path, environment(76), parameters(model=model), sentence)


def test_a_missing_profile_is_refused(tmp_path, model):
    env = {**environment(76), profile_variable(): str(tmp_path / 'nope.xml')}
    refused(tmp_path, env, parameters(model=model), 'nope.xml')


def test_a_wrong_parameter_is_refused(tmp_path, model):
    refused(tmp_path, environment(76), parameters(model=model, threads=-1), 'threads')
    refused(tmp_path, environment(76), parameters(model=model, image_transport='theora'), 'raw, compressed')


@pytest.mark.parametrize(
    ('topic', 'policy', 'value', 'sentence'),
    [
        ('image.subscription', 'reliability', 'sloppy', 'choose one of system_default, reliable, best_effort'),
        ('camera_info.subscription', 'depth', 0, 'give a number of 1 or more'),
        ('camera_info.subscription', 'durability', 'transient_local', "needs .* 'reliable'; set both"),
        ('depth/image.publisher', 'depth', 'deep', 'has the wrong type'),
    ],
)
def test_wrong_qos_is_refused_at_the_start(tmp_path, model, topic, policy, value, sentence):
    """Not when the first listener comes."""
    override = {f'qos_overrides./{topic}.{policy}': value}
    refused(tmp_path, environment(76), parameters(model=model, **override), rf'qos_overrides./{topic}.*{sentence}')


def test_a_misspelt_parameter_is_refused(tmp_path):
    refused(tmp_path, environment(76), ['-p', 'modle:=x.onnx'], "'modle' is unknown; did you mean 'model'")


def test_plain_arguments_and_help():
    def run(*arguments):
        command = [sys.executable, '-m', 'famda_ros.nodes.perception_node', *arguments]
        return subprocess.run(command, env=environment(76), capture_output=True, text=True, timeout=60)

    plain = run('model:=x.onnx')
    assert plain.returncode == 2 and plain.stderr.count('\n') == 1
    assert "'model:=x.onnx' is no argument of a node; give parameters as --ros-args -p" in plain.stderr
    help_ = run('--help')
    assert help_.returncode == 0 and help_.stdout.startswith('usage: perception_node') and not help_.stderr


def refused(folder, env, arguments, sentence):
    process = Process('nodes.perception_node', arguments, env, folder)
    try:
        assert process.wait(60) == 2
    finally:
        process.end()
    lines = process.output().splitlines()
    assert len(lines) == 1 and re.search(sentence, lines[0]) and lines[0].startswith('perception_node: '), lines


def test_sigint_ends_it_cleanly_and_quickly(tmp_path, model):
    process = Process('nodes.perception_node', parameters(model=model), environment(77), tmp_path)
    try:
        end = time.monotonic() + 60
        while 'waiting for images' not in process.output():
            assert process.exit_code is None and time.monotonic() < end, process.output()
            time.sleep(0.05)
        start = time.monotonic()
        assert process.interrupt() == 0, process.output()
        assert time.monotonic() - start < promised(3)
    finally:
        process.end()
    assert 'Traceback' not in process.output()


def test_orchestrator_reports_a_failing_node(tmp_path, model):
    with BagWriter(tmp_path / 'drive') as bag:
        bag.write_image('/image', STAMP, 'cam', picture(0))
    with pytest.raises(FamdaError, match=r'perception_node ended with exit code 2: .*No such file'):
        play_through_node(tmp_path / 'x.onnx', tmp_path / 'drive', tmp_path / 'out', domain_id=78, timeout_s=60)
    (tmp_path / 'taken').mkdir()
    (tmp_path / 'taken' / 'x').touch()
    with pytest.raises(FamdaError, match='exists already'):
        play_through_node(model, tmp_path / 'drive', tmp_path / 'taken', domain_id=78, timeout_s=60)
