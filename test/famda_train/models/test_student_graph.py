# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small_street import HEADS, SMALL_NETWORK

from famda_train.models.blocks import upsample
from famda_train.models.student import StudentNetwork
from famda_train.models.student_graph import StudentGraph, decide, metres, scale2x, upsample_by


def scale2x_by_the_book(labels):
    """The rules of the algorithm's page, pixel by pixel; outside of the image is what is at its border."""
    padded = np.pad(labels, 1, mode='edge')
    large = np.zeros((2 * labels.shape[0], 2 * labels.shape[1]), labels.dtype)
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            b, d, e = padded[i, j + 1], padded[i + 1, j], padded[i + 1, j + 1]
            f, h = padded[i + 1, j + 2], padded[i + 2, j + 1]
            four = [e, e, e, e]
            if b != h and d != f:
                four = [d if d == b else e, f if b == f else e, d if d == h else e, f if h == f else e]
            large[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = np.reshape(four, (2, 2))
    return large


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 3)))
def test_scale2x_follows_its_rules(labels):
    large = scale2x(torch.from_numpy(labels)[None])[0].numpy()
    np.testing.assert_array_equal(large, scale2x_by_the_book(labels))


def test_scale2x_keeps_straight_edges():
    straight = torch.tensor([[[0, 0, 1, 1]] * 3], dtype=torch.uint8)
    torch.testing.assert_close(scale2x(straight), straight.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_scale2x_is_nearer_to_a_round_shape_than_doubled_pixels():
    def disc(size):
        places = (torch.arange(size) + 0.5) / size - 0.5
        return (places[:, None] ** 2 + places**2 < 0.16).to(torch.uint8)[None]

    doubled = disc(40).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert (scale2x(disc(40)) != disc(80)).sum() < (doubled != disc(80)).sum()


@pytest.mark.parametrize('size', [(32, 64), (31, 61), (30, 34)])
@pytest.mark.parametrize('stride', [2, 4, 8])
def test_every_size_and_stride(size, stride):
    logits = torch.randn(1, 5, -(-size[0] // stride), -(-size[1] // stride))
    labels, confidence = decide(logits, size, stride)
    assert labels.shape == confidence.shape == (1, *size)
    assert labels.dtype == confidence.dtype == torch.uint8


def test_labels_are_those_of_upsampled_logits_away_from_edges():
    seeds = torch.randn(1, 5, 3, 6, generator=torch.Generator().manual_seed(0))
    logits = upsample(3 * seeds, (24, 48))
    size = (96, 192)
    labels, confidence = decide(logits, size)
    large = upsample(logits, size)
    assert (labels == large.argmax(1)).float().mean() > 0.97
    certain = large.softmax(1).amax(1)
    assert (confidence / 255 - certain).abs().mean() < 0.02
    torch.testing.assert_close(confidence[0, 0, 0] / 255, logits[0, :, 0, 0].softmax(0).amax(), atol=0.003, rtol=0)


def test_confidence_of_huge_logits_is_finite():
    _, confidence = decide(torch.tensor([3e4, -3e4, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4), (16, 16))
    assert (confidence == 255).all()


@pytest.mark.parametrize('stride', [2, 4, 8, 16])
def test_confidence_between_places_of_huge_differences_is_a_number(stride):
    """Where every class that is likely beside is all but impossible here."""
    best = torch.arange(4).reshape(1, 2, 2)
    logits = 2e4 * torch.nn.functional.one_hot(best, 4).permute(0, 3, 1, 2).float() - 1e4
    labels, confidence = decide(logits, (2 * stride, 2 * stride), stride)
    torch.testing.assert_close(labels, best.to(torch.uint8).repeat_interleave(stride, 1).repeat_interleave(stride, 2))
    assert confidence.min() > 60  # of four classes one has a quarter


def test_differences_of_logits_alone_decide():
    logits = 3 * torch.randn(1, 5, 9, 12, generator=torch.Generator().manual_seed(2))
    shifts = 50 * torch.randn(1, 1, 9, 12, generator=torch.Generator().manual_seed(3))
    (labels, confidence), (others, theirs) = (decide(values, (36, 48)) for values in (logits, logits + shifts))
    torch.testing.assert_close(labels, others)
    torch.testing.assert_close(confidence, theirs, atol=1, rtol=0)


@pytest.mark.parametrize('stride', [2, 4])
def test_confidence_is_the_probability_of_the_published_class(stride):
    """At every pixel, beside borders too: the softmax of the logits that labels are decided from."""
    logits = 2 * torch.randn(1, 4, 12, 15, generator=torch.Generator().manual_seed(1))
    size = (12 * stride, 15 * stride)
    labels, confidence = decide(logits, size, stride)
    finer = upsample_by(logits, stride // 2).softmax(1)
    probability = finer.repeat_interleave(2, 2).repeat_interleave(2, 3).gather(1, labels[:, None].long())[:, 0]
    undoubled = finer.argmax(1).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert (labels != undoubled).any()  # Scale2x has moved borders
    torch.testing.assert_close(confidence / 255, probability, atol=0.5 / 255 + 1e-6, rtol=0)


def test_depth_of_a_plane_is_exact():
    # On a plane, inverse depth is linear in the image.
    def inverse(width):
        return 0.02 + 0.1 * (torch.arange(width) + 0.5) / width

    depth = metres(-inverse(16).log().expand(1, 1, 8, 16), (32, 64), (0.5, 120.0))
    inner = slice(2, -2)
    torch.testing.assert_close(depth[0, :, inner], (1 / inverse(64))[inner].expand(32, -1), rtol=1e-4, atol=0)


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(-5, 10, width=32)))
def test_depth_never_overshoots(log_depth):
    depth = metres(torch.from_numpy(log_depth)[None, None], (13, 19), (0.5, 120.0))
    near, far = (math.exp(np.clip(v, math.log(0.5), math.log(120.0))) for v in (log_depth.min(), log_depth.max()))
    assert near * 0.999 <= depth.min() and depth.max() <= far * 1.001


@pytest.mark.parametrize('levels', [False, True])
@pytest.mark.parametrize('encoder', ['pyramid-small', 'efficientnet_lite0', 'resnet18'])
def test_the_image_is_normalised_as_in_training(encoder, levels):
    own = {'widths': SMALL_NETWORK['widths']} if encoder == 'pyramid-small' else {}
    network = StudentNetwork(HEADS, encoder, channels=8, levels=levels, **own).eval()
    image = torch.randint(0, 256, (1, 32, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        raw = network(image.permute(0, 3, 1, 2).float() / 255)
        labels, _, depth = StudentGraph(network, (0.5, 120.0))(image)
    assert (decide(raw['segmentation'], (32, 64))[0] == labels).float().mean() > 0.99
    torch.testing.assert_close(depth, metres(raw['depth'], (32, 64), (0.5, 120.0)), rtol=1e-3, atol=0)
