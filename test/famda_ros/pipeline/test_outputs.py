# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_student import FOCAL, HEIGHT, TINY_SPACE, WIDTH, expected, save_tiny, tiny_card, tiny_masks_card

from famda_ros.errors import FamdaError
from famda_ros.pipeline.outputs import (
    InferenceSettings,
    OutputStyle,
    check_settings,
    compose,
    infer,
    missing_topics,
    scaled_size,
    topics_of,
)
from famda_ros.student.runtime import Student
from famda_ros.topics import IMAGE_TOPICS, INFO_TOPICS, OVERLAY_COMPRESSED, POINTS

TOPICS = (*IMAGE_TOPICS, *INFO_TOPICS, OVERLAY_COMPRESSED, POINTS)


FOCALS = (FOCAL, FOCAL)


def run(settings, image, focal, wanted, measure=False):
    prediction = infer(settings, image, focal, wanted, measure)
    return compose(prediction, image, wanted, OutputStyle.of(settings))


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    return Student(save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx'), threads=1)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_everything(student, image):
    made = run(InferenceSettings(student), image, FOCALS, TOPICS)
    labels, confidence, depth = expected(image)
    assert made.size == (WIDTH, HEIGHT) and set(made.images) == set(IMAGE_TOPICS)
    np.testing.assert_array_equal(made.images['segmentation/mask'], labels)
    np.testing.assert_array_equal(made.images['segmentation/confidence'], confidence)
    np.testing.assert_array_equal(made.images['segmentation/color'], TINY_SPACE.palette()[labels])
    np.testing.assert_array_equal(made.images['depth/image'], depth)
    np.testing.assert_array_equal(made.image, image)
    assert made.confidence == pytest.approx(confidence.mean() / 255)
    assert all(time >= 0 for time in made.times_ms.values())


@settings(max_examples=30)
@given(wanted=st.sets(st.sampled_from(TOPICS)), measure=st.booleans())
def test_only_what_is_wanted(student, wanted, measure):
    """The student predicts no more than the topics need."""
    predicted = []

    class Watched:
        card = student.card

        def predict(self, image, focal, outputs, on_prepared, fy, scale):
            predicted.append(set(outputs))
            return student.predict(image, focal, outputs, on_prepared, fy, scale)

    made = run(InferenceSettings(Watched()), np.zeros((HEIGHT, WIDTH, 3), np.uint8), None, wanted, measure)
    assert set(made.images) == wanted & set(IMAGE_TOPICS)
    (outputs,) = predicted
    assert ('depth' in outputs) == bool(wanted & {'depth/image', POINTS})
    assert ('confidence' in outputs) == (measure or 'segmentation/confidence' in wanted)
    colored = {'segmentation/mask', 'segmentation/color', 'segmentation/overlay', OVERLAY_COMPRESSED, POINTS}
    assert ('labels' in outputs) == bool(wanted & colored or (measure and 'depth' in outputs))
    assert (made.confidence is None) == ('confidence' not in outputs)
    assert (made.jpeg is None) == (OVERLAY_COMPRESSED not in wanted)


def test_the_compressed_overlay_is_the_overlay(student):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8), (0, 0), 6) // 2
    made = run(InferenceSettings(student, output_scale=0.5), image, FOCALS, [OVERLAY_COMPRESSED])
    assert made.images == {}
    picture = cv2.imdecode(np.frombuffer(made.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    plain = run(InferenceSettings(student, output_scale=0.5), image, FOCALS, ['segmentation/overlay'])
    assert plain.jpeg is None and picture.shape == (48, 64, 3)
    assert np.abs(picture.astype(int) - plain.images['segmentation/overlay']).mean() < 4


@settings(max_examples=30)
@given(share=st.floats(0.01, 1.0))
def test_uncertain_labels_become_unlabelled(student, share):
    image = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    made = run(InferenceSettings(student, min_confidence=share), image, None, ['segmentation/mask'])
    labels, confidence, _ = expected(image)
    np.testing.assert_array_equal(
        made.images['segmentation/mask'], np.where(confidence / 255 < share, 255, labels)
    )


@pytest.mark.parametrize('scale', [0.5, 0.3, 1.0, 1.7])
def test_output_scale(student, image, scale):
    """All outputs have the new size, and no label or depth is invented where it shrinks."""
    made = run(InferenceSettings(student, output_scale=scale), image, FOCALS, TOPICS)
    width, height = made.size
    assert (width, height) == scaled_size(WIDTH, HEIGHT, scale) == (round(WIDTH * scale), round(HEIGHT * scale))
    assert all(array.shape[:2] == (height, width) for array in made.images.values())
    assert made.image.shape[:2] == made.labels.shape == made.depth.shape == (height, width)
    if scale <= 1:
        assert set(np.unique(made.depth)) <= set(np.unique(expected(image)[2]))


@pytest.mark.parametrize('focal', [FOCALS, None])
def test_depth_is_scaled_and_what_is_beyond_range_stays_so(student, image, focal):
    made = run(InferenceSettings(student, depth_scale=0.7), image, focal, ['depth/image'])
    np.testing.assert_allclose(made.images['depth/image'], np.float32(0.7) * expected(image)[2], rtol=1e-6)


def test_only_the_student_sees_the_brightened_image(student):
    dark = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    lit = InferenceSettings(student, target_brightness=120.0)
    made = run(lit, dark, FOCALS, ['segmentation/confidence', POINTS])
    assert (made.images['segmentation/confidence'] > 80).all()  # green, as the student sees it
    assert (made.image == 40).all()


def test_a_student_has_the_topics_that_it_can_fill(tmp_path, image):
    assert topics_of(tiny_card()) == {*TOPICS} and missing_topics(tiny_card()) == ''
    card = tiny_masks_card()
    assert topics_of(card) == {
        'segmentation/mask', 'segmentation/color', 'segmentation/overlay', 'segmentation/overlay/compressed',
        'segmentation/camera_info',
    }  # fmt: skip
    assert missing_topics(card) == (
        "the model 'tiny' gives no confidence and no depth, so there is no segmentation/confidence, depth/image, "
        'depth/points, depth/camera_info'
    )
    settings = InferenceSettings(Student(save_tiny(tmp_path / 'masks.onnx', card=card), threads=1))
    made = run(settings, image, None, topics_of(card), measure=True)
    np.testing.assert_array_equal(made.images['segmentation/mask'], expected(image)[0])
    assert made.depth is None and made.confidence is None and made.jpeg is not None


def test_a_least_confidence_needs_a_confidence(tmp_path, student):
    check_settings(InferenceSettings(student, min_confidence=0.5))
    masks = Student(save_tiny(tmp_path / 'masks.onnx', card=tiny_masks_card()), threads=1)
    check_settings(InferenceSettings(masks))
    with pytest.raises(FamdaError, match=r"'tiny' gives no confidence, so min_confidence must be 0, not 0\.5"):
        check_settings(InferenceSettings(masks, min_confidence=0.5))
