# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.student.label_space import IGNORE
from famda_train.pseudo_labels.class_prior import LIMIT, align_to_prior, label_shares, moving_average


def test_shares_leave_ignored_pixels_out():
    labels = torch.tensor([[0, 0, 2, IGNORE]])
    torch.testing.assert_close(label_shares(labels, 4), torch.tensor([2 / 3, 0, 1 / 3, 0]))
    assert label_shares(torch.full((2, 2), IGNORE), 4).tolist() == [0, 0, 0, 0]


def test_moving_average_keeps_most_of_what_it_was():
    torch.testing.assert_close(moving_average(torch.tensor([1.0]), torch.tensor([0.0])), torch.tensor([0.99]))


@given(st.floats(0, 1))
def test_equal_shares_or_no_strength_change_nothing(strength):
    torch.manual_seed(0)
    logits, share = torch.randn(1, 3, 2, 2), torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(align_to_prior(logits, share, share, strength), logits)
    torch.testing.assert_close(align_to_prior(logits, share, share.flip(0), 0.0), logits)


def test_full_strength_brings_the_mean_to_the_sources_shares():
    """For one and the same prediction everywhere, exactly."""
    target, source = torch.tensor([0.8, 0.2]), torch.tensor([0.6, 0.4])
    logits = target.log().view(1, 2, 1, 1).expand(1, 2, 4, 4)
    aligned = align_to_prior(logits, source, target, 1.0).softmax(1)
    torch.testing.assert_close(aligned.mean((0, 2, 3)), source)


def test_a_dying_class_is_helped_but_within_limits():
    source, target = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0])
    logits = torch.zeros(1, 2, 1, 1)
    gain = align_to_prior(logits, source, target, 1.0)
    assert gain[0, 1] > gain[0, 0]
    assert gain.exp().max() <= LIMIT * 1.001
