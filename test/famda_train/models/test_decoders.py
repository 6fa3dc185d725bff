# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional

from famda_ros.errors import FamdaError
from famda_train.models.decoders import DECODERS, build_decoder

WIDTHS = (3, 5, 8, 6)


def levels(height=13, width=18):
    """Feature maps whose sizes are no multiples of each other."""
    sizes = [(-(-height // 2**i), -(-width // 2**i)) for i in range(len(WIDTHS))]
    return [torch.randn(2, channels, *size) for channels, size in zip(WIDTHS, sizes, strict=True)]


@pytest.mark.parametrize('name', DECODERS)
@pytest.mark.parametrize('norm', ['batch', 'layer'])
def test_result_has_the_finest_size_and_every_level_matters(name, norm):
    decoder = build_decoder(name, WIDTHS, 8, norm)
    features = [level.requires_grad_() for level in levels()]
    result = decoder(features)
    assert result.shape == (2, 8, 13, 18)
    (result * torch.randn_like(result)).sum().backward()
    assert all(level.grad.abs().sum() > 0 for level in features)
    assert all(value.grad.abs().sum() > 0 for name, value in decoder.named_parameters() if 'weight' in name)


@pytest.mark.parametrize('name', DECODERS)
def test_one_level_is_enough(name):
    assert build_decoder(name, (5,), 4)([torch.randn(2, 5, 6, 7)]).shape == (2, 4, 6, 7)


def test_unknown_decoder_is_one_sentence():
    with pytest.raises(FamdaError, match="unknown decoder 'unet'; choose one of pyramid, daformer, segformer"):
        build_decoder('unet', WIDTHS, 8)


def test_pyramid_is_the_sum_of_its_enlarged_projections_without_smoothing():
    decoder = build_decoder('pyramid', WIDTHS, 4)
    decoder.smooth = torch.nn.ModuleList(torch.nn.Identity() for _ in decoder.smooth)
    features = levels(16, 24)
    with torch.no_grad():
        expected = 0
        for lateral, level in reversed(list(zip(decoder.laterals, features, strict=True))):
            projected = lateral(level)
            if torch.is_tensor(expected):
                expected = functional.interpolate(expected, projected.shape[-2:], mode='bilinear')
            expected = expected + projected
        torch.testing.assert_close(decoder(features), expected)


def test_daformer_sees_as_far_as_its_largest_dilation():
    """With one level: 18 pixels by the dilation and 1 by the bottleneck, not further."""
    torch.manual_seed(0)
    decoder = build_decoder('daformer', (2,), 4).eval()
    image = torch.randn(1, 2, 45, 45, requires_grad=True)
    decoder([image])[0, :, 22, 22].sum().backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()[:, 0]
    assert rows.min() == 22 - 19 and rows.max() == 22 + 19


def test_a_decoder_without_3x3_blocks_refuses_separable_ones():
    with pytest.raises(FamdaError, match="the decoder 'segformer' has no 3x3 blocks; set separable: false"):
        build_decoder('segformer', (2, 4), 4, separable=True)


def test_segformer_looks_at_single_pixels():
    decoder = build_decoder('segformer', (2,), 4).eval()
    image = torch.randn(1, 2, 9, 9, requires_grad=True)
    (decoder([image])[0, :, 4, 4] * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert image.grad.abs().sum((0, 1)).nonzero().tolist() in ([[4, 4]], [])
