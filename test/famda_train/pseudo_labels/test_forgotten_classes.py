# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from famda_train.pseudo_labels.class_prior import label_shares
from famda_train.pseudo_labels.forgotten_classes import ShareAverage, forgotten_classes

CLASSES = ('road', 'sky', 'person', 'train')


def test_names_the_class_that_is_not_predicted_any_more():
    source = label_shares(torch.tensor([0] * 50 + [1] * 40 + [2] * 10), 4)
    predicted = label_shares(torch.tensor([0] * 90 + [2] * 10), 4)
    assert forgotten_classes(predicted, source, CLASSES) == ['sky']
    assert forgotten_classes(source, source, CLASSES) == []


def test_a_class_is_judged_by_its_share_on_the_source():
    source = torch.tensor([0.89, 0.10, 0.0095, 0.0005])
    target = torch.tensor([0.9885, 0.0110, 0.0005, 0.0])
    # sky has a bit more than a tenth left, trains are too rare to judge
    assert forgotten_classes(target, source, CLASSES) == ['person']


@pytest.mark.parametrize('batches', [1, 3, 300])
def test_an_average_of_equal_shares_is_these_shares_from_the_first_batch_on(batches):
    shares, average = torch.tensor([0.9, 0.099, 0.001, 0.0]), ShareAverage(4)
    assert average.shares().tolist() == [0, 0, 0, 0]
    for _ in range(batches):
        average.update(shares)
    torch.testing.assert_close(average.shares(), shares)


def test_an_average_follows_what_comes_last():
    average = ShareAverage(2)
    for shares in ([1.0, 0.0], [0.0, 1.0]):
        for _ in range(500):
            average.update(torch.tensor(shares))
    assert float(average.shares()[1]) > 0.99
