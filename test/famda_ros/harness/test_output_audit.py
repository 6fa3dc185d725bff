# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.harness.output_audit import account, compare, latency
from famda_ros.messages.bag_types import typestore
from famda_ros.messages.serialized_head import ImageHead, Seen, read_head
from famda_ros.topics import RECORDED_TOPICS

TYPES = typestore().types


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31 - 1), st.integers(0, 10**9 - 1), st.text('abc/_ñ'),
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from(['mono8', 'rgb8', '32FC1', 'bayer_rggb8']),
    st.booleans(),
)  # fmt: skip
def test_head_equals_deserialised(sec, nanosec, frame_id, width, height, encoding, little):
    header = TYPES['std_msgs/msg/Header'](TYPES['builtin_interfaces/msg/Time'](sec, nanosec), frame_id)
    stamp = sec * 10**9 + nanosec
    data = np.arange(5, dtype=np.uint8)
    image = TYPES['sensor_msgs/msg/Image'](header, height, width, encoding, 0, 3, data)
    cdr = typestore().serialize_cdr(image, image.__msgtype__, little_endian=little)
    assert read_head(cdr) == ImageHead(stamp, frame_id, width, height, encoding)
    compressed = TYPES['sensor_msgs/msg/CompressedImage'](header, 'jpeg', data)
    cdr = typestore().serialize_cdr(compressed, compressed.__msgtype__, little_endian=little)
    assert read_head(bytes(cdr), compressed=True) == ImageHead(stamp, frame_id, 0, 0, 'jpeg')


def sent(stamps, width=8):
    return [Seen(ImageHead(s, 'cam', width, 6, 'rgb8'), s * 10**6) for s in stamps]


def outputs(stamps, delay_ms=5, **changes):
    values = {'frame_id': 'cam', 'width': 8, 'height': 6, **changes}
    return {
        topic: [Seen(ImageHead(stamp_ns=s, **{'encoding': encoding, **values}), (s + delay_ms) * 10**6) for s in stamps]
        for topic, encoding in RECORDED_TOPICS.items()
    }


def test_all_answered():
    result = compare(sent([1, 2, 3]), outputs([1, 2, 3]))
    assert result['frames_sent'] == result['frames_answered'] == 3
    assert result['headers_equal'] and result['sizes_equal'] and result['encodings_equal']
    assert result['latency_ms'] == {'p50': 5.0, 'p99': 5.0, 'max': 5.0}
    assert compare(sent([1], width=0), outputs([1]), (8, 6))['sizes_equal']


@pytest.mark.parametrize(
    ('changes', 'verdict'),
    [({'frame_id': 'other'}, 'headers_equal'), ({'width': 4}, 'sizes_equal'), ({'encoding': 'x'}, 'encodings_equal')],
)
def test_differences_are_found(changes, verdict):
    assert compare(sent([1, 2]), outputs([1, 2], **changes))[verdict] is False


def test_unknown_repeated_and_partial_answers():
    assert compare(sent([1]), outputs([1, 9]))['headers_equal'] is False
    assert compare(sent([1]), outputs([1, 1]))['repeated_outputs'] == len(RECORDED_TOPICS)
    some = outputs([1, 2])
    some['depth/image'] = some['depth/image'][:1]
    result = compare(sent([1, 2]), some)
    assert (result['frames_answered'], result['frames_partly_answered']) == (1, 1)
    nothing = compare(sent([1]), {})
    assert nothing['latency_ms'] is None and nothing['headers_equal'] is False


def test_account():
    counts = {'received': 9, 'answered': 5, 'dropped': 2, 'stale': 1, 'malformed': 1, 'idle': 0}
    result = account(10, 5, counts)
    assert result['every_frame_accounted'] and result['frames_lost_before_node'] == 1
    assert not account(10, 4, counts)['every_frame_accounted']
    assert not account(8, 5, counts)['every_frame_accounted']
    assert not account(10, 5, {**counts, 'dropped': 1})['every_frame_accounted']


def test_latency():
    assert latency(range(1, 101)) == {'p50': 50.5, 'p99': 99.01, 'max': 100.0}
