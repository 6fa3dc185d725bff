# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Malformed messages of every kind, over real DDS: each is counted, and the node goes on."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_student import HEIGHT, WIDTH, save_tiny

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from builtin_interfaces.msg import Time
from perception_client import LONG, PerceptionClient, camera_info, header, stamp_of
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from famda_ros.messages.camera_info import calibration_fault
from famda_ros.messages.image_messages import ENCODINGS, PICTURES, encode_image, fill_image
from famda_ros.topics import IMAGE_TOPICS, INFO_TOPICS

EXAMPLES = 1100 if LONG else 120
PERIOD_S = 0.01
UINT32 = st.integers(0, 2**32 - 1)
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
JPEG, PNG = encode_image(PICTURE, '.jpg'), encode_image(PICTURE, '.png')

headers = st.builds(
    Header,
    stamp=st.builds(Time, sec=st.integers(-(2**31), 2**31 - 1), nanosec=UINT32),
    frame_id=st.text(st.characters(codec='ascii', exclude_characters='\0'), max_size=12),
)


@st.composite
def malformed_images(draw):
    """An Image that contradicts itself, or of an encoding that nobody can look at."""
    encoding = draw(st.sampled_from(PICTURES))
    layout = ENCODINGS[encoding]
    height, width = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    step = 8 * width * layout.channels
    size = step * height
    fault = draw(st.sampled_from(['encoding', 'depth', 'data', 'step', 'no size', 'huge']))
    if fault == 'encoding':
        encoding = draw(st.text(st.characters(codec='ascii', exclude_characters='\0'), max_size=8).map('x-{}'.format))
    elif fault == 'depth':
        encoding, step = '32FC1', 4 * width
        size = step * height
    elif fault == 'data':
        size = draw(st.integers(0, 3 * size).filter(lambda n: n != step * height))
    elif fault == 'step':
        step = draw(st.integers(0, max(0, (width * layout.channels - 1) // 2)))
        size = step * height
    elif fault == 'no size':
        height, width = draw(st.sampled_from([(0, width), (height, 0), (0, 0)]))
    else:
        height, width = draw(st.sampled_from([(2**32 - 1, width), (height, 2**32 - 1), (2**31, 2**31)]))
        step = draw(UINT32)
    if fault != 'encoding' and fault != 'depth' and size == step * height and height and width:
        size += 1
    return Image(
        header=draw(headers), height=height, width=width, encoding=encoding, is_bigendian=draw(st.integers(0, 1)),
        step=step, data=bytes(draw(st.integers(0, 255)) for _ in range(min(size, 4))) + bytes(max(0, size - 4)),
    )  # fmt: skip


@st.composite
def malformed_compressed_images(draw):
    """A CompressedImage that is cut off, is no image, or says that it is enormous."""
    data = draw(
        st.one_of(
            st.integers(0, len(JPEG) - 3).map(lambda n: JPEG[:n]),
            st.integers(0, len(PNG) - 1).map(lambda n: PNG[:n]),
            st.binary(max_size=64),
            st.binary(max_size=64).map(lambda rest: JPEG[:20] + rest),
            UINT32.map(lambda n: PNG[:16] + struct.pack('>I', n | 0x01000000) + PNG[20:]),
        )
    )
    return CompressedImage(header=draw(headers), format=draw(st.sampled_from(['jpeg', 'png', 'h264', ''])), data=data)


numbers = st.one_of(st.floats(width=64), st.sampled_from([0.0, float('nan'), float('inf'), -1.0, 1e300]))
strange_camera_infos = st.builds(
    CameraInfo,
    header=headers,
    height=UINT32,
    width=UINT32,
    distortion_model=st.sampled_from(['', 'plumb_bob', 'equidistant', 'x']),
    d=st.lists(numbers, max_size=14),
    k=st.lists(numbers, min_size=9, max_size=9),
    r=st.lists(numbers, min_size=9, max_size=9),
    p=st.lists(numbers, min_size=12, max_size=12),
    binning_x=UINT32,
    binning_y=UINT32,
    roi=st.builds(RegionOfInterest, x_offset=UINT32, y_offset=UINT32, height=UINT32, width=UINT32),
)


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_malformed_messages_are_counted_and_survived(tmp_path, monkeypatch, transport):
    """Good frames come in between, under calibrations that make no sense: those are answered, and nothing else is."""
    compressed = transport == 'compressed'
    topic, kind = ('image/compressed', CompressedImage) if compressed else ('image', Image)
    # Reliable: every message must arrive to be counted.
    reliable = {
        f'qos_overrides./{name}.subscription.{policy}': value
        for name in (topic, 'camera_info')
        for policy, value in (('reliability', 'reliable'), ('depth', 100))
    }
    sent = {'malformed': 0, 'calibrations': 0, 'good': set()}
    with PerceptionClient(
        tmp_path, 34 + compressed, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx'), image_transport=transport,
        threads=1, **{'points.stride': 2}, **reliable,
    ) as client:  # fmt: skip
        images, infos = client.publisher(kind, topic, 100), client.publisher(CameraInfo, 'camera_info', 100)
        client.listen(*IMAGE_TOPICS, *INFO_TOPICS, 'depth/points')
        client.wait_for(lambda: client.subscribers(topic), 10, 'the node to listen')

        def send_good():
            stamp = time.time_ns()
            sent['good'].add(stamp)
            if compressed:
                images.publish(CompressedImage(header=header(stamp), format='jpeg', data=JPEG))
            else:
                images.publish(fill_image(Image(), PICTURE, 'rgb8', header(stamp)))
            time.sleep(2 * PERIOD_S)

        @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
        @given(malformed_compressed_images() if compressed else malformed_images(), strange_camera_infos)
        def send(image, info):
            assert client.process.exit_code is None, client.process.output()
            infos.publish(info)
            images.publish(image)
            sent['malformed'] += 1
            sent['calibrations'] += bool(calibration_fault(info))
            time.sleep(PERIOD_S)
            if sent['malformed'] % 10 == 0:
                send_good()

        send()
        client.fresh_report()
        counts = client.counts()
        refused = int(client.values()['calibrations_malformed'])
        assert client.process.exit_code is None
        # and it is as well as ever
        infos.publish(camera_info(time.time_ns(), WIDTH, HEIGHT, 100.0))
        time.sleep(0.2)
        send_good()
        newest = max(sent['good'])
        client.wait_for(lambda: newest in map(stamp_of, list(client.answers['depth/points'])), 5, 'points again')
        answered = {topic: set(map(stamp_of, client.answers[topic])) for topic in IMAGE_TOPICS}
        client.wait_for(lambda: client.values()['camera_focal_px'] == '100.0', 5, 'the focal in the diagnostics')
    print(f'{transport}: {sent["malformed"]} malformed and {len(sent["good"])} good messages: {counts}')
    assert sent['malformed'] >= EXAMPLES * 0.8
    assert refused == sent['calibrations'] > 0.5 * sent['malformed']  # each of them, too
    good = len(sent['good']) - 1
    assert counts['received'] == sent['malformed'] + good
    assert counts['received'] == sum(n for name, n in counts.items() if name != 'received')
    # A frame that a newer one replaced was not looked at: it is counted as dropped, whatever it was.
    assert sent['malformed'] - counts['dropped'] <= counts['malformed'] <= sent['malformed']
    most_dropped, fewest_answered = (0.05, 0.8) if LONG else (0.5, 0.5)  # a busy machine drops some
    assert counts['dropped'] < most_dropped * counts['received'] and counts['answered'] <= good
    assert all(stamps <= sent['good'] for stamps in answered.values())
    assert all(len(stamps) >= fewest_answered * good for stamps in answered.values())
    assert 'Traceback' not in client.process.output()
    warnings = client.process.output().count('malformed') + client.process.output().count('not supported')
    assert 0 < warnings < counts['malformed'] / 2  # now and then, not for each
