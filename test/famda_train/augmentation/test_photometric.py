# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torchvision.transforms.v2 import functional as pictures

from famda_train.augmentation.photometric import (
    NORMALS,
    color_jitter,
    flip_horizontally,
    gaussian_blur,
    photometric,
    strong,
)
from famda_train.augmentation.sample_rng import SampleRng
from famda_train.losses.geometry import normals_from_depth


def draws(count, step=0, first=0):
    return SampleRng(7, step, range(first, first + count))


def images(count, height=12, width=16):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


RECIPES = {
    'photometric': lambda image, chance: photometric(image, 1.0, chance),
    'jitter': color_jitter,
    'blur': gaussian_blur,
    'strong': strong,
}


def test_every_map_of_a_sample_is_mirrored_alike():
    column = torch.arange(8).expand(16, 4, 8)
    batch = {'image': column[:, None].expand(-1, 3, -1, -1).float(), 'labels': column, 'id': torch.arange(16)}
    flipped = flip_horizontally(batch, draws(16))
    mirrored = flipped['labels'][:, 0, 0] == 7
    assert 0 < mirrored.sum() < 16
    assert torch.equal(flipped['image'][:, 0].long(), flipped['labels'])
    assert torch.equal(flipped['id'], batch['id'])


def test_mirrored_normals_are_those_of_the_mirrored_depth():
    depth = 5 + torch.rand(8, 10, 12, generator=torch.Generator().manual_seed(0))
    flipped = flip_horizontally({'depth': depth, NORMALS: normals_from_depth(depth, 20.0)}, draws(8))
    assert not torch.equal(flipped['depth'], depth)
    torch.testing.assert_close(flipped[NORMALS], normals_from_depth(flipped['depth'], 20.0))


@pytest.mark.parametrize('recipe', RECIPES)
def test_augmentation_changes_images_and_keeps_shape_range_and_input(recipe):
    image = images(6)
    before = image.clone()
    changed = RECIPES[recipe](image, draws(6))
    assert changed.shape == image.shape and changed.dtype == image.dtype
    assert changed.min() >= 0 and changed.max() <= 1
    assert not torch.equal(changed, image) and torch.equal(image, before)


@pytest.mark.parametrize('recipe', RECIPES)
def test_an_image_is_changed_alike_in_every_batch(recipe):
    image = images(4)
    halves = [RECIPES[recipe](image[i : i + 2], draws(2, first=i)) for i in (0, 2)]
    torch.testing.assert_close(RECIPES[recipe](image, draws(4)), torch.cat(halves), rtol=0, atol=1e-7)


@pytest.mark.parametrize('recipe', RECIPES)
def test_another_step_is_another_change(recipe):
    image = images(8)
    assert not torch.equal(RECIPES[recipe](image, draws(8)), RECIPES[recipe](image, draws(8, step=1)))


def test_photometric_at_zero_is_identity():
    image = images(2)
    assert photometric(image, 0.0, draws(2)) is image


def test_each_image_is_changed_on_its_own():
    image = torch.full((6, 3, 8, 8), 0.5)
    assert photometric(image, 1.0, draws(6)).mean((1, 2, 3)).unique().numel() == 6


def test_jitter_and_blur_leave_out_images_at_their_probability():
    image = images(400, 6, 6)
    for recipe, share in ((color_jitter, 0.8), (gaussian_blur, 0.5)):
        changed = (recipe(image, draws(400)) != image).flatten(1).any(1)
        assert abs(changed.float().mean() - share) < 0.08


def test_blur_is_that_of_torchvision():
    image = images(2, 20, 24)
    blurred = gaussian_blur(image, draws(2), probability=1.0, deviation_px=(0.9, 0.9))
    torch.testing.assert_close(blurred, pictures.gaussian_blur(image, [9, 9], [0.9, 0.9]))
