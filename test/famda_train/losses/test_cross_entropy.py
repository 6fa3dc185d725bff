# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from torch.nn import functional

from famda_ros.student.label_space import IGNORE
from famda_train.losses.cross_entropy import cross_entropy


def example():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 5, 6, 7), torch.randint(0, 5, (2, 6, 7))
    labels[0, :2] = IGNORE
    return logits, labels, torch.tensor([1.0, 2.5, 1.0, 1.0, 0.5])


def test_cross_entropy_equals_torch_when_everything_is_believed():
    logits, labels, weights = example()
    everywhere = torch.ones(labels.shape)
    expected = functional.cross_entropy(logits, labels, weights, ignore_index=IGNORE)
    torch.testing.assert_close(cross_entropy(logits, labels, everywhere, weights), expected)


def test_half_belief_is_half_the_loss():
    logits, labels, weights = example()
    everywhere = torch.ones(labels.shape)
    full = cross_entropy(logits, labels, everywhere, weights)
    torch.testing.assert_close(cross_entropy(logits, labels, 0.5 * everywhere, weights), 0.5 * full)


def test_ignored_pixels_do_not_dilute_the_mean():
    logits, labels, _ = example()
    everywhere = torch.ones(labels.shape)
    cropped = cross_entropy(logits[:, :, 2:], labels[:, 2:], everywhere[:, 2:])
    labels[:, :2] = IGNORE
    torch.testing.assert_close(cross_entropy(logits, labels, everywhere), cropped)


def test_nothing_labelled_gives_zero_and_a_finite_gradient():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = cross_entropy(logits, torch.full((1, 2, 2), IGNORE), torch.ones(1, 2, 2))
    loss.backward()
    assert loss == 0 and torch.isfinite(logits.grad).all()
