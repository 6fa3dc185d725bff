# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from famda_train.models.levels import BLOCK, LEAST_RANGE, black_and_white


def street(seed=0):
    """Blocks of many levels, so that the range is wide."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.rand(2, 3, 4, 6, generator=generator)
    return blocks.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)


def stretched(image, white=1.0):
    """Return the image with its levels at 0 and ``white``."""
    black, bright = black_and_white(image, white)
    assert black.shape == bright.shape == (len(image), 1, 1, 1)
    return white * (image - black) / (bright - black)


def grey_blocks(image):
    return torch.nn.functional.avg_pool2d(image, BLOCK).mean(1)


def test_the_darkest_block_is_black_and_the_brightest_white():
    blocks = grey_blocks(stretched(street()))
    for extreme, level in ((blocks.amin((1, 2)), 0.0), (blocks.amax((1, 2)), 1.0)):
        torch.testing.assert_close(extreme, torch.full((2,), level), atol=1e-5, rtol=0)


@pytest.mark.parametrize(('gain', 'haze'), [(0.7, 0.0), (1.0, 0.2), (0.75, 0.25)])
def test_exposure_and_haze_change_nothing(gain, haze):
    torch.testing.assert_close(stretched(gain * street() + haze), stretched(street()), atol=1e-5, rtol=1e-5)


def test_each_image_has_levels_of_its_own():
    image = street()
    torch.testing.assert_close(stretched(image)[1:], stretched(image[1:]))


def test_bytes_and_shares_of_one_are_stretched_alike():
    torch.testing.assert_close(stretched(255 * street(), white=255) / 255, stretched(street()))


def test_a_wall_of_fog_is_not_made_a_picture():
    fog = 0.5 + 0.01 * (street() - 0.5)
    seen = stretched(fog)
    assert float(seen.amax() - seen.amin()) <= 0.0101 / LEAST_RANGE and bool(seen.isfinite().all())


def test_a_single_lamp_does_not_darken_the_street():
    image = 0.4 * street()
    lit = image.clone()
    lit[:, :, 5, 5] = 1.0
    assert float((stretched(lit) - stretched(image))[:, :, 20:].abs().max()) < 0.03
