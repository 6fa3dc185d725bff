# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_train.augmentation.masked_images import block_mask, hide_blocks
from famda_train.augmentation.sample_rng import SampleRng


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(0, 1000))
def test_blocks_are_hidden_or_shown_as_a_whole(height, width, block, seed):
    mask = block_mask(height, width, block, 0.5, SampleRng(seed, 0, [0, 1]))
    assert mask.shape == (2, height, width)
    for top in range(0, height, block):
        for left in range(0, width, block):
            part = mask[:, top : top + block, left : left + block].flatten(1)
            assert torch.equal(part.any(1), part.all(1))


def test_ratio_is_the_share_that_is_hidden():
    chance = SampleRng(0, 0, range(4))
    assert abs(block_mask(256, 256, 4, 0.7, chance).float().mean() - 0.7) < 0.02
    assert block_mask(16, 16, 4, 1.0, chance).all() and not block_mask(16, 16, 4, 0.0, chance).any()


def test_hidden_pixels_are_grey_and_the_others_stay():
    image = torch.rand(3, 3, 32, 48)
    masked = hide_blocks(image, 8, SampleRng(1, 5, range(3)))
    hidden = block_mask(32, 48, 8, 0.7, SampleRng(1, 5, range(3)))
    assert hidden.any() and not hidden.all() and not torch.equal(hidden[0], hidden[1])
    assert torch.equal(masked, torch.where(hidden[:, None], 0.5, image))


def test_a_sample_is_masked_alike_in_every_batch():
    image = torch.rand(3, 3, 16, 16)
    alone = [hide_blocks(image[i : i + 1], 4, SampleRng(1, 2, [i])) for i in range(3)]
    assert torch.equal(hide_blocks(image, 4, SampleRng(1, 2, range(3))), torch.cat(alone))
