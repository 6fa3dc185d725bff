# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The mIoU against a plain reference, and what must hold for any labels."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_train.evaluation.segmentation import SegmentationMetric, confusion_matrix, mean_iou_percent

CLASSES = 4
IDS = st.sampled_from([*range(CLASSES), 255])
LABELS = hnp.arrays(np.uint8, (5, 7), elements=IDS)


def reference_iou(predictions, truths):
    """Count sets of pixels, class by class, without a matrix."""
    prediction = np.concatenate([p.ravel() for p in predictions])
    ground_truth = np.concatenate([t.ravel() for t in truths])
    scored = ground_truth != 255
    ious = []
    for c in range(CLASSES):
        both = np.sum((prediction == c) & (ground_truth == c))
        either = np.sum(((prediction == c) | (ground_truth == c)) & scored)
        ious.append(100.0 * both / either if (ground_truth == c).any() else math.nan)
    return ious


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=3))
def test_iou_equals_the_reference_over_the_whole_data_set(frames):
    metric = SegmentationMetric(CLASSES)
    for prediction, ground_truth in frames:
        metric.update(prediction, ground_truth)
    expected = reference_iou(*zip(*frames, strict=True))
    np.testing.assert_allclose(metric.iou(), expected)
    present = [value for value in expected if not math.isnan(value)]
    if present:
        assert metric.miou() == pytest.approx(sum(present) / len(present))
    else:
        assert math.isnan(metric.miou())


@settings(max_examples=30, deadline=None)
@given(LABELS)
def test_the_truth_scores_100_for_every_class_that_occurs(ground_truth):
    metric = SegmentationMetric(CLASSES)
    metric.update(ground_truth, ground_truth)
    occurs = np.isin(np.arange(CLASSES), ground_truth)
    np.testing.assert_array_equal(metric.iou()[occurs], 100.0)
    assert np.isnan(metric.iou()[~occurs]).all()


@settings(max_examples=30, deadline=None)
@given(LABELS, LABELS, LABELS)
def test_predictions_on_ignored_pixels_change_nothing(prediction, other, ground_truth):
    mixed = np.where(ground_truth == 255, other, prediction)
    np.testing.assert_array_equal(
        confusion_matrix(prediction, ground_truth, CLASSES), confusion_matrix(mixed, ground_truth, CLASSES)
    )


@settings(max_examples=30, deadline=None)
@given(LABELS, LABELS)
def test_every_scored_pixel_is_counted_once(prediction, ground_truth):
    assert confusion_matrix(prediction, ground_truth, CLASSES).sum() == np.count_nonzero(ground_truth != 255)


def test_a_prediction_without_class_is_a_miss_not_a_class():
    metric = SegmentationMetric(2)
    metric.update(np.array([[0, 255]], np.uint8), np.array([[0, 0]], np.uint8))
    assert metric.iou()[0] == 50.0
    assert math.isnan(metric.iou()[1])


def test_the_data_set_iou_is_not_the_mean_of_frames():
    metric = SegmentationMetric(2)
    metric.update(np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8))
    metric.update(np.ones((1, 3), np.uint8), np.zeros((1, 3), np.uint8))
    assert metric.iou()[0] == 25.0


def test_students_are_compared_on_the_classes_that_are_there():
    """A class that is there and never predicted counts as 0; one that is not there counts for nobody."""
    ground_truth = np.array([[0, 0, 1, 1]], np.uint8)
    for prediction, ious in (([0, 0, 0, 0], [50.0, 0.0]), ([0, 0, 2, 2], [100.0, 0.0]), ([2, 0, 1, 1], [50.0, 100.0])):
        metric = SegmentationMetric(3)
        metric.update(np.array([prediction], np.uint8), ground_truth)
        assert metric.iou()[:2].tolist() == ious and math.isnan(metric.iou()[2])
        assert metric.miou() == pytest.approx(np.mean(ious))


def test_nothing_scored_gives_nan():
    assert math.isnan(mean_iou_percent(SegmentationMetric(3).iou()))


@pytest.mark.parametrize('ground_truth', [np.zeros((2, 3), np.uint8), np.full((3, 2), 2, np.uint8)])
def test_wrong_truth_is_refused(ground_truth):
    with pytest.raises(ValueError, match='ground truth'):
        confusion_matrix(np.zeros((3, 2), np.uint8), ground_truth, 2)
