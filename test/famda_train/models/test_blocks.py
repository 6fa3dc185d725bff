# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_train.models.blocks import ConvNormAct, DenseHead, norm_layer, upsample


@given(st.sampled_from(['batch', 'group', 'layer']), st.integers(1, 70))
def test_every_norm_takes_every_number_of_channels(name, channels):
    x = torch.randn(2, channels, 4, 6)
    assert norm_layer(name, channels)(x).shape == x.shape


@given(st.sampled_from(['group', 'layer']), st.sampled_from([6, 16, 48]))
def test_group_and_layer_norm_see_one_image_at_a_time(name, channels):
    x = torch.randn(3, channels, 4, 6)
    norm = norm_layer(name, channels)
    torch.testing.assert_close(norm(x)[1:2], norm(x[1:2]))


def test_layer_norm_is_blind_to_brightness_and_contrast():
    x = torch.randn(2, 8, 5, 5)
    norm = norm_layer('layer', 8)
    torch.testing.assert_close(norm(3 * x + 2), norm(x), atol=1e-4, rtol=1e-4)
    assert norm(x).mean((1, 2, 3)).abs().max() < 1e-5


def test_groups_are_of_sixteen_channels():
    x = torch.randn(1, 48, 4, 4)
    changed = x.clone()
    changed[:, 16:] += torch.randn(1, 32, 4, 4)
    norm = norm_layer('group', 48)
    torch.testing.assert_close(norm(x)[:, :16], norm(changed)[:, :16])


def test_unknown_norm_is_one_sentence():
    with pytest.raises(FamdaError, match="unknown normalisation 'instance'; choose one of batch, group, layer"):
        norm_layer('instance', 4)


@pytest.mark.parametrize(('kernel', 'dilation'), [(1, 1), (3, 1), (3, 6), (5, 2)])
def test_convolutions_keep_the_size(kernel, dilation):
    block = ConvNormAct(4, 6, kernel=kernel, dilation=dilation)
    assert block(torch.rand(2, 4, 9, 13)).shape == (2, 6, 9, 13)


@pytest.mark.parametrize('start', [2.5, (0.0, 1.0, -2.0)])
def test_an_untrained_head_predicts_its_start_on_average(start):
    torch.manual_seed(0)
    head = DenseHead(64, 3, start)
    with torch.no_grad():
        mean = head(torch.randn(4, 64, 16, 16)).mean((0, 2, 3))
    assert (mean - torch.as_tensor(start)).abs().max() < 1.0
    torch.testing.assert_close(head[1].bias.detach(), torch.as_tensor(start).expand(3))


def test_enlarging_keeps_constants_and_corners():
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    large = upsample(x, (8, 8))
    assert large[..., 0, 0] == 1 and large[..., -1, -1] == 7
    torch.testing.assert_close(large.mean(), x.mean())
    torch.testing.assert_close(upsample(torch.full((1, 2, 3, 3), 4.0), (7, 5)), torch.full((1, 2, 7, 5), 4.0))
