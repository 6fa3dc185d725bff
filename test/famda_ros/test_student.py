# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_student import FOCAL, HEIGHT, WIDTH, expected, save_tiny, tiny_card

from famda_ros.errors import FamdaError
from famda_ros.student import STAGES, Student, beyond_range, enlarge_depth, resize_nearest


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    return Student(save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx'), threads=1)


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_values_at_network_size(student):
    image = picture()
    prediction = student.predict(image)
    for have, want in zip((prediction.labels, prediction.confidence, prediction.depth), expected(image), strict=True):
        assert have.dtype == want.dtype
        np.testing.assert_array_equal(have, want)
    assert set(prediction.times_ms) == set(STAGES) and all(t >= 0 for t in prediction.times_ms.values())
    assert student.provider == 'CPUExecutionProvider'


def test_values_at_another_size(student):
    small = picture()
    image = np.kron(small, np.ones((3, 2, 1), np.uint8))  # area resizing gives back exactly `small`
    prediction = student.predict(image)
    labels, confidence, depth = expected(small)
    np.testing.assert_array_equal(prediction.labels, np.kron(labels, np.ones((3, 2), np.uint8)))
    np.testing.assert_array_equal(prediction.confidence, np.kron(confidence, np.ones((3, 2), np.uint8)))
    assert prediction.depth.shape == image.shape[:2]
    assert np.isfinite(prediction.depth).any() and np.isposinf(prediction.depth).any()
    assert prediction.depth[np.isfinite(prediction.depth)].max() <= depth[np.isfinite(depth)].max()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200))
def test_every_size_comes_back(student, height, width):
    prediction = student.predict(np.full((height, width, 3), 100, np.uint8))
    assert prediction.labels.shape == prediction.confidence.shape == prediction.depth.shape == (height, width)
    np.testing.assert_allclose(prediction.depth, 50.0)


def test_twice_the_focal_is_twice_as_far(student):
    image = np.kron(picture(), np.ones((2, 2, 1), np.uint8))
    own = student.predict(image).depth
    # The camera's focal is in pixels of this image, which is twice as wide as the network.
    np.testing.assert_array_equal(student.predict(image, 2 * FOCAL).depth, own)
    np.testing.assert_array_equal(student.predict(image, 4 * FOCAL).depth, 2 * own)


def test_only_what_is_asked_for(student):
    prediction = student.predict(picture(), outputs=['confidence'])
    assert prediction.labels is None and prediction.depth is None and prediction.confidence is not None
    assert student.predict(picture(), outputs=[]).labels is None


def test_dynamic_size_runs_at_the_size_of_the_card(tmp_path):
    student = Student(save_tiny(tmp_path / 'x.onnx', dynamic=True))
    assert student.predict(np.zeros((100, 130, 3), np.uint8)).labels.shape == (100, 130)


def test_wrong_models_and_images(student, tmp_path):
    with pytest.raises(FamdaError, match='NaN or negative'):
        Student(save_tiny(tmp_path / 'x.onnx', depth_scale=float('nan')))
    with pytest.raises(FamdaError, match='NaN or negative'):
        Student(save_tiny(tmp_path / 'x.onnx', depth_scale=-1.0))
    with pytest.raises(FamdaError, match='threads'):
        Student(save_tiny(tmp_path / 'x.onnx'), threads=-1)
    with pytest.raises(FamdaError, match='no FAMDA model card'):
        Student(save_tiny(tmp_path / 'x.onnx', metadata=''))
    with pytest.raises(ValueError):
        student.predict(np.zeros((4, 4), np.uint8))


def test_beyond_range():
    depth = np.array([[1.0, 79.99, 80.0, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(
        beyond_range(depth, tiny_card().depth_range_m[1]), np.float32([[1.0, 79.99, np.inf, np.inf, np.nan]])
    )


def test_resize_nearest_keeps_pixel_centres():
    np.testing.assert_array_equal(resize_nearest(np.array([[1, 2, 3]], np.uint8), 9, 1), [[1, 1, 1, 2, 2, 2, 3, 3, 3]])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_enlarged_depth_invents_nothing(data):
    values = st.sampled_from([1.0, 2.0, 50.0, np.inf, np.nan])
    height, width = data.draw(st.integers(2, 5)), data.draw(st.integers(2, 5))
    depth = np.array(data.draw(st.lists(values, min_size=height * width, max_size=height * width)), np.float32)
    depth = depth.reshape(height, width)
    scale = data.draw(st.integers(2, 4))
    large = enlarge_depth(depth, scale * width, scale * height)
    finite = depth[np.isfinite(depth)]
    if finite.size:
        inside = large[np.isfinite(large)]
        assert inside.min() >= finite.min() - 1e-4 and inside.max() <= finite.max() + 1e-4
    # Where a pixel is not finite, its whole block is not finite either, and nothing beyond its neighbourhood is.
    blocks = np.kron(depth, np.ones((scale, scale), np.float32))
    np.testing.assert_array_equal(np.isnan(large), np.isnan(blocks))
    np.testing.assert_array_equal(np.isposinf(large), np.isposinf(blocks))
