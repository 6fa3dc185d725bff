# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_train.adaptation.augment import flip_horizontally, photometric


def test_every_map_of_a_sample_is_mirrored_alike():
    torch.manual_seed(0)
    column = torch.arange(8).expand(16, 4, 8)
    batch = {'image': column[:, None].expand(-1, 3, -1, -1).float(), 'labels': column, 'id': torch.arange(16)}
    flipped = flip_horizontally(batch)
    mirrored = flipped['labels'][:, 0, 0] == 7
    assert 0 < mirrored.sum() < 16
    assert torch.equal(flipped['image'][:, 0].long(), flipped['labels'])
    assert torch.equal(flipped['id'], batch['id'])


def test_photometric_keeps_range_and_shape_and_zero_is_identity():
    image = torch.rand(4, 3, 8, 10)
    changed = photometric(image, 1.0)
    assert changed.shape == image.shape and changed.min() >= 0 and changed.max() <= 1
    assert not torch.equal(changed, image)
    assert photometric(image, 0.0) is image


def test_each_image_is_changed_on_its_own():
    torch.manual_seed(0)
    image = torch.full((6, 3, 4, 4), 0.5)
    assert photometric(image, 1.0).mean((1, 2, 3)).unique().numel() == 6
