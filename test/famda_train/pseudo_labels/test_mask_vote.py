# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.student.label_space import IGNORE
from famda_train.pseudo_labels.mask_vote import vote_in_masks

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
    assert torch.equal(vote_in_masks(labels, torch.zeros_like(segments), CLASSES), labels)


@given(st.integers(0, 10**6))
def test_plain_vote_is_idempotent(seed):
    labels, segments, _ = draw(seed)
    once = vote_in_masks(labels, segments, CLASSES)
    assert torch.equal(vote_in_masks(once, segments, CLASSES), once)


@given(st.integers(0, 10**6))
def test_mask_ids_have_no_meaning(seed):
    labels, segments, confidence = draw(seed)
    renamed = torch.tensor([0, 4, 2, 5, 1, 3])[segments] * 7
    for votes in (None, confidence):
        assert torch.equal(
            vote_in_masks(labels, segments, CLASSES, votes), vote_in_masks(labels, renamed, CLASSES, votes)
        )


@given(st.integers(0, 10**6))
def test_flipping_commutes_with_the_vote(seed):
    labels, segments, _ = draw(seed)
    flipped = vote_in_masks(labels.flip(-1), segments.flip(-1), CLASSES)
    assert torch.equal(flipped, vote_in_masks(labels, segments, CLASSES).flip(-1))


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 0.55]))
def test_equals_the_loop(seed, min_share):
    labels, segments, confidence = draw(seed)
    # Votes that are sums of powers of two, so that the order of addition cannot matter.
    votes = (confidence * 16).floor() / 16 + 1 / 16
    refined = vote_in_masks(labels, segments, CLASSES, votes, min_share)
    np.testing.assert_array_equal(refined.numpy(), reference(labels, segments, votes, min_share))


def test_ignored_pixels_neither_vote_nor_change():
    labels = torch.tensor([[[IGNORE, IGNORE, IGNORE, 2]]])
    refined = vote_in_masks(labels, torch.ones_like(labels), CLASSES)
    assert refined.tolist() == [[[IGNORE, IGNORE, IGNORE, 2]]]


def test_ties_go_to_the_lowest_class():
    labels = torch.tensor([[[5, 3, 5, 3]]])
    assert vote_in_masks(labels, torch.ones_like(labels), CLASSES).unique().tolist() == [3]


def test_a_mask_without_a_clear_winner_is_left_alone():
    labels = torch.tensor([[[0, 0, 1, 2]]])
    assert torch.equal(vote_in_masks(labels, torch.ones_like(labels), CLASSES, min_share=0.5), labels)


def rare_in_large():
    """One mask of 9 pixels of class 1 and a column of 3 pixels of class 2, of which one is unsure."""
    labels = torch.tensor([[[1, 1, 1, 2], [1, 1, 1, 2], [1, 1, 1, 2]]])
    confidence = torch.where(labels == 2, 0.9, 0.5)
    confidence[0, 2, 3] = 0.3
    protect = torch.zeros(CLASSES, CLASSES, dtype=torch.bool)
    protect[2, 1] = True
    return labels, torch.ones_like(labels), confidence, protect


def test_a_sure_pixel_of_a_protected_class_keeps_its_label():
    labels, segments, confidence, protect = rare_in_large()
    options = {'protect': protect, 'confidence': confidence, 'protect_from': 0.8}
    refined = vote_in_masks(labels, segments, CLASSES, **options)
    assert refined[0, :, 3].tolist() == [2, 2, 1] and (refined[..., :3] == 1).all()
    assert (vote_in_masks(labels, segments, CLASSES, **{**options, 'protect': protect.T}) == 1).all()
    everywhere = vote_in_masks(labels, segments, CLASSES, protect=protect)
    assert torch.equal(everywhere, labels)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_protection_only_ever_gives_pixels_back(seed, protect_from):
    labels, segments, confidence = draw(seed)
    protect = torch.rand(CLASSES, CLASSES, generator=torch.Generator().manual_seed(seed)) < 0.5
    options = {'protect': protect, 'confidence': confidence, 'protect_from': protect_from}
    plain = vote_in_masks(labels, segments, CLASSES)
    refined = vote_in_masks(labels, segments, CLASSES, **options)
    known = labels != IGNORE
    back = known & protect[labels.clamp_max(CLASSES - 1), plain.clamp_max(CLASSES - 1)] & (confidence >= protect_from)
    assert torch.equal(refined, torch.where(back, labels, plain))
    assert torch.equal(vote_in_masks(refined, segments, CLASSES, **options), refined)


def test_a_balanced_vote_lets_a_rare_class_win_its_own_mask():
    labels = torch.zeros(1, 10, 10, dtype=torch.long)
    segments = torch.ones_like(labels)
    segments[0, :4, 0] = 2
    labels[0, 0, 0] = 5  # one pixel of four in mask 2, and nowhere else
    assert (vote_in_masks(labels, segments, CLASSES) == 0).all()
    balanced = vote_in_masks(labels, segments, CLASSES, balance=0.5)
    assert torch.equal(balanced == 5, segments == 2)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.25]))
def test_an_image_is_refined_alike_in_every_batch(seed, balance):
    labels, segments, confidence = draw(seed)
    together = vote_in_masks(labels, segments, CLASSES, confidence, 0.3, balance=balance)
    alone = [vote_in_masks(*(x[i : i + 1] for x in (labels, segments)), CLASSES, confidence[i : i + 1], 0.3,
                           balance=balance) for i in range(2)]  # fmt: skip
    assert torch.equal(together, torch.cat(alone))


@given(st.integers(0, 10**6))
def test_masks_below_the_least_area_change_nothing(seed):
    labels, segments, _ = draw(seed)
    voting = (labels != IGNORE) & (segments > 0)
    area = torch.stack([torch.bincount(s[v], minlength=6)[s] for s, v in zip(segments, voting, strict=True)])
    least = int(area[voting].median())
    refined = vote_in_masks(labels, segments, CLASSES, min_area=least)
    plain = vote_in_masks(labels, segments, CLASSES)
    assert torch.equal(refined, torch.where(area >= least, plain, labels))


@given(st.integers(0, 10**6))
def test_cropping_first_is_voting_inside_the_crop(seed):
    """What lies outside the crop has no say."""
    labels, segments, _ = draw(seed)
    outside_changed = labels.clone()
    outside_changed[:, :, 6:] = 0
    crops = [vote_in_masks(x[:, :, :6], segments[:, :, :6], CLASSES) for x in (labels, outside_changed)]
    assert torch.equal(*crops)
