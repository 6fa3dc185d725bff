# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_train.teachers.agreement import match_median, read_views, reliability

SEEDS = st.integers(0, 2**31)
KINDS = st.sampled_from(['depth', 'disparity'])


def scene(seed, shape=(12, 17)):
    """Return positive values that vary, float32 [H, W]."""
    return np.random.default_rng(seed).uniform(1, 50, shape).astype(np.float32)


@given(SEEDS, KINDS)
@settings(max_examples=40, deadline=None)
def test_a_reading_agrees_with_itself(seed, kind):
    values = scene(seed)
    np.testing.assert_allclose(reliability([values, values], kind), 1, atol=1e-3)


@given(SEEDS, KINDS)
@settings(max_examples=40, deadline=None)
def test_it_is_between_nothing_and_certainty(seed, kind):
    first, second, third = scene(seed), scene(seed + 1), scene(seed + 2)
    first[0, :3], second[1, 1] = np.nan, np.nan
    result = reliability([first, second, third], kind)
    assert result.dtype == np.float32 and result.shape == first.shape
    assert (result >= 0).all() and (result <= 1).all()
    assert (result[0, :3] == 0).all() and result[1, 1] == 0


@given(SEEDS, KINDS)
@settings(max_examples=40, deadline=None)
def test_a_further_reading_never_makes_it_surer(seed, kind):
    first, second, third = scene(seed), scene(seed + 1), scene(seed + 2)
    pair, all_three = reliability([first, second], kind), reliability([first, second, third], kind)
    np.testing.assert_array_equal(all_three, np.minimum(pair, reliability([first, third], kind)))


@given(SEEDS, st.floats(1e-4, 1e4), st.floats(-1e3, 1e3))
@settings(max_examples=60, deadline=None)
def test_scale_and_shift_of_a_disparity_say_nothing(seed, scale, shift):
    rng = np.random.default_rng(seed)
    first = scene(seed)
    second = first + np.where(rng.random(first.shape) < 0.1, rng.uniform(-20, 20, first.shape), 0).astype(np.float32)
    moved = (scale * (second.astype(np.float64) + shift)).astype(np.float32)
    expected = reliability([first, second], 'disparity')
    np.testing.assert_allclose(reliability([first, moved], 'disparity'), expected, atol=0.02)


@given(SEEDS, st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_metres_or_feet_make_no_difference(seed, factor):
    first, second = scene(seed), scene(seed + 1)
    other = reliability([first * np.float32(factor), second * np.float32(factor)], 'depth')
    np.testing.assert_allclose(other, reliability([first, second], 'depth'), atol=1e-4)


def test_metres_differ_by_their_ratio():
    first = np.full((4, 4), 10, np.float32)
    second = first * np.float32(np.exp(0.1))
    np.testing.assert_allclose(reliability([first, second], 'depth'), np.exp(-1), rtol=1e-4)
    np.testing.assert_allclose(reliability([first, second], 'depth', tolerance=0.2), np.exp(-0.5), rtol=1e-4)


def test_a_wrong_patch_of_a_disparity_is_found_and_the_rest_believed():
    first = scene(1, (40, 40))
    second = 3 * first - 7
    second[10:20, 10:20] += 100
    result = reliability([first, second], 'disparity')
    wrong = np.zeros((40, 40), bool)
    wrong[10:20, 10:20] = True
    assert result[wrong].max() < 0.1 and result[~wrong].min() > 0.9


def test_a_turned_disparity_is_not_believed():
    """Near and far mixed up is no matter of scale."""
    first = scene(2)
    assert reliability([first, -first], 'disparity').max() == 0


@pytest.mark.parametrize('value', [0.0, 5.0])
def test_a_flat_disparity_says_nothing(value):
    flat = np.full((5, 5), value, np.float32)
    assert reliability([flat, flat], 'disparity').max() == 0


def test_the_median_ratio_becomes_one():
    values, reference = scene(3), 7 * scene(3)
    values[0, 0], reference[1, 1] = np.nan, np.inf
    matched = match_median(values, reference)
    ratio = (matched / reference)[2:]
    np.testing.assert_allclose(ratio, 1, rtol=1e-5)
    unknown = np.full((2, 2), np.nan, np.float32)
    assert np.isnan(match_median(unknown, unknown)).all()


@pytest.mark.parametrize(('views', 'seen'), [('none', 0), ('mirror', 1), ('scale', 1), ('both', 2)])
def test_views_are_undone_before_they_are_compared(views, seen):
    """A teacher that reads the red channel agrees with itself, one that looks at the place does not."""
    image = np.random.default_rng(0).integers(1, 255, (8, 10, 3), dtype=np.uint8)
    asked = []

    def red(images, focal, scale):
        asked.append((len(images), focal, scale))
        return [(picture[..., 0] / scale).astype(np.float32) for picture in images]

    values, result = read_views(red, image, 3.0, 'depth', views)
    np.testing.assert_array_equal(values, image[..., 0])
    assert sum(count for count, _, _ in asked) == 1 + seen and all(focal == 3.0 for _, focal, _ in asked)
    if views == 'none':
        assert result is None
        return
    np.testing.assert_allclose(result, 1, atol=1e-5)
    ramp = np.broadcast_to(np.arange(1, 11, dtype=np.float32), (8, 10))
    _, places = read_views(lambda images, *_: [ramp for _ in images], image, None, 'depth', views)
    assert (places.mean() < 0.2) == (views != 'scale')  # only the mirror image shows that
