# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Scores across label spaces."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.student.label_space import (
    CITYSCAPES19,
    FLAT7,
    IGNORE,
    LABEL_SPACES,
    SYNTHIA13,
    SYNTHIA16,
    VKITTI8,
    LabelSpace,
)
from famda_train.evaluation.evaluate import segmentation_scores
from famda_train.evaluation.scoring_space import scoring_spaces
from famda_train.evaluation.segmentation import SegmentationMetric, confusion_matrix, project_counts

PAIRS = [(a, b) for a in LABEL_SPACES.values() for b in LABEL_SPACES.values() if scoring_spaces(a, b)]


def ids_of(space):
    return hnp.arrays(np.uint8, (4, 6), elements=st.sampled_from([*range(len(space)), IGNORE]))


def spread(space):
    """Return labels in which every class of a space occurs."""
    return np.arange(len(space), dtype=np.uint8)[None].repeat(2, 0)


@settings(max_examples=60)
@given(st.data(), st.sampled_from(PAIRS))
def test_projected_counts_are_the_counts_of_projected_labels(data, pair):
    predicted, ground_truth = pair
    prediction, labels = data.draw(ids_of(predicted)), data.draw(ids_of(ground_truth))
    counts = confusion_matrix(prediction, labels, len(predicted), len(ground_truth))
    assert counts.sum() == np.count_nonzero(labels != IGNORE)
    for shared in scoring_spaces(predicted, ground_truth):
        projected = project_counts(counts, shared.ground_truth_table, shared.prediction_table, len(shared.space))
        truths, predictions = shared.ground_truth_table[labels], shared.prediction_table[prediction]
        direct = confusion_matrix(predictions, truths, len(shared.space))
        np.testing.assert_array_equal(projected, direct)
        assert projected.sum() == np.count_nonzero(shared.ground_truth_table[labels] != IGNORE)


@pytest.mark.parametrize('space', LABEL_SPACES.values(), ids=LABEL_SPACES)
def test_a_space_is_compared_with_itself_without_loss(space):
    own = scoring_spaces(space, space)[0]
    assert own.space == space and own.not_scored == () and own.labelled().all()


def test_a_16_class_model_on_cityscapes_is_scored_on_16_13_and_7():
    spaces = {shared.space.name: shared for shared in scoring_spaces(SYNTHIA16, CITYSCAPES19)}
    assert next(iter(spaces)) == 'synthia16'
    assert {'synthia13', 'flat7'} <= set(spaces) and 'cityscapes19' not in spaces
    assert spaces['synthia16'].not_scored == ('terrain', 'truck', 'train')
    assert spaces['flat7'].not_scored == ()


def test_the_truths_space_where_the_model_is_finer_and_none_where_nothing_fits():
    assert scoring_spaces(CITYSCAPES19, VKITTI8)[0].space == VKITTI8
    assert scoring_spaces(SYNTHIA13, VKITTI8) == []
    impostor = LabelSpace('flat7', tuple('abcdefg'), FLAT7.colors)
    assert scoring_spaces(impostor, FLAT7) == []


def test_perfect_predictions_are_perfect_in_every_space():
    metric = SegmentationMetric(len(CITYSCAPES19))
    metric.update(spread(CITYSCAPES19), spread(CITYSCAPES19))
    scores = segmentation_scores(metric.counts, scoring_spaces(CITYSCAPES19, CITYSCAPES19))
    assert scores['label_space'] == 'cityscapes19' and scores['miou'] == 100.0
    assert {'synthia16', 'synthia13', 'vkitti8', 'flat7'} <= set(scores['projections'])
    assert all(other['miou'] == 100.0 for other in scores['projections'].values())


def test_classes_that_the_model_lacks_are_left_out_and_named():
    metric = SegmentationMetric(len(SYNTHIA16), len(CITYSCAPES19))
    truck, car = CITYSCAPES19.classes.index('truck'), CITYSCAPES19.classes.index('car')
    metric.update(np.full((1, 2), SYNTHIA16.classes.index('car'), np.uint8), np.array([[truck, car]], np.uint8))
    scores = segmentation_scores(metric.counts, scoring_spaces(SYNTHIA16, CITYSCAPES19))
    assert scores['iou']['car'] == 100.0 and scores['miou'] == 100.0
    assert scores['iou']['bus'] is None
    assert 'truck' in scores['not_scored']


def test_13_classes_two_ways():
    """Truth of a left-out class counts against the others in one, and not at all in the other."""
    road, wall = (SYNTHIA16.classes.index(name) for name in ('road', 'wall'))
    metric = SegmentationMetric(len(SYNTHIA16))
    metric.update(np.full((1, 4), road, np.uint8), np.array([[road, road, road, wall]], np.uint8))
    thirteen = segmentation_scores(metric.counts, scoring_spaces(SYNTHIA16, SYNTHIA16))['projections']['synthia13']
    assert thirteen['iou']['road'] == 100.0
    assert thirteen['miou_within'] == 75.0


def test_a_class_that_the_truth_cannot_have_has_no_iou():
    metric = SegmentationMetric(len(SYNTHIA16), len(SYNTHIA13))
    fence = SYNTHIA16.classes.index('fence')
    metric.update(np.array([[0, fence]], np.uint8), np.array([[0, 0]], np.uint8))
    scores = segmentation_scores(metric.counts, scoring_spaces(SYNTHIA16, SYNTHIA13))
    assert scores['label_space'] == 'synthia13'
    assert scores['miou'] == 50.0  # the fence is a miss of road
