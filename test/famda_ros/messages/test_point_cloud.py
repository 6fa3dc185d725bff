# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.point_cloud import POINT, UNLABELLED, fill_point_cloud, flying, organised_points
from famda_ros.profiles.parameters import PARAMETERS
from famda_ros.student.resize import beyond_range, resize_depth
from famda_train.world import render_many


def scene(height, width, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    labels = rng.integers(0, UNLABELLED, (height, width)).astype(np.uint8)
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


def test_an_unlabelled_point_is_nan():
    """So that it wins no tile of a costmap."""
    image, labels, depth = scene(6, 8)
    labels[2:4, 3:] = UNLABELLED
    points = organised_points(image, labels, depth, Intrinsics(100, 100, 3, 2))
    for name in ('x', 'y', 'z'):
        np.testing.assert_array_equal(np.isnan(points[name]), labels == UNLABELLED)
    np.testing.assert_array_equal(points['label'], labels)


def smoothed(depth, farthest=80.0):
    """Return true depth as smooth as a student's: at half the size, blurred by 1.6 of its pixels, and enlarged.

    So wide are the edges of the student that ships, measured at jumps to more than 1.5 times the depth.
    """
    height, width = depth.shape
    small = cv2.resize(np.log(np.fmin(depth, 100)), (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return resize_depth(beyond_range(np.exp(cv2.GaussianBlur(small, (0, 0), 1.6)), farthest), width, height)


def distance_to_surface(points, surface, rows, columns, reach=45):
    """Return how far points are from the nearest true point that is seen within ``reach`` pixels, of every third."""
    padded = np.pad(surface, ((reach, reach), (reach, reach), (0, 0)), constant_values=np.nan).astype(np.float32)
    nearest = np.full(len(points), np.inf, np.float32)
    for down in range(0, 2 * reach + 1, 3):
        for right in range(0, 2 * reach + 1, 3):
            offset = padded[rows + down, columns + right] - points
            nearest = np.fmin(nearest, np.einsum('ij,ij->i', offset, offset))
    return np.sqrt(nearest)


def test_flying_pixels_of_rendered_scenes():
    """Of what is farther than a tenth of its distance from every true surface 90 % go, of the rest at most 5 %."""
    default = next(p.default for p in PARAMETERS if p.name == 'points.edge_filter')
    gone, times = np.zeros((2, 2)), []
    for rendering in render_many(range(100, 106), 'day', 640, 480):
        camera, depth = rendering.camera, smoothed(rendering.depth)
        intrinsics = Intrinsics(camera.focal, camera.focal, camera.cx, camera.cy)
        labels = np.zeros(depth.shape, np.uint8)
        clouds = [organised_points(rendering.image, labels, z, intrinsics) for z in (depth, rendering.depth)]
        seen, true = (np.stack([cloud[axis] for axis in 'xyz'], -1) for cloud in clouds)
        there = np.isfinite(seen[..., 2])
        rows, columns = (indices[::10] for indices in np.nonzero(there))
        points = seen[rows, columns]
        off = distance_to_surface(points, true, rows, columns) > 0.1 * np.linalg.norm(points, axis=1)
        start = time.perf_counter()
        edges = flying(depth, intrinsics, default)
        times.append(1e3 * (time.perf_counter() - start))
        gone += [[np.sum(edges[rows, columns] & group), group.sum()] for group in (off, ~off)]
    (flew, good), share = gone[:, 0] / gone[:, 1], gone[0, 1] / gone[:, 1].sum()
    print(
        f'{100 * share:.1f} % of the points fly; of these {100 * flew:.1f} % are gone, of the others {100 * good:.1f} %'
        f'; {np.median(times):.2f} ms at 640x480'
    )
    assert flew >= 0.9 and good <= 0.05


@pytest.mark.parametrize('stride', [1, 3])
def test_the_edge_filter_takes_away_edges_and_leaves_surfaces(stride):
    image, labels, _ = scene(60, 80)
    camera = Intrinsics(400, 400, 40, 30)
    depth = np.full((60, 80), 4, np.float32)
    depth[:, 50:] = 8
    depth[:, 48:52] = [4.8, 5.6, 6.4, 7.2]  # a ramp between two walls
    depth[10, 20], depth[40:, 20] = np.nan, np.inf
    plain, filtered = (organised_points(image, labels, depth, camera, stride, degrees) for degrees in (0.0, 2.5))
    taken = np.isnan(filtered['z']) & ~np.isnan(plain['z'])
    expected = np.zeros(depth.shape, bool)
    expected[:, 47:52] = True
    expected[9:12, 19:22] = expected[39:, 19:22] = True  # beside what is unknown, too
    expected[10, 20] = expected[40:, 20] = False  # NaN before
    np.testing.assert_array_equal(taken, expected[::stride, ::stride])
    kept = ~np.isnan(filtered['z'])
    assert (filtered[kept] == plain[kept]).all()


def test_level_ground_is_kept_as_far_as_the_angle_says():
    """The same for every resolution, and for fx unlike fy as nearly as their mean says."""
    for scale in (1, 2, 3):
        height, width, focal = 120 * scale, 160 * scale, 130 * scale
        rows = np.arange(height) - 30 * scale
        depth = np.where(rows > 0, 1.5 * focal / np.maximum(rows, 1), np.inf)[:, None] * np.ones((1, width))
        edges = flying(depth.astype(np.float32), Intrinsics(focal, focal, 0, 0), 2.5)
        farthest = depth[~edges & np.isfinite(depth)].max()
        assert farthest == pytest.approx(1.5 / np.tan(np.radians(2.5)), rel=0.15)


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
