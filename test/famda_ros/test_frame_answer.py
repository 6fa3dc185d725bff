# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_student import FOCAL, HEIGHT, TINY_SPACE, WIDTH, expected, save_tiny

from famda_ros.frame_answer import IMAGE_TOPICS, INFO_TOPICS, POINTS_TOPIC, AnswerSettings, answer_image, scaled_size
from famda_ros.student import Student

TOPICS = (*IMAGE_TOPICS, *INFO_TOPICS, POINTS_TOPIC)


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    return Student(save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx'), threads=1)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_everything(student, image):
    answer = answer_image(AnswerSettings(student), image, FOCAL, TOPICS)
    labels, confidence, depth = expected(image)
    assert answer.size == (WIDTH, HEIGHT) and set(answer.images) == set(IMAGE_TOPICS)
    np.testing.assert_array_equal(answer.images['segmentation/mask'], labels)
    np.testing.assert_array_equal(answer.images['segmentation/confidence'], confidence)
    np.testing.assert_array_equal(answer.images['segmentation/color'], TINY_SPACE.palette()[labels])
    np.testing.assert_array_equal(answer.images['depth/image'], depth)
    np.testing.assert_array_equal(answer.image, image)
    assert answer.confidence == pytest.approx(confidence.mean() / 255)
    assert all(time >= 0 for time in answer.times_ms.values())


@settings(max_examples=30)
@given(wanted=st.sets(st.sampled_from(TOPICS)), measure=st.booleans())
def test_only_what_is_wanted(student, wanted, measure):
    """The student is asked for no more than the topics need."""
    asked = []

    class Asked:
        card = student.card

        def predict(self, image, focal, outputs, on_prepared):
            asked.append(set(outputs))
            return student.predict(image, focal, outputs, on_prepared)

    answer = answer_image(AnswerSettings(Asked()), np.zeros((HEIGHT, WIDTH, 3), np.uint8), None, wanted, measure)
    assert set(answer.images) == wanted & set(IMAGE_TOPICS)
    (outputs,) = asked
    assert ('depth' in outputs) == bool(wanted & {'depth/image', POINTS_TOPIC})
    assert ('confidence' in outputs) == (measure or 'segmentation/confidence' in wanted)
    colored = {'segmentation/mask', 'segmentation/color', 'segmentation/overlay', POINTS_TOPIC}
    assert ('labels' in outputs) == bool(wanted & colored)
    assert (answer.confidence is None) == ('confidence' not in outputs)


@settings(max_examples=30)
@given(share=st.floats(0.01, 1.0))
def test_uncertain_labels_become_unlabelled(student, share):
    image = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    answer = answer_image(AnswerSettings(student, min_confidence=share), image, None, ['segmentation/mask'])
    labels, confidence, _ = expected(image)
    np.testing.assert_array_equal(
        answer.images['segmentation/mask'], np.where(confidence / 255 < share, 255, labels)
    )


@pytest.mark.parametrize('scale', [0.5, 0.3, 1.0, 1.7])
def test_output_scale(student, image, scale):
    """All outputs have the new size, and no label or depth is invented where it shrinks."""
    answer = answer_image(AnswerSettings(student, output_scale=scale), image, FOCAL, TOPICS)
    width, height = answer.size
    assert (width, height) == scaled_size(WIDTH, HEIGHT, scale) == (round(WIDTH * scale), round(HEIGHT * scale))
    assert all(array.shape[:2] == (height, width) for array in answer.images.values())
    assert answer.image.shape[:2] == answer.labels.shape == answer.depth.shape == (height, width)
    if scale <= 1:
        assert set(np.unique(answer.depth)) <= set(np.unique(expected(image)[2]))


def test_only_the_student_sees_the_brightened_image(student):
    dark = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    lit = AnswerSettings(student, target_brightness=120.0)
    answer = answer_image(lit, dark, FOCAL, ['segmentation/confidence', POINTS_TOPIC])
    assert (answer.images['segmentation/confidence'] > 80).all()  # green, as the student sees it
    assert (answer.image == 40).all()
