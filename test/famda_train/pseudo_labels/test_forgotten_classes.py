# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_train.pseudo_labels.class_prior import label_shares
from famda_train.pseudo_labels.forgotten_classes import died_out

CLASSES = ('road', 'sky', 'person', 'train')


def test_names_the_class_that_the_pseudo_labels_forgot():
    source = label_shares(torch.tensor([0] * 50 + [1] * 40 + [2] * 10), 4)
    pseudo = label_shares(torch.tensor([0] * 90 + [2] * 10), 4)
    assert died_out(pseudo, source, CLASSES) == ['sky']
    assert died_out(source, source, CLASSES) == []


def test_a_class_is_judged_by_its_share_on_the_source():
    source = torch.tensor([0.89, 0.10, 0.0095, 0.0005])
    target = torch.tensor([0.9885, 0.0110, 0.0005, 0.0])
    assert died_out(target, source, CLASSES) == ['person']  # sky has a bit more than a tenth left, trains are too rare
    assert died_out(target, source, CLASSES, below=0.2, min_source_share=0) == ['sky', 'person', 'train']
