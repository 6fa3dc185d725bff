# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.messages.camera_info import (
    Intrinsics,
    calibration_fault,
    fill_camera_info,
    focal_of,
    info_topic_of,
    intrinsics_of,
    namespace_of,
    shape_fault,
    unusable_because,
)


def info(fx=500.0, width=640, roi=0, binning=0, rectified=0.0):
    """A CameraInfo of a 4:3 camera with square pixels."""
    cut = SimpleNamespace(x_offset=0, y_offset=0, width=roi, height=roi * 3 // 4)
    k, p = [fx, 0, 0, 0, abs(fx), 0, 0, 0, 1], [rectified, 0, 0, 0, 0, rectified, 0, 0, 0, 0, 1, 0]
    return SimpleNamespace(k=k, p=p, width=width, height=480, binning_x=binning, binning_y=binning, roi=cut)


@pytest.mark.parametrize(
    ('camera', 'image_width', 'focal'),
    [
        (None, 640, None),
        (info(), 640, 500.0),
        (info(), 320, 250.0),  # resized, or binned, without a new calibration
        (info(fx=0.0), 640, None),  # not calibrated
        (info(fx=math.nan), 640, None),
        (info(fx=math.inf), 640, None),
        (info(fx=-500.0), 640, None),
        (info(width=0), 640, None),
        (info(roi=320), 320, 500.0),  # a cut-out sees less, not smaller
        (info(roi=320, binning=2), 160, 250.0),
        (info(rectified=450.0), 640, 450.0),  # P is the camera of the rectified image
        (info(rectified=450.0, roi=320, binning=2), 160, 225.0),
        (info(fx=math.nan, rectified=450.0), 640, 450.0),
        (info(rectified=-1.0), 640, 500.0),
    ],
)
def test_focal(camera, image_width, focal):
    found = focal_of(camera, image_width, image_width * 3 // 4)
    assert (found and found[0]) == focal


@pytest.mark.parametrize(
    ('topic', 'namespace'),
    [('/image', ''), ('/cam0/image', '/cam0'), ('/a/b/image_raw/compressed', '/a/b'), ('/image/compressed', '')],
)
def test_topics_beside_an_image(topic, namespace):
    assert namespace_of(topic) == namespace
    assert info_topic_of(topic) == f'{namespace}/camera_info'


def calibration(width=1280, height=720, k=None, p=None, roi=(0, 0, 0, 0), binning=0):
    """A CameraInfo as rosbags reads it; roi is (x_offset, y_offset, width, height)."""
    k = [900.0, 0.0, 650.0, 0.0, 910.0, 350.0, 0.0, 0.0, 1.0] if k is None else k
    p = [880.0, 0.0, 640.0, -44.0, 0.0, 880.0, 360.0, 3.0, 0.0, 0.0, 1.0, 0.0] if p is None else p
    return SimpleNamespace(
        header='old', width=width, height=height, distortion_model='plumb_bob', d=np.array([0.1, -0.2, 0.0, 0.0, 0.03]),
        k=np.array(k), r=np.eye(3).ravel(), p=np.array(p), binning_x=binning, binning_y=binning,
        roi=SimpleNamespace(x_offset=roi[0], y_offset=roi[1], width=roi[2], height=roi[3], do_rectify=False),
    )  # fmt: skip


def empty_message():
    return SimpleNamespace(roi=SimpleNamespace())


scales = st.floats(0.05, 4)
points = st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.5, 80))


def project(matrix, point):
    x, y, w = np.asarray(matrix).reshape(3, -1)[:, : len(point)] @ point
    return x / w, y / w


@given(scales, scales, points)
def test_a_scaled_camera_sees_a_point_where_the_resized_image_shows_it(scale_x, scale_y, point):
    old = calibration()
    new = fill_camera_info(empty_message(), old, 'header', scale_x, scale_y)
    for name, seen in (('k', np.array(point)), ('p', np.array([*point, 1.0]))):
        u, v = project(getattr(old, name), seen)
        # Edges stay: the left edge of the image is at -0.5 before and after.
        expected = ((u + 0.5) * scale_x - 0.5, (v + 0.5) * scale_y - 0.5)
        np.testing.assert_allclose(project(getattr(new, name), seen), expected, rtol=1e-9, atol=1e-6)


