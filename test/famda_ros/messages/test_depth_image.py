# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from famda_ros.messages.depth_image import compress_depth, decompress_depth, image_to_depth
from famda_ros.messages.image_messages import MalformedImage


def message(array, encoding):
    return SimpleNamespace(
        height=array.shape[0], width=array.shape[1], encoding=encoding, is_bigendian=0, step=array.strides[0],
        data=array.tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ('array', 'encoding'),
    [
        (np.float32([[2.5, np.nan, np.inf], [0.0, -1.0, 0.001]]), '32FC1'),
        (np.uint16([[2500, 0, 65535], [0, 0, 1]]), '16UC1'),
        (np.uint16([[2500, 0, 65535], [0, 0, 1]]), 'mono16'),
    ],
)
def test_metres(array, encoding):
    depth = image_to_depth(message(array, encoding))
    far = np.inf if encoding == '32FC1' else 65.535
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, np.float32([[2.5, np.nan, far], [np.nan, np.nan, 0.001]]))


def test_what_is_no_depth():
    with pytest.raises(MalformedImage, match="encoding 'mono8' is no depth; choose a topic with 32FC1 or 16UC1"):
        image_to_depth(message(np.zeros((2, 2), np.uint8), 'mono8'))
    cut = message(np.zeros((2, 2), np.uint16), '16UC1')
    cut.data = cut.data[:-1]
    with pytest.raises(MalformedImage, match='data has 7 bytes'):
        image_to_depth(cut)


def packed(data, form='16UC1; compressedDepth png'):
    return SimpleNamespace(data=data, format=form)


def test_millimetres_have_codes_for_what_is_no_distance():
    depth = np.float32([[2.5, np.nan, np.inf, -np.inf], [0.0, -1.0, 0.0001, 65.534], [65.5344, 65.536, 80.0, 1e30]])
    data = compress_depth(depth)
    assert data[:12] == bytes(12) and data[12:16] == b'\x89PNG'
    np.testing.assert_array_equal(
        cv2.imdecode(np.frombuffer(data[12:], np.uint8), cv2.IMREAD_UNCHANGED),
        [[2500, 0, 65535, 0], [0, 0, 1, 65534], [65534, 65535, 65535, 65535]],
    )
    nan, inf = np.nan, np.inf
    want = np.float32([[2.5, nan, inf, nan], [nan, nan, 0.001, 65.534], [65.534, inf, inf, inf]])
    got = decompress_depth(packed(data))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_inverse_depth_of_other_publishers():
    """As compressed_depth_image_transport packs 32FC1: A / z + B, rounded; 0 = unknown."""
    depth, a, b = np.float32([[1.0, 4.0, 10.0], [np.nan, 2.0, 9.0]]), 100 * 101.0, 1 - 100 * 101.0 / 10.0
    quantised = np.where(np.isnan(depth), 0, a / depth + b).astype(np.uint16)
    data = struct.pack('<iff', 0, a, b) + cv2.imencode('.png', quantised)[1].tobytes()
    got = decompress_depth(packed(data, '32FC1; compressedDepth'))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, depth, rtol=0.01)


@pytest.mark.parametrize(
    ('data', 'form', 'fault'),
    [
        (compress_depth(np.ones((4, 4), np.float32))[:-3], '16UC1; compressedDepth png', 'hold no whole PNG of 16 b'),
        (b'', '16UC1; compressedDepth png', 'hold no whole PNG of 16 bits'),
        (
            bytes(12) + cv2.imencode('.png', np.ones((4, 4), np.uint8))[1].tobytes(),
            '16UC1; compressedDepth png',
            'of 16 bits',
        ),
        (compress_depth(np.ones((4, 4), np.float32)), '16UC1; compressedDepth rvl', 'is no depth that can be read'),
        (compress_depth(np.ones((4, 4), np.float32)), 'jpeg', 'is no depth that can be read'),
    ],
)
def test_compressed_depth_that_cannot_be_read(data, form, fault):
    with pytest.raises(MalformedImage, match=fault):
        decompress_depth(packed(data, form))
