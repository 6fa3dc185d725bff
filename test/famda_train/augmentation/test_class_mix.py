# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.student.label_space import IGNORE
from famda_train.augmentation.class_mix import choose_classes, class_mask, paste, paste_edge
from famda_train.augmentation.sample_rng import SampleRng


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6, IGNORE]), min_size=1, max_size=30), st.integers(0, 10**6))
def test_half_of_the_present_classes_without_ignore(values, seed):
    labels = torch.tensor([values])
    chosen = choose_classes(labels, SampleRng(seed, 0, [0]), 0).tolist()
    present = set(values) - {IGNORE}
    assert len(chosen) == len(set(chosen)) == (len(present) + 1) // 2
    assert set(chosen) <= present


def test_classes_are_those_of_the_sample_itself():
    labels = torch.stack([torch.full((4, 4), 1), torch.full((4, 4), 5)])
    assert class_mask(labels, SampleRng(0, 0, [0, 1])).all()  # one class each: a half, rounded up, is all of it


def test_full_mask_is_the_source_and_empty_mask_the_target():
    source, target = torch.rand(2, 3, 5, 6), torch.rand(2, 3, 5, 6)
    full = torch.ones(2, 5, 6, dtype=torch.bool)
    assert torch.equal(paste(full, source, target), source)
    assert torch.equal(paste(~full, source, target), target)
    assert torch.equal(paste(full, source[:, 0], target[:, 0]), source[:, 0])


def test_image_labels_and_depth_are_cut_along_the_same_line():
    labels = torch.randint(0, 7, (2, 8, 8))
    mask = class_mask(labels, SampleRng(0, 0, [0, 1]))
    image = paste(mask, torch.ones(2, 3, 8, 8), torch.zeros(2, 3, 8, 8))
    assert torch.equal(image[:, 1].bool(), mask)
    assert torch.equal(paste(mask, torch.ones(2, 8, 8), torch.zeros(2, 8, 8)).bool(), mask)


def test_a_sample_is_cut_alike_in_every_batch():
    labels = torch.randint(0, 7, (3, 8, 8), generator=torch.Generator().manual_seed(0))
    alone = [class_mask(labels[i : i + 1], SampleRng(4, 2, [i])) for i in range(3)]
    assert torch.equal(class_mask(labels, SampleRng(4, 2, range(3))), torch.cat(alone))
    assert not torch.equal(class_mask(labels, SampleRng(4, 3, range(3))), torch.cat(alone))


def test_edge_of_a_half_plane_is_a_band_on_both_sides():
    mask = torch.zeros(1, 5, 12, dtype=torch.bool)
    mask[..., 6:] = True
    expected = torch.zeros_like(mask)
    expected[..., 4:8] = True
    assert torch.equal(paste_edge(mask, 2), expected)
    assert torch.equal(paste_edge(~mask, 2), expected)
    for even in (mask & False, mask | True):
        assert not paste_edge(even, 2).any()
    assert not paste_edge(mask, 0).any()
