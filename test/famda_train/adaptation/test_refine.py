# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.label_space import IGNORE
from famda_train.adaptation.refine import refine_labels

CLASSES = 7


def draw(seed, size=2, height=9, width=12, masks=5):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (size, height, width), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.05] = IGNORE
    segments = torch.randint(0, masks + 1, labels.shape, generator=generator)
    confidence = torch.rand(labels.shape, generator=generator)
    return labels, segments, confidence


def reference(labels, segments, votes, min_share):
    """The same rule as loops."""
    refined = labels.numpy().copy()
    for image in range(len(labels)):
        for mask in np.unique(segments[image]):
            inside = (segments[image].numpy() == mask) & (labels[image].numpy() != IGNORE)
            if mask == 0 or not inside.any():
                continue
            tally = [votes[image].numpy()[inside & (labels[image].numpy() == c)].sum() for c in range(CLASSES)]
            if max(tally) > min_share * sum(tally):
                refined[image][inside] = int(np.argmax(tally))
    return refined


@given(st.integers(0, 10**6))
def test_no_masks_change_nothing(seed):
    labels, segments, _ = draw(seed)
    assert torch.equal(refine_labels(labels, torch.zeros_like(segments), CLASSES), labels)


@given(st.integers(0, 10**6))
def test_plain_vote_is_idempotent(seed):
    labels, segments, _ = draw(seed)
    once = refine_labels(labels, segments, CLASSES)
    assert torch.equal(refine_labels(once, segments, CLASSES), once)


@given(st.integers(0, 10**6))
def test_mask_ids_have_no_meaning(seed):
    labels, segments, confidence = draw(seed)
    renamed = torch.tensor([0, 4, 2, 5, 1, 3])[segments] * 7
    for votes in (None, confidence):
        assert torch.equal(
            refine_labels(labels, segments, CLASSES, votes), refine_labels(labels, renamed, CLASSES, votes)
        )


@given(st.integers(0, 10**6))
def test_flipping_commutes_with_the_vote(seed):
    labels, segments, _ = draw(seed)
    flipped = refine_labels(labels.flip(-1), segments.flip(-1), CLASSES)
    assert torch.equal(flipped, refine_labels(labels, segments, CLASSES).flip(-1))


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.55]))
def test_equals_the_loop(seed, min_share):
    labels, segments, confidence = draw(seed)
    # Votes that are sums of powers of two, so that the order of addition cannot matter.
    votes = (confidence * 16).floor() / 16 + 1 / 16
    refined = refine_labels(labels, segments, CLASSES, votes, min_share)
    np.testing.assert_array_equal(refined.numpy(), reference(labels, segments, votes, min_share))


def test_ignored_pixels_neither_vote_nor_change():
    labels = torch.tensor([[[IGNORE, IGNORE, IGNORE, 2]]])
    refined = refine_labels(labels, torch.ones_like(labels), CLASSES)
    assert refined.tolist() == [[[IGNORE, IGNORE, IGNORE, 2]]]


def test_ties_go_to_the_lowest_class():
    labels = torch.tensor([[[5, 3, 5, 3]]])
    assert refine_labels(labels, torch.ones_like(labels), CLASSES).unique().tolist() == [3]


def test_a_mask_without_a_clear_winner_is_left_alone():
    labels = torch.tensor([[[0, 0, 1, 2]]])
    assert torch.equal(refine_labels(labels, torch.ones_like(labels), CLASSES, min_share=0.5), labels)
