# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import variation_of_information

from famda_train.adapt.compare_terms import (
    class_shares,
    frames_to_label,
    mask_information,
    nuclear_norm,
    softmax,
    temporal_agreement,
)
from famda_train.world import render

CLASSES = 4


def test_the_nuclear_norm_rewards_rows_that_are_certain_and_diverse():
    certain = 50 * np.eye(CLASSES)[np.arange(400) % CLASSES]
    one_class = 50 * np.eye(CLASSES)[np.zeros(400, int)]
    unsure = np.zeros((400, CLASSES))
    assert nuclear_norm(certain) == pytest.approx(1)
    assert nuclear_norm(one_class) == pytest.approx(0.5)  # 1 / sqrt(classes)
    assert nuclear_norm(unsure) == pytest.approx(0.25)  # 1 / classes


@given(st.integers(0, 100))
def test_the_nuclear_norm_is_that_of_the_matrix(seed):
    logits = np.random.default_rng(seed).normal(0, 2, (50, CLASSES))
    assert nuclear_norm(logits, 1.7) == pytest.approx(np.linalg.norm(softmax(logits, 1.7), 'nuc') / 200**0.5, rel=1e-6)
    assert nuclear_norm(2 * logits, 2) == pytest.approx(nuclear_norm(logits))  # the scale of logits tells nothing


@given(st.integers(0, 100))
def test_mask_information_is_mutual_information(seed):
    rng = np.random.default_rng(seed)
    labels, segments = rng.integers(0, CLASSES, (1, 8, 9), np.uint8), rng.integers(1, 6, (1, 8, 9)).astype(np.uint16)
    shares = class_shares(labels, CLASSES)
    entropy = -(shares[shares > 0] * np.log(shares[shares > 0])).sum()
    within = variation_of_information(segments[0], labels[0])  # in bits: [H(labels | segments), H(segments | labels)]
    expected = [(entropy - bits * np.log(2)) / np.log(CLASSES) for bits in within]
    assert mask_information(labels, segments, CLASSES) == pytest.approx(expected[0], abs=1e-9)


def test_mask_information_rewards_labels_that_fill_masks_and_differ():
    segments = np.stack([np.arange(64).reshape(8, 8) // 16 + 1] * 2).astype(np.uint16)
    fills = (segments - 1).astype(np.uint8)
    crosses = np.ascontiguousarray(fills.transpose(0, 2, 1))
    assert mask_information(fills, segments, CLASSES) == pytest.approx(1)
    assert mask_information(crosses, segments, CLASSES) == mask_information(0 * fills, segments, CLASSES) == 0
    # A frame's masks are its own, and where there is no mask nothing counts.
    segments[1] = 0
    assert mask_information(fills, segments, CLASSES) == pytest.approx(1)
    assert mask_information(fills, 0 * segments, CLASSES) == 0


def test_labels_that_move_with_the_street_agree():
    view = render(4, 'day', 160, 80)
    image, moved = view.image[:, 4:132], view.image[:, :128]
    labels, later = (np.ascontiguousarray(view.labels[:, a:b]) for a, b in ((4, 132), (0, 128)))
    same = temporal_agreement(image, labels, moved, later)
    flickering = later.copy()
    flickering[::2] = (flickering[::2] + 1) % 7
    assert same > 0.95 and temporal_agreement(image, labels, moved, flickering) < same - 0.3
    other = render(9, 'day', 128, 80).image
    assert np.isnan(temporal_agreement(image, labels, other, later))  # another street: no telling


def test_frames_that_differ_most_are_to_be_labelled_and_no_neighbours():
    ours = np.zeros((6, 4, 4), np.uint8)
    theirs = ours.copy()
    for place, rows in enumerate((0, 3, 4, 1, 0, 2)):
        theirs[place, :rows] = 1
    assert frames_to_label(ours, theirs, 2) == [2, 5]
    assert frames_to_label(ours, theirs, 10) == [2, 5, 0, 1, 3, 4]