def test_the_pixel_that_opencv_moves_is_where_the_scaled_camera_sees_it():
    image = np.zeros((90, 160), np.float32)
    image[30:38, 100:108] = 1
    small = cv2.resize(image, (40, 22), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[:22, :40]
    seen = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
    old = calibration(160, 90, k=[100.0, 0, 80, 0, 100, 45, 0, 0, 1])
    ray = [(103.5 - 80) / 100, (33.5 - 45) / 100, 1.0]  # through the middle of the square
    new = fill_camera_info(empty_message(), old, 'header', 40 / 160, 22 / 90)
    np.testing.assert_allclose(project(new.k, ray), seen, atol=0.02)


def test_scaling_touches_what_resize_node_scales_and_nothing_else():
    old = calibration(roi=(100, 50, 640, 360), binning=2)
    new = fill_camera_info(empty_message(), old, 'header', 0.5, 0.25)
    assert (new.header, new.width, new.height, new.distortion_model) == ('header', 640, 180, 'plumb_bob')
    assert vars(new.roi) == {'x_offset': 50, 'width': 320, 'y_offset': 12, 'height': 90, 'do_rectify': False}
    assert (new.binning_x, new.binning_y, list(new.d), list(new.r)) == (2, 2, list(old.d), list(old.r))
    # image_proc::ResizeNode leaves out the half pixel between edge and centre.
    k = [450.0, 0.0, 325.0, 0.0, 227.5, 87.5, 0.0, 0.0, 1.0]
    p = [440.0, 0.0, 320.0, -22.0, 0.0, 220.0, 90.0, 0.75, 0.0, 0.0, 1.0, 0.0]
    np.testing.assert_allclose(new.k, k, atol=0.5)
    np.testing.assert_allclose(new.p, p, atol=0.5)
    np.testing.assert_allclose(np.array(new.k)[[0, 4]], np.array(k)[[0, 4]])
    np.testing.assert_allclose(np.array(new.p)[[0, 3, 5, 7]], np.array(p)[[0, 3, 5, 7]])


@given(scales, st.sampled_from([0.0, math.nan, math.inf]))
def test_a_missing_or_senseless_calibration_stays_what_it_is(scale, value):
    old = calibration(k=[value] * 9, p=[value] * 12)
    new = fill_camera_info(empty_message(), old, 'header', scale, scale)
    np.testing.assert_array_equal(new.k, old.k)
    np.testing.assert_array_equal(new.p, old.p)
    assert intrinsics_of(new, 1280, 720) is None and focal_of(new, 1280, 720) is None


def test_a_real_message_can_be_filled():
    messages = pytest.importorskip('sensor_msgs.msg', reason='no ROS messages installed')
    headers = pytest.importorskip('std_msgs.msg', reason='no ROS messages installed')
    old = calibration(width=2**32 - 1, roi=(5, 6, 7, 8))
    new = fill_camera_info(messages.CameraInfo(), old, headers.Header(frame_id='camera'), 2.0, 0.5)
    assert new.header.frame_id == 'camera' and new.width == 2**32 - 1 and new.roi.x_offset == 10
    again = fill_camera_info(messages.CameraInfo(), new, new.header)
    np.testing.assert_array_equal(again.k, new.k)
    np.testing.assert_array_equal(again.d, old.d)


@given(scales, scales, points, st.booleans())
def test_intrinsics_project_to_the_pixel_of_the_image_as_it_came(scale_x, scale_y, point, rectified):
    """Cut out, then resized (or binned) by a driver that leaves width, height, K and P as they were."""
    old = calibration(roi=(100, 50, 640, 360), **({} if rectified else {'p': [0.0] * 12}))
    width, height = max(1, round(640 * scale_x)), max(1, round(360 * scale_y))
    camera = intrinsics_of(old, width, height)
    # P's fourth column is the other eye of a stereo pair: depth_image_proc leaves it out, too.
    u, v = project(old.p.reshape(3, 4)[:, :3] if rectified else old.k, np.array(point))
    expected = (u - 100 + 0.5) * width / 640 - 0.5, (v - 50 + 0.5) * height / 360 - 0.5
    seen = camera.fx * point[0] / point[2] + camera.cx, camera.fy * point[1] / point[2] + camera.cy
    np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-6)
    assert camera.fx == pytest.approx(focal_of(old, width, height)[0])


@pytest.mark.parametrize('index', [0, 2, 4, 5])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_intrinsics_of_a_broken_matrix(index, value):
    broken = calibration(p=[0.0] * 12)
    broken.k[index] = value
    assert intrinsics_of(broken, 1280, 720) is None


@pytest.mark.parametrize(('index', 'value'), [(0, math.inf), (2, math.nan), (5, -1.0), (6, math.inf)])
def test_intrinsics_of_a_broken_rectified_matrix(index, value):
    broken = calibration()
    broken.p[index] = value
    assert intrinsics_of(broken, 1280, 720) is None


