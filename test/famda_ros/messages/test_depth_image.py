# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from famda_ros.messages.depth_image import image_to_depth
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
