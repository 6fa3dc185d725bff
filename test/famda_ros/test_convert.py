# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.convert import (
    ENCODINGS,
    MalformedImage,
    compressed_to_rgb,
    encode_image,
    fill_image,
    image_to_array,
    image_to_rgb,
)

CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}
REFERENCE = {
    'rgb8': lambda a: a,
    'bgr8': lambda a: cv2.cvtColor(a, cv2.COLOR_BGR2RGB),
    'rgba8': lambda a: cv2.cvtColor(a, cv2.COLOR_RGBA2RGB),
    'bgra8': lambda a: cv2.cvtColor(a, cv2.COLOR_BGRA2RGB),
    'mono8': lambda a: cv2.cvtColor(a, cv2.COLOR_GRAY2RGB),
}


def message(pixels: np.ndarray, encoding: str, padding: int = 0, changes: dict | None = None):
    rows = pixels.reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    values = {
        'height': pixels.shape[0],
        'width': pixels.shape[1],
        'encoding': encoding,
        'is_bigendian': 0,
        'step': padded.shape[1],
        'data': array.array('B', padded.tobytes()),
    }
    return SimpleNamespace(**{**values, **(changes or {})})


@st.composite
def images(draw):
    encoding = draw(st.sampled_from(sorted(CHANNELS)))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    shape = (height, width) if CHANNELS[encoding] == 1 else (height, width, CHANNELS[encoding])
    return draw(hnp.arrays(np.uint8, shape)), encoding, draw(st.integers(0, 5))


@settings(max_examples=60, deadline=None)
@given(images())
def test_equals_opencv(case):
    pixels, encoding, padding = case
    rgb = image_to_rgb(message(pixels, encoding, padding))
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, REFERENCE[encoding](pixels))


@settings(max_examples=60, deadline=None)
@given(images())
def test_equals_rosbags_image(case):
    reference = pytest.importorskip('rosbags.image', reason='rosbags-image is not installed')
    pixels, encoding, _ = case
    msg = message(pixels, encoding)
    np.testing.assert_array_equal(
        image_to_rgb(msg), reference.message_to_cvimage(SimpleNamespace(**vars(msg), __msgtype__='x'), 'rgb8')
    )


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)), st.booleans())
def test_depth_of_both_byte_orders(depth, big):
    data = depth.astype('>f4' if big else '<f4').tobytes()
    msg = SimpleNamespace(
        height=depth.shape[0], width=depth.shape[1], encoding='32FC1', is_bigendian=int(big),
        step=4 * depth.shape[1], data=data,
    )  # fmt: skip
    np.testing.assert_array_equal(image_to_array(msg), depth)
    with pytest.raises(MalformedImage, match='no colour or grey picture'):
        image_to_rgb(msg)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(ENCODINGS)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=64),
)
def test_nothing_but_malformed_image_is_raised(encoding, height, width, step, data):
    msg = SimpleNamespace(height=height, width=width, encoding=encoding, is_bigendian=0, step=step, data=data)
    try:
        image_to_array(msg)
    except MalformedImage as error:
        assert str(len(data)) in str(error)


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'step': 11}, 'needs step >= 12'),
        ({'height': 5}, 'data has 36 bytes'),
        ({'width': 5}, '5x3 rgb8 needs step >= 15'),
        ({'height': 0}, 'malformed'),
        ({'data': b''}, 'data has 0 bytes'),
        ({'encoding': 'nv12'}, "encoding 'nv12' is not supported; use one of rgb8"),
    ],
)
def test_what_is_wrong_is_said(changes, sentence):
    with pytest.raises(MalformedImage, match=sentence):
        image_to_rgb(message(np.zeros((3, 4, 3), np.uint8), 'rgb8', changes=changes))


def test_compressed_round_trip_and_faults():
    image = np.full((6, 8, 3), (10, 200, 90), np.uint8)
    png = SimpleNamespace(format='png', data=encode_image(image, '.png'))
    np.testing.assert_array_equal(compressed_to_rgb(png), image)
    for data in (b'', b'nonsense', encode_image(image)[:20]):
        with pytest.raises(MalformedImage, match='cannot be decoded'):
            compressed_to_rgb(SimpleNamespace(format='jpeg', data=data))


@settings(max_examples=40, deadline=None)
@given(images())
def test_fill_image_round_trip(case):
    pixels, encoding, _ = case
    msg = SimpleNamespace(data=array.array('B'))
    header = object()
    fill_image(msg, pixels, encoding, header)
    assert msg.header is header and msg.step * msg.height == len(msg.data)
    np.testing.assert_array_equal(image_to_array(msg), pixels)


def test_fill_image_refuses_a_wrong_type():
    with pytest.raises(ValueError):
        fill_image(SimpleNamespace(data=array.array('B')), np.zeros((2, 2), np.float64), '32FC1', None)
