# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_student import FOCAL, HEIGHT, WIDTH, save_tiny, tiny_card

from famda_ros.messages.image_messages import MalformedImage
from famda_ros.student.camera_geometry import (
    BUDGET_RANGE,
    SQUARE_TOLERANCE,
    WORST_STRETCH,
    fitting_size,
    network_focal,
    network_size,
    shape_warning,
)
from famda_ros.student.runtime import Student

DYNAMIC = tiny_card(network_width=320, network_height=240, stride=16)
FIXED = tiny_card(network_width=320, network_height=240)


@given(st.floats(1 / 6, 6), st.integers(60_000, 600_000))
def test_pixels_are_square_and_about_as_many_as_wanted(shape, pixels):
    wide, high = fitting_size(shape, pixels, stride=16)
    assert wide % 16 == high % 16 == 0
    assert abs(math.log(wide / high / shape)) <= WORST_STRETCH
    assert BUDGET_RANGE[0] <= wide * high / pixels <= BUDGET_RANGE[1]


@pytest.mark.parametrize(
    ('image', 'network'),
    [((640, 480), (320, 240)), ((1280, 720), (368, 208)), ((1242, 375), (528, 160)), ((480, 640), (240, 320))],
)
def test_usual_cameras(image, network):
    assert network_size(DYNAMIC, *image) == network
    assert network_size(FIXED, *image) == (320, 240)


def test_more_pixels_than_in_training_are_seen_of_images_that_have_them():
    card = tiny_card(network_width=320, network_height=240, stride=16, pixels=448 * 336)
    sizes = {
        (160, 120): (320, 240),
        (320, 240): (320, 240),
        (400, 300): (400, 304),
        (640, 480): (448, 336),
        (1280, 720): (512, 288),
    }
    assert {image: network_size(card, *image) for image in sizes} == sizes


@given(st.integers(200, 4000), st.integers(200, 4000), st.floats(0.3, 3), st.floats(0.7, 1.4))
def test_both_focal_lengths_are_one_at_network_size(width, height, relative_focal, pixel_aspect):
    if not 1 / 6 < width / height / pixel_aspect < 6:
        return
    fy = relative_focal * width
    fx = fy * pixel_aspect
    wide, high = network_size(DYNAMIC, width, height, pixel_aspect)
    assert fx * wide / width == pytest.approx(fy * high / height, rel=WORST_STRETCH)
    assert network_focal(DYNAMIC, width, height, fx, fy) == pytest.approx(fy * high / height)
    assert not shape_warning(DYNAMIC, width, height, fx, fy)


def test_a_file_of_one_shape_goes_by_the_vertical_focal_length():
    assert network_focal(FIXED, 1280, 720, 900.0) == pytest.approx(900 * 240 / 720)
    assert 'famda export' in shape_warning(FIXED, 1280, 720) and not shape_warning(FIXED, 640, 480)


@pytest.mark.parametrize('size', [(2000, 100), (100, 2000)])
def test_absurd_shapes_are_refused(size):
    with pytest.raises(MalformedImage, match=r'too elongated \(1:20, at most 1:8\); cut it'):
        network_size(DYNAMIC, *size)


def test_an_image_below_one_stride_is_refused():
    with pytest.raises(MalformedImage, match='12x200 pixels is smaller than the 16 pixels'):
        network_size(DYNAMIC, 12, 200)


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    path = tmp_path_factory.mktemp('dynamic') / 'tiny.onnx'
    return Student(save_tiny(path, card=tiny_card(stride=16), dynamic=True))


@pytest.mark.parametrize(('width', 'height'), [(640, 480), (1280, 720), (1242, 375), (375, 1242)])
def test_metres_do_not_depend_on_the_shape_of_the_camera(student, width, height):
    """The same scene, a wall of one colour, through cameras of one focal length in pixels per radian."""
    image = np.full((height, width, 3), 100, np.uint8)
    prediction = student.predict(image, focal=FOCAL * 10)
    wide, high = network_size(student.card, width, height)
    np.testing.assert_allclose(prediction.depth, 50.0 * FOCAL * 10 * high / height / FOCAL, rtol=1e-5)
    assert prediction.labels.shape == (height, width)
    assert wide / high == pytest.approx(width / height, rel=SQUARE_TOLERANCE)


def test_cameras_whose_pixels_are_not_square(student):
    image = np.full((480, 1280, 3), 100, np.uint8)  # binned in rows only: half as many as there could be
    prediction = student.predict(image, focal=1200.0, fy=600.0)
    assert network_size(student.card, 1280, 480, 2.0) == (WIDTH, HEIGHT)
    np.testing.assert_allclose(prediction.depth, 50.0 * 600 * HEIGHT / 480 / FOCAL, rtol=1e-5)


def test_shapes_take_turns(student):
    """The memory of one shape is not that of another."""
    rng, sizes = np.random.default_rng(0), ((96, 128), (72, 128), (48, 64))
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    first = [student.predict(image) for image in images]
    for _ in range(2):
        for image, before in zip(images, first, strict=True):
            np.testing.assert_array_equal(student.predict(image).depth, before.depth)


def test_a_stride_needs_dynamic_sizes(tmp_path):
    path = save_tiny(tmp_path / 'fixed.onnx', card=tiny_card(stride=16))
    with pytest.raises(Exception, match='its card has a stride, but'):
        Student(path)
    assert onnx.load(path)
