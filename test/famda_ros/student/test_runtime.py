# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_student import FOCAL, HEIGHT, WIDTH, expected, save_tiny, tiny_card, tiny_masks_card

from famda_ros.errors import FamdaError
from famda_ros.student.parity import Limits
from famda_ros.student.providers import candidates
from famda_ros.student.runtime import STAGES, Student


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
    assert student.provider == 'cpu'


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


@pytest.mark.parametrize('outputs', [('labels',), ('labels', 'confidence')])
def test_what_the_student_does_not_give_is_none(tmp_path, outputs):
    masks = Student(save_tiny(tmp_path / 'masks.onnx', card=tiny_masks_card(outputs=outputs)), threads=1)
    image = picture()
    prediction = masks.predict(image, 2 * FOCAL)
    labels, confidence, _ = expected(image)
    np.testing.assert_array_equal(prediction.labels, labels)
    assert prediction.depth is None and (prediction.confidence is not None) == ('confidence' in outputs)
    if prediction.confidence is not None:
        np.testing.assert_array_equal(prediction.confidence, confidence)
    assert tuple(masks.run(image)) == outputs


def test_metres_without_a_focal_are_those_of_every_camera(tmp_path):
    student = Student(save_tiny(tmp_path / 'any.onnx', card=tiny_card(focal=None)), threads=1)
    depth = expected(picture())[2]
    np.testing.assert_array_equal(student.predict(picture(), 2 * FOCAL).depth, depth)
    np.testing.assert_allclose(student.predict(picture(), 2 * FOCAL, scale=1.5).depth, 1.5 * depth)


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


def test_answers_stay_when_the_next_frame_comes(student):
    first, again = student.predict(picture(1)), student.predict(picture(1))
    student.predict(picture(2))
    for name in ('labels', 'confidence', 'depth'):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    run = student.run(picture(1))
    student.run(picture(2))
    np.testing.assert_array_equal(run['labels'], first.labels)


def test_unknown_and_missing_providers(tmp_path):
    path = save_tiny(tmp_path / 'x.onnx')
    with pytest.raises(FamdaError, match='choose one of auto, tensorrt, cuda, openvino, cpu'):
        Student(path, provider='gpu')
    missing = next(name for name in ('tensorrt', 'cuda', 'openvino') if name not in candidates())
    with pytest.raises(FamdaError, match=f"'{missing}' is not available: .* pip install"):
        Student(path, provider=missing)
    student = Student(path, provider=missing, fallback=True)
    assert student.provider == 'cpu' and 'not available' in student.passed_over[missing]


class TestParityGate:
    """What happens with an accelerator; here its part is played by a session of another file on the CPU."""

    @pytest.fixture
    def accelerator(self, monkeypatch):
        def install(path):
            monkeypatch.setattr('famda_ros.student.runtime.candidates', lambda wanted: ['cuda', 'cpu'])
            monkeypatch.setattr(Student, '_open', lambda self, *args: onnxruntime.InferenceSession(path))

        return install

    def test_a_provider_that_agrees_is_taken(self, accelerator, tmp_path):
        accelerator(save_tiny(tmp_path / 'cuda.onnx', depth_scale=0.501))
        student = Student(save_tiny(tmp_path / 'x.onnx', probes=[picture(1), picture(2)]))
        assert student.provider == 'cuda' and not student.passed_over
        assert student.agreement.labels == 1.0 and student.agreement.depth == pytest.approx(0.002, rel=0.01)
        blue = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
        np.testing.assert_allclose(student.predict(blue).depth, 50.1, rtol=1e-5)

    def test_a_provider_that_differs_is_refused_and_by_how_much(self, accelerator, tmp_path):
        accelerator(save_tiny(tmp_path / 'cuda.onnx', depth_scale=0.55))
        path = save_tiny(tmp_path / 'x.onnx', probes=[np.full((HEIGHT, WIDTH, 3), 100, np.uint8)])
        with pytest.raises(FamdaError, match=r"'cuda' differs from .* depth differs by 10.00 % \(allowed 2 %\)"):
            Student(path, provider='cuda')
        for options in ({'provider': 'cuda', 'fallback': True}, {'provider': 'auto'}):
            student = Student(path, **options)
            assert student.provider == 'cpu' and 'differs by 10.00 %' in student.passed_over['cuda']
            blue = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
            np.testing.assert_allclose(student.predict(blue).depth, 50.0)

    def test_limits_are_those_of_the_card(self, accelerator, tmp_path):
        accelerator(save_tiny(tmp_path / 'cuda.onnx', depth_scale=0.501))
        card = tiny_card(limits=Limits(depth=0.001))
        with pytest.raises(FamdaError, match=r'allowed 0\.1 %'):
            Student(save_tiny(tmp_path / 'x.onnx', card=card, probes=[picture(1)]), provider='cuda')

    def test_a_provider_that_answers_nonsense_is_refused(self, accelerator, tmp_path):
        accelerator(save_tiny(tmp_path / 'cuda.onnx', depth_scale=float('nan')))
        with pytest.raises(FamdaError, match='NaN'):
            Student(save_tiny(tmp_path / 'x.onnx', probes=[picture(1)]), provider='cuda')

    def test_without_probe_frames_nothing_can_be_compared(self, accelerator, tmp_path):
        accelerator(save_tiny(tmp_path / 'cuda.onnx'))
        for probes in (None, [np.zeros((3, 4, 3), np.uint8)]):
            path = save_tiny(tmp_path / 'x.onnx', probes=probes)
            with pytest.raises(FamdaError, match='holds no probe frames'):
                Student(path, provider='cuda')
            assert Student(path).provider == 'cpu'