@pytest.mark.parametrize(
    ('image', 'changes', 'words'),
    [
        ((1280, 720), {}, ''),
        ((640, 360), {}, ''),  # resized
        ((213, 120), {}, ''),  # and rounded
        ((640, 480), {}, 'for images of 1280x720, not for 640x480'),
        ((1280, 710), {}, 'not for 1280x710'),
        ((640, 480), {'roi': (320, 120, 640, 480)}, ''),  # the driver tells what it cuts
        ((320, 240), {'roi': (320, 120, 640, 480), 'binning': 2}, ''),
        ((640, 480), {'width': 0}, ''),
    ],
)
def test_calibrations_for_another_shape_are_told(image, changes, words):
    fault = shape_fault(calibration(**changes), *image)
    assert words in fault and bool(fault) == bool(words)
    assert shape_fault(None, *image) == ''


def test_only_one_binned_direction_changes_the_shape():
    old = calibration()
    old.binning_x = 2
    assert shape_fault(old, 640, 720) == '' and shape_fault(old, 640, 360)


def test_intrinsics_without_calibration():
    assert intrinsics_of(None, 10, 10) is None
    assert intrinsics_of(calibration(width=0), 10, 10) is None
    assert intrinsics_of(calibration(k=[-1.0, 0, 5, 0, 5, 5, 0, 0, 1], p=[0.0] * 12), 10, 10) is None
    assert Intrinsics.centred(100.0, 4, 3) == Intrinsics(100.0, 100.0, 1.5, 1.0)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({}, ''),
        ({'k': [0.0] * 9}, ''),  # not calibrated, says the message's definition
        ({'k': [float('nan')] * 9}, 'NaN or infinity'),
        ({'p': [float('inf')] * 12}, 'NaN or infinity'),
        ({'k': [0.0, 0, 5, 0, 100, 5, 0, 0, 1]}, 'focal lengths of 0 and 100'),
        ({'k': [1e-300, 0, 5, 0, 100, 5, 0, 0, 1]}, 'focal lengths'),
        ({'k': [-100.0, 0, 5, 0, 100, 5, 0, 0, 1]}, 'focal lengths'),
        ({'width': 0}, 'without width or height'),
        # P is what is used of a camera that tells it
        ({'k': [-100.0, 0, 5, 0, 100, 5, 0, 0, 1], 'p': [100.0, 0, 5, 0, 0, 100, 5, 0, 0, 0, 1, 0]}, ''),
        ({'p': [100.0, 0, 5, 0, 0, 0.5, 5, 0, 0, 0, 1, 0]}, 'focal lengths of 100 and 0.5'),
        ({'p': [100.0, 0, 5, 0, 0, math.nan, 5, 0, 0, 0, 1, 0]}, 'NaN or infinity'),
        ({'k': [3.0, 0, 5, 0, 3.0, 5, 0, 0, 1]}, 'focal lengths of 3 and 3 pixels for a sensor that is 640 wide'),
        ({'k': [400.0, 0, 5, 0, 4001.0, 5, 0, 0, 1]}, 'which are not of one lens'),
        # a cut-out of a wide camera looks past its own edge
        ({'k': [100.0, 0, -300, 0, 100, 700, 0, 0, 1]}, ''),
        ({'k': [100.0, 0, -330, 0, 100, 240, 0, 0, 1]}, r'principal point (-330, 240) lies far outside'),
        ({'k': [100.0, 0, 320, 0, 100, 1e6, 0, 0, 1]}, r'principal point (320, 1e+06) lies far outside'),
        ({'p': [100.0, 0, 5e4, 0, 0, 100, 5, 0, 0, 0, 1, 0]}, r'principal point (50000, 5) lies far outside'),
    ],
)
def test_calibrations_that_make_no_sense_are_told(changes, words):
    values = {'width': 640, 'height': 480, 'k': [100.0, 0, 5, 0, 100, 5, 0, 0, 1], 'p': [0.0] * 12}
    roi = SimpleNamespace(width=0, height=0, x_offset=0, y_offset=0)
    fault = calibration_fault(SimpleNamespace(**{**values, **changes}, roi=roi))
    assert words in fault and bool(fault) == bool(words)


NOT_SET = SimpleNamespace(**{**vars(info()), 'k': [0.0] * 9})


@pytest.mark.parametrize(
    ('camera', 'words'),
    [(info(), ''), (NOT_SET, 'camera_info is not set'), (info(fx=math.nan), 'NaN'), (info(fx=-500.0), 'focal')],
)
def test_why_a_calibration_gives_no_focal_lengths(camera, words):
    why = unusable_because(camera)
    assert words in why and bool(why) == bool(words) == (intrinsics_of(camera, 640, 480) is None)
