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
from famda_train.evaluation.scoring_space import common_grounds
from famda_train.evaluation.segmentation import SegmentationMetric, confusion_matrix, project_counts

PAIRS = [(a, b) for a in LABEL_SPACES.values() for b in LABEL_SPACES.values() if common_grounds(a, b)]


def ids_of(space):
    return hnp.arrays(np.uint8, (4, 6), elements=st.sampled_from([*range(len(space)), IGNORE]))


def spread(space):
    """Return labels in which every class of a space occurs."""
    return np.arange(len(space), dtype=np.uint8)[None].repeat(2, 0)


@settings(max_examples=60)
@given(st.data(), st.sampled_from(PAIRS))
def test_projected_counts_are_the_counts_of_projected_labels(data, pair):
    predicted, truth = pair
    prediction, labels = data.draw(ids_of(predicted)), data.draw(ids_of(truth))
    counts = confusion_matrix(prediction, labels, len(predicted), len(truth))
    assert counts.sum() == np.count_nonzero(labels != IGNORE)
    for ground in common_grounds(predicted, truth):
        projected = project_counts(counts, ground.truth_table, ground.prediction_table, len(ground.space))
        direct = confusion_matrix(ground.prediction_table[prediction], ground.truth_table[labels], len(ground.space))
        np.testing.assert_array_equal(projected, direct)
        assert projected.sum() == np.count_nonzero(ground.truth_table[labels] != IGNORE)


@pytest.mark.parametrize('space', LABEL_SPACES.values(), ids=LABEL_SPACES)
def test_a_space_is_compared_with_itself_without_loss(space):
    own = common_grounds(space, space)[0]
    assert own.space == space and own.not_scored == () and own.labelled().all()


def test_a_16_class_model_on_cityscapes_is_scored_on_16_13_and_7():
    grounds = {ground.space.name: ground for ground in common_grounds(SYNTHIA16, CITYSCAPES19)}
    assert next(iter(grounds)) == 'synthia16'
    assert {'synthia13', 'flat7'} <= set(grounds) and 'cityscapes19' not in grounds
    assert grounds['synthia16'].not_scored == ('terrain', 'truck', 'train')
    assert grounds['flat7'].not_scored == ()


def test_the_truths_space_where_the_model_is_finer_and_none_where_nothing_fits():
    assert common_grounds(CITYSCAPES19, VKITTI8)[0].space == VKITTI8
    assert common_grounds(SYNTHIA13, VKITTI8) == []
    impostor = LabelSpace('flat7', tuple('abcdefg'), FLAT7.colors)
    assert common_grounds(impostor, FLAT7) == []


def test_perfect_predictions_are_perfect_in_every_space():
    metric = SegmentationMetric(len(CITYSCAPES19))
    metric.update(spread(CITYSCAPES19), spread(CITYSCAPES19))
    scores = segmentation_scores(metric.counts, common_grounds(CITYSCAPES19, CITYSCAPES19))
    assert scores['label_space'] == 'cityscapes19' and scores['miou'] == 100.0
    assert {'synthia16', 'synthia13', 'vkitti8', 'flat7'} <= set(scores['projections'])
    assert all(other['miou'] == 100.0 for other in scores['projections'].values())


def test_classes_that_the_model_lacks_are_left_out_and_named():
    metric = SegmentationMetric(len(SYNTHIA16), len(CITYSCAPES19))
    truck, car = CITYSCAPES19.classes.index('truck'), CITYSCAPES19.classes.index('car')
    metric.update(np.full((1, 2), SYNTHIA16.classes.index('car'), np.uint8), np.array([[truck, car]], np.uint8))
    scores = segmentation_scores(metric.counts, common_grounds(SYNTHIA16, CITYSCAPES19))
    assert scores['iou']['car'] == 100.0 and scores['miou'] == 100.0
    assert scores['iou']['bus'] is None
    assert 'truck' in scores['not_scored']


def test_13_classes_two_ways():
    """Truth of a left-out class counts against the others in one, and not at all in the other."""
    road, wall = (SYNTHIA16.classes.index(name) for name in ('road', 'wall'))
    metric = SegmentationMetric(len(SYNTHIA16))
    metric.update(np.full((1, 4), road, np.uint8), np.array([[road, road, road, wall]], np.uint8))
    thirteen = segmentation_scores(metric.counts, common_grounds(SYNTHIA16, SYNTHIA16))['projections']['synthia13']
    assert thirteen['iou']['road'] == 100.0
    assert thirteen['miou_within'] == 75.0


def test_a_class_that_the_truth_cannot_have_has_no_iou():
    metric = SegmentationMetric(len(SYNTHIA16), len(SYNTHIA13))
    fence = SYNTHIA16.classes.index('fence')
    metric.update(np.array([[0, fence]], np.uint8), np.array([[0, 0]], np.uint8))
    scores = segmentation_scores(metric.counts, common_grounds(SYNTHIA16, SYNTHIA13))
    assert scores['label_space'] == 'synthia13'
    assert scores['miou'] == 50.0  # the fence is a miss of road
