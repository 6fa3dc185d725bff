# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest

from famda_ros.student.label_space import IGNORE
from famda_train.annotate.painting import accept, click, cut, next_pieces, stroke, taken, unlabelled
from famda_train.world import render

WIDTH, HEIGHT = 128, 64


@pytest.fixture(scope='module')
def image():
    return render(3, 'day', WIDTH, HEIGHT).image


def halves():
    """Two masks side by side, and a strip without one."""
    segments = np.ones((HEIGHT, WIDTH), np.uint16)
    segments[:, WIDTH // 2 :] = 7
    segments[-8:] = 0
    return segments


def test_pieces_lie_inside_the_pieces_of_the_level_before(image):
    levels = cut(image, halves())
    assert levels.shape == (3, HEIGHT, WIDTH) and levels.dtype == np.int32
    ids = [np.unique(level) for level in levels]
    assert len(np.concatenate(ids)) == len(np.unique(np.concatenate(ids)))
    for level, finer in itertools.pairwise(levels):
        assert len(np.unique(finer)) > len(np.unique(level))
        assert all(len(np.unique(level[finer == piece])) == 1 for piece in np.unique(finer))


def test_a_click_takes_the_whole_mask_and_no_mask_is_superpixels(image):
    levels, segments = cut(image, halves()), halves()
    painted = click(levels, unlabelled(HEIGHT, WIDTH), 5, 5, 2)
    assert np.array_equal(painted.labels == 2, segments == 1)
    strip = click(levels, unlabelled(HEIGHT, WIDTH), 5, HEIGHT - 1, 2)
    assert strip.labels[-1, 5] == 2 and not (strip.labels[:-8] == 2).any()


def test_masks_of_half_the_size_are_enlarged(image):
    levels = cut(image, halves()[::2, ::2])
    painted = click(levels, unlabelled(HEIGHT, WIDTH), WIDTH - 1, 0, 1)
    assert np.array_equal(painted.labels == 1, halves() == 7)


def test_pieces_of_a_large_image_have_its_size():
    levels = cut(render(3, 'day', 1000, 500).image)
    assert levels.shape == (3, 500, 1000)
    assert [len(np.unique(level)) > 20 for level in levels] == [True] * 3


def test_every_further_click_takes_less_of_it(image):
    levels = cut(image, halves())
    once = click(levels, unlabelled(HEIGHT, WIDTH), 20, 40, 0)
    twice = click(levels, once, 20, 40, 1)
    thrice = click(levels, twice, 20, 40, 2)
    mask = once.labels == 0
    assert 0 < (thrice.labels == 2).sum() <= ((twice.labels == 1).sum()) < mask.sum()
    assert np.array_equal(twice.labels != IGNORE, mask) and np.array_equal(thrice.labels != IGNORE, mask)
    again = click(levels, thrice, 20, 40, 4, whole=True)
    assert np.array_equal(again.labels == 4, mask)


def test_the_piece_that_is_shown_is_the_one_that_is_taken(image):
    levels, painted, rng = cut(image, halves()), unlabelled(HEIGHT, WIDTH), np.random.default_rng(0)
    for number in range(20):
        x, y = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        shown = next_pieces(levels, painted)
        after = click(levels, painted, x, y, number % 5)
        assert np.array_equal(shown == shown[y, x], (after.labels != painted.labels) | (shown == shown[y, x]))
        assert (after.labels[shown == shown[y, x]] == number % 5).all()
        painted = after


def box(left, top, right, bottom):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_a_further_click_takes_what_a_decoder_finds_inside_the_mask(image):
    """The smallest of its masks; the next click takes a superpixel of that, and what has another class stays."""
    levels, segments = cut(image, halves()), halves()
    everything, large, small = box(0, 0, WIDTH, HEIGHT), box(30, 10, 90, 40), box(35, 15, 50, 30)
    masks, point = np.stack([large, everything, small]), (40, 20)
    blank = unlabelled(HEIGHT, WIDTH)
    once = click(levels, blank, *point, 0, masks=masks)
    assert np.array_equal(once.labels == 0, segments == 1)  # the first click asks nobody
    twice = click(levels, once, *point, 1, masks=masks)
    assert np.array_equal(twice.labels == 1, small) and np.array_equal(twice.labels != IGNORE, segments == 1)
    thrice = click(levels, twice, *point, 2, masks=masks)
    assert thrice.labels[20, 40] == 2 and not ((thrice.labels == 2) & ~small).any()
    assert np.array_equal(click(levels, thrice, *point, 3, whole=True, masks=masks).labels == 3, segments == 1)
    beside = click(levels, twice, 40, 32, 3, masks=large[None])
    assert np.array_equal(beside.labels == 3, large & (segments == 1) & ~small)


def test_where_a_decoder_finds_no_part_a_superpixel_is_taken(image):
    levels = cut(image, halves())
    once = click(levels, unlabelled(HEIGHT, WIDTH), 20, 40, 0)
    for mask in (box(0, 0, 0, 0), box(0, 0, WIDTH, HEIGHT), box(19, 39, 21, 41), box(30, 30, 50, 50)):
        with_it = click(levels, once, 20, 40, 1, masks=mask[None])
        assert np.array_equal(with_it.labels, click(levels, once, 20, 40, 1).labels)


def test_superpixels_of_a_part_do_not_leave_it(image):
    """Parts of a decoder cross superpixels; what is shown is what is taken all the same."""
    levels, painted, rng = cut(image, halves()), unlabelled(HEIGHT, WIDTH), np.random.default_rng(1)
    painted = click(levels, painted, 20, 20, 0)
    painted = click(levels, painted, 20, 20, 1, masks=box(11, 13, 50, 47)[None])
    for _ in range(20):
        x, y = int(rng.integers(11, 50)), int(rng.integers(13, 47))
        piece, clicked = taken(levels, painted, x, y)
        shown = next_pieces(levels, painted)
        assert clicked == 3 and piece[y, x] and not (piece & ~box(11, 13, 50, 47)).any()
        assert np.array_equal(piece, shown == shown[y, x])


def test_a_stroke_is_a_round_line():
    painted = stroke(unlabelled(HEIGHT, WIDTH), [(20, 30), (60, 30)], 5, 3)
    rows, columns = np.nonzero(painted.labels == 3)
    assert abs(rows.min() - 25) <= 1 and abs(rows.max() - 35) <= 1
    assert abs(columns.min() - 15) <= 1 and abs(columns.max() - 65) <= 1
    dab = stroke(painted, [(40, 30)], 3, IGNORE)
    assert 20 < (painted.labels != dab.labels).sum() < 45  # 28 = pi * 3 * 3


def test_a_suggestion_is_taken_for_the_rest_alone():
    painted = stroke(unlabelled(HEIGHT, WIDTH), [(20, 30)], 5, 3)
    suggestion = np.full((HEIGHT, WIDTH), 1, np.uint8)
    suggestion[0] = IGNORE
    labels = accept(painted, suggestion).labels
    assert np.array_equal(labels == 3, painted.labels == 3)
    assert (labels[0] == IGNORE).all() and (labels[1:] != IGNORE).all()
