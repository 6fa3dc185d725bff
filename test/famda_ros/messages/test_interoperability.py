# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Messages both ways between FAMDA and the ROS packages cv_bridge and sensor_msgs_py, where those are installed.

No Python package index has them.  Both come with a ROS distribution; Debian 12 has a cv_bridge that takes the messages
of the ROS wheels, too: docs/integration.md says how to run this file with it.
"""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.image_encodings import ENCODINGS
from famda_ros.messages.image_messages import compressed_to_rgb, encode_image, fill_image, image_to_array, image_to_rgb
from famda_ros.messages.point_cloud import POINT, fill_point_cloud, organised_points

BAYER = [f'bayer_{pattern}' for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')]
COMMON = [f'{name}{bits}' for name in ('rgb', 'bgr', 'rgba', 'bgra', 'mono', *BAYER) for bits in (8, 16)] + ['yuv422']
"""Pictures that every release of cv_bridge turns into rgb8."""


@pytest.fixture(scope='module')
def messages():
    return pytest.importorskip('sensor_msgs.msg', reason='no ROS messages installed')


@pytest.fixture(scope='module')
def bridge(messages):
    reason = 'cv_bridge is on no Python package index; it comes with a ROS distribution, and with Debian 12'
    return pytest.importorskip('cv_bridge', reason=reason).CvBridge()


@pytest.fixture(scope='module')
def point_cloud2(messages):
    reason = 'sensor_msgs_py is on no Python package index; it comes with a ROS distribution'
    return pytest.importorskip('sensor_msgs_py.point_cloud2', reason=reason)


def pixels_of(encoding, height=30, width=42):
    layout = ENCODINGS[encoding]
    shape = (height, width, layout.channels) if layout.channels > 1 else (height, width)
    rng = np.random.default_rng(len(encoding))
    if np.issubdtype(layout.dtype, np.floating):
        depth = rng.uniform(0.5, 80, shape).astype(layout.dtype)
        depth[0, :3] = np.nan, np.inf, 0
        return depth
    return rng.integers(0, np.iinfo(layout.dtype).max, shape, layout.dtype, endpoint=True)


def same_fields(one, other):
    assert bytes(one.data) == bytes(other.data)
    for field in ('height', 'width', 'encoding', 'is_bigendian', 'step'):
        assert getattr(one, field) == getattr(other, field), field


@pytest.mark.parametrize('encoding', COMMON)
def test_cv_bridge_and_we_see_the_same_picture(bridge, messages, encoding):
    """Byte for byte, in a message of either of us."""
    pixels = pixels_of(encoding)
    theirs = bridge.cv2_to_imgmsg(pixels, encoding)
    ours = fill_image(messages.Image(), pixels, encoding, theirs.header)
    same_fields(ours, theirs)
    for msg in (ours, theirs):
        np.testing.assert_array_equal(image_to_array(msg), pixels)
        np.testing.assert_array_equal(bridge.imgmsg_to_cv2(msg), pixels)
        np.testing.assert_array_equal(image_to_rgb(msg), bridge.imgmsg_to_cv2(msg, 'rgb8'))


@pytest.mark.parametrize('encoding', ['mono8', 'rgb8', '32FC1'])
def test_cv_bridge_reads_what_the_node_publishes(bridge, messages, encoding):
    pixels = pixels_of(encoding)
    theirs = bridge.cv2_to_imgmsg(pixels, encoding)
    ours = fill_image(messages.Image(), pixels, encoding, theirs.header)
    same_fields(ours, theirs)
    np.testing.assert_array_equal(bridge.imgmsg_to_cv2(ours), pixels)


@pytest.mark.parametrize('encoding', ['mono16', 'rgb16', 'bayer_gbrg16'])
def test_cv_bridge_and_we_read_big_endian_alike(bridge, messages, encoding):
    msg = bridge.cv2_to_imgmsg(pixels_of(encoding), encoding)
    swapped = messages.Image(
        header=msg.header, height=msg.height, width=msg.width, encoding=encoding, is_bigendian=1, step=msg.step,
        data=np.frombuffer(bytes(msg.data), np.uint16).byteswap().tobytes(),
    )  # fmt: skip
    np.testing.assert_array_equal(image_to_array(swapped), bridge.imgmsg_to_cv2(swapped))
    np.testing.assert_array_equal(image_to_rgb(swapped), image_to_rgb(msg))


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
def test_cv_bridge_and_we_decode_compressed_images_alike(bridge, messages, extension):
    rgb = cv2.GaussianBlur(pixels_of('rgb8'), (0, 0), 2)
    theirs = bridge.cv2_to_compressed_imgmsg(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), extension[1:])
    ours = messages.CompressedImage(format=theirs.format, data=encode_image(rgb, extension))
    for msg in (ours, theirs):
        np.testing.assert_array_equal(compressed_to_rgb(msg), bridge.compressed_imgmsg_to_cv2(msg, 'bgr8')[..., ::-1])


def cloud_of(messages, height=30, width=42):
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.5, 80, (height, width)).astype(np.float32)
    depth[3, 5], depth[7, 11] = np.nan, np.inf
    labels = rng.integers(0, 19, (height, width), np.uint8)
    points = organised_points(pixels_of('rgb8', height, width), labels, depth, Intrinsics(60, 62, 20.5, 14.5))
    headers = pytest.importorskip('std_msgs.msg', reason='no ROS messages installed')
    return points, fill_point_cloud(messages.PointCloud2(), points, headers.Header(), messages.PointField)


def test_sensor_msgs_py_reads_our_cloud(point_cloud2, messages):
    points, msg = cloud_of(messages)
    read = point_cloud2.read_points(msg).reshape(msg.height, msg.width)
    assert read.shape == points.shape and read.dtype.names == POINT.names
    for name in POINT.names:
        np.testing.assert_array_equal(
            np.ascontiguousarray(read[name]).view('<u4'), np.ascontiguousarray(points[name]).view('<u4')
        )
    assert len(point_cloud2.read_points(msg, ['x', 'y', 'z'], skip_nans=True)) == points.size - 2


def test_sensor_msgs_py_writes_the_same_bytes(point_cloud2, messages):
    """In one row of points: for an image of points its height and width depend on the release."""
    points, ours = cloud_of(messages)
    row = points.reshape(-1).view(point_cloud2.dtype_from_fields(ours.fields, ours.point_step))
    theirs = point_cloud2.create_cloud(ours.header, ours.fields, row, ours.point_step)
    assert bytes(theirs.data) == bytes(ours.data) and theirs.fields == ours.fields
    assert (theirs.point_step, theirs.is_bigendian) == (ours.point_step, ours.is_bigendian)


def test_the_documented_way_to_read_the_nodes_topics(bridge, point_cloud2, messages):
    page = (Path(__file__).resolve().parents[3] / 'docs' / 'integration.md').read_text(encoding='utf-8')
    (block,) = [code for code in re.findall(r'```python\n(.*?)```', page, re.DOTALL) if 'cv_bridge' in code]
    names = {}
    exec(block, names)
    points, cloud = cloud_of(messages)
    mask, depth = (
        fill_image(messages.Image(), pixels_of(encoding), encoding, cloud.header) for encoding in ('mono8', '32FC1')
    )
    labels, metres, read = names['read'](mask, depth, cloud)
    np.testing.assert_array_equal(labels, pixels_of('mono8'))
    np.testing.assert_array_equal(metres, pixels_of('32FC1'))
    np.testing.assert_array_equal(read['label'], points['label'])
