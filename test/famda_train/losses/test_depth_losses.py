# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_train.losses.depth_losses import (
    DEPTH_LOSSES,
    berhu,
    beyond_range,
    gradient_matching,
    inverse_depth,
    log_l1,
    midas,
    scale_shift_invariant,
    silog,
)

RELATIVE = ('scale_shift_invariant', 'gradient_matching', 'midas')


def scene(seed=0, size=2, height=16, width=20):
    generator = torch.Generator().manual_seed(seed)
    depth = 2.0 + 58.0 * torch.rand(size, height, width, generator=generator)
    prediction = depth.log() + 0.3 * torch.randn(depth.shape, generator=generator)
    weight = torch.rand(depth.shape, generator=generator)
    return prediction, depth, weight


@pytest.mark.parametrize('name', DEPTH_LOSSES)
def test_truth_costs_nothing_and_an_error_something(name):
    prediction, depth, weight = scene()
    assert DEPTH_LOSSES[name](depth.log(), depth, weight) == pytest.approx(0, abs=1e-4)
    assert DEPTH_LOSSES[name](prediction, depth, weight) > 0.01


@pytest.mark.parametrize('name', DEPTH_LOSSES)
def test_pixels_without_depth_or_weight_do_not_count(name):
    prediction, depth, weight = scene()
    holes = depth.clone()
    holes[:, 0], holes[:, 1], holes[:, 2] = torch.nan, torch.inf, 0.0
    weight[:, 3] = 0
    reference = DEPTH_LOSSES[name](prediction, holes, weight)
    weight[:, :3] = 0
    torch.testing.assert_close(reference, DEPTH_LOSSES[name](prediction, depth, weight))
    wild = prediction.clone()
    wild[:, :4] = 9.0
    torch.testing.assert_close(reference, DEPTH_LOSSES[name](wild, holes, weight))


@pytest.mark.parametrize('name', [*DEPTH_LOSSES, 'beyond_range'])
@pytest.mark.parametrize('value', [torch.nan, torch.inf, 0.0, 1.0, 10.0], ids=str)
@pytest.mark.parametrize('start', [-200.0, 0.0, math.log(10.0), 200.0], ids=str)
def test_loss_and_gradient_are_always_finite(name, value, start):
    """No valid pixel, flat predictions, predictions far out, and the truth itself."""
    loss = DEPTH_LOSSES.get(name, lambda *arguments: beyond_range(*arguments, far_m=80.0))
    for weight in (0.0, 1.0):
        prediction = torch.full((2, 9, 11), start, requires_grad=True)
        result = loss(prediction, torch.full((2, 9, 11), value), torch.full((2, 9, 11), weight))
        result.backward()
        assert torch.isfinite(result) and torch.isfinite(prediction.grad).all()
        if weight == 0.0:
            assert result == 0 and not prediction.grad.any()


@pytest.mark.parametrize('name', DEPTH_LOSSES)
def test_a_few_steps_downhill_reduce_it(name):
    prediction, depth, weight = scene()
    prediction.requires_grad_()
    optimizer = torch.optim.Adam([prediction], lr=0.02)
    history = []
    for _ in range(25):
        loss = DEPTH_LOSSES[name](prediction, depth, weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.7 * history[0]


@given(st.floats(0.2, 5))
def test_a_common_factor(factor):
    _, depth, weight = scene()
    prediction = (factor * depth).log()
    assert log_l1(prediction, depth, weight) == pytest.approx(abs(math.log(factor)), abs=1e-4)
    assert silog(prediction, depth, weight, 1.0) == pytest.approx(0, abs=2e-3)
    assert silog(prediction, depth, weight) == pytest.approx(abs(math.log(factor)) / math.sqrt(2), abs=1e-3)


@pytest.mark.parametrize('name', RELATIVE)
@given(scale=st.floats(0.3, 3), shift=st.floats(0, 0.2))
def test_relative_losses_see_neither_scale_nor_shift_of_disparity(name, scale, shift):
    prediction, depth, weight = scene()
    changed = -(scale * (-prediction).exp() + shift).log()
    expected = DEPTH_LOSSES[name](prediction, depth, weight)
    torch.testing.assert_close(DEPTH_LOSSES[name](changed, depth, weight), expected, rtol=2e-3, atol=1e-4)


def test_relative_losses_treat_each_image_on_its_own():
    prediction, depth, weight = scene()
    prediction[1] += 1.0
    expected = scale_shift_invariant(*scene())
    torch.testing.assert_close(scale_shift_invariant(prediction, depth, weight), expected)


@pytest.mark.parametrize(('metres', 'expected'), [(1, 648.9), (10, 65.5), (80, 8.19)])
def test_inverse_depth_has_the_published_values_and_inverts(metres, expected):
    value = inverse_depth(torch.tensor(float(metres)).log()).item()
    assert value == pytest.approx(expected, abs=0.05)
    assert 655.36 / value - 0.01 == pytest.approx(metres, rel=1e-5)


def test_berhu_is_linear_below_the_corner_and_quadratic_above():
    target = torch.full((1, 1, 3), 100.0)  # in units of the inverse depth
    error = torch.tensor([[[0.0, 4.0, 40.0]]])
    metres = [655.36 / x - 0.01 for x in (target + error, target)]
    corner = 0.2 * 40
    expected = (0 + 4 + (40**2 + corner**2) / (2 * corner)) / 3
    assert berhu(metres[0].log(), metres[1], torch.ones(1, 1, 3)) == pytest.approx(expected, rel=1e-4)


def test_gradient_matching_equals_loops():
    prediction, depth, weight = scene(3, size=1, height=9, width=10)
    depth[0, 2, 3:5] = torch.nan
    valid = torch.isfinite(depth)

    def relative(disparity):
        shift = disparity[valid].median()
        return (disparity - shift) / (disparity[valid] - shift).abs().mean()

    error = (relative((-prediction).exp()) - relative(1 / depth.nan_to_num(1.0)))[0]
    expected = 0.0
    for step in (1, 2, 4, 8):
        e, ok = error[::step, ::step], valid[0, ::step, ::step]
        for a, b, both in ((e[1:], e[:-1], ok[1:] & ok[:-1]), (e[:, 1:], e[:, :-1], ok[:, 1:] & ok[:, :-1])):
            expected += (a - b).abs()[both].mean().item() if both.any() else 0.0
    everywhere = torch.ones_like(weight)
    assert gradient_matching(prediction, depth, everywhere) == pytest.approx(expected, rel=1e-4)
    total = scale_shift_invariant(prediction, depth, everywhere) + 0.5 * expected
    assert midas(prediction, depth, everywhere) == pytest.approx(total.item(), rel=1e-4)


def test_sky_is_only_asked_to_be_far():
    depth = torch.tensor([[[torch.inf, torch.inf, 5.0, torch.nan]]])
    prediction = torch.tensor([[[40.0, 200.0, 1.0, 1.0]]]).log().requires_grad_()
    loss = beyond_range(prediction, depth, torch.ones_like(depth), 80.0)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2) / 2, rel=1e-5)
    assert (prediction.grad[0, 0, :1] < 0).all() and not prediction.grad[0, 0, 1:].any()
