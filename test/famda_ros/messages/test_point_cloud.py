# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.point_cloud import POINT, fill_point_cloud, organised_points


def scene(height, width, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    labels = rng.integers(0, 256, (height, width)).astype(np.uint8)
    depth = rng.uniform(0.1, 80, (height, width)).astype(np.float32)
    return image, labels, depth


@settings(max_examples=80)
@given(
    st.integers(1, 60), st.integers(1, 90), st.integers(1, 9), st.floats(50, 3000), st.floats(50, 3000),
    st.floats(-40, 1400), st.floats(-40, 800), st.integers(0, 9),
)  # fmt: skip
def test_a_point_projects_to_its_pixel_and_carries_what_is_there(height, width, stride, fx, fy, cx, cy, seed):
    image, labels, depth = scene(height, width, seed)
    points = organised_points(image, labels, depth, Intrinsics(fx, fy, cx, cy), stride)
    assert points.shape == (-(-height // stride), -(-width // stride))
    rows, columns = np.mgrid[:height:stride, :width:stride]
    np.testing.assert_allclose(points['x'] / points['z'] * fx + cx, columns, atol=1e-2)
    np.testing.assert_allclose(points['y'] / points['z'] * fy + cy, rows, atol=1e-2)
    np.testing.assert_array_equal(points['z'], depth[rows, columns])
    np.testing.assert_array_equal(points['label'], labels[rows, columns])
    packed = points['rgb']
    np.testing.assert_array_equal(np.dstack([packed >> 16, packed >> 8 & 255, packed & 255]), image[rows, columns])


def test_unknown_depth_is_a_nan_point_that_keeps_colour_and_label():
    image, labels, _ = scene(1, 6)
    depth = np.array([[np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0]], np.float32)
    points = organised_points(image, labels, depth, Intrinsics(100, 100, 0, 0))
    for name in ('x', 'y', 'z'):
        assert np.isnan(points[name][0, :5]).all() and np.isfinite(points[name][0, 5])
    np.testing.assert_array_equal(points['label'], labels)


def test_sizes_and_strides_that_make_no_sense():
    image, labels, depth = scene(4, 5)
    camera = Intrinsics(100, 100, 0, 0)
    with pytest.raises(ValueError, match='sizes differ'):
        organised_points(image, labels, depth[:3], camera)
    with pytest.raises(ValueError, match='stride'):
        organised_points(image, labels, depth, camera, 0)


def test_the_message_reads_back_by_its_own_fields():
    points = organised_points(*scene(7, 10), Intrinsics(100, 110, 4, 3), 2)
    msg = fill_point_cloud(SimpleNamespace(data=array.array('B')), points, 'header', SimpleNamespace)
    assert (msg.header, msg.height, msg.width, msg.is_dense, msg.is_bigendian) == ('header', 4, 5, False, False)
    assert msg.row_step == msg.width * msg.point_step and len(msg.data) == msg.row_step * msg.height
    # As a consumer reads it: nothing but names, offsets and types of the message.
    types = {6: '<u4', 7: '<f4'}
    layout = np.dtype(
        {
            'names': [field.name for field in msg.fields],
            'formats': [types[field.datatype] for field in msg.fields],
            'offsets': [field.offset for field in msg.fields],
            'itemsize': msg.point_step,
        }
    )
    read = np.frombuffer(msg.data, layout).reshape(msg.height, msg.width)
    for name in POINT.names:
        np.testing.assert_array_equal(read[name].view('<u4'), points[name].view('<u4'))
    # pcl::PointXYZRGBL: rgb is three bytes in a float32, label a uint32.
    assert {field.name: field.datatype for field in msg.fields} == {'x': 7, 'y': 7, 'z': 7, 'rgb': 7, 'label': 6}


def test_a_real_message_can_be_filled():
    messages = pytest.importorskip('sensor_msgs.msg', reason='no ROS messages installed')
    headers = pytest.importorskip('std_msgs.msg', reason='no ROS messages installed')
    assert (messages.PointField.FLOAT32, messages.PointField.UINT32) == (7, 6)
    points = organised_points(*scene(7, 10), Intrinsics(100, 110, 4, 3))
    msg = fill_point_cloud(messages.PointCloud2(), points, headers.Header(), messages.PointField)
    assert bytes(msg.data) == points.tobytes() and msg.fields[4].name == 'label'
