# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from famda_ros.errors import FamdaError
from famda_train.teachers import painting
from famda_train.teachers.painting import paint, suppress_overlaps

SIZE = (5, 7)
MASKS = st.lists(arrays(bool, SIZE), max_size=6)


def iou(one, other):
    union = (one | other).sum()
    return (one & other).sum() / union if union else 0.0


@given(MASKS, st.integers(0, 12))
def test_every_pixel_belongs_to_the_smallest_mask_that_holds_it(masks, min_area):
    ids = paint(masks, SIZE, min_area)
    assert ids.dtype == np.uint16 and ids.shape == SIZE
    kept = [mask for mask in masks if mask.sum() >= max(min_area, 1)]
    segments = {identity: ids == identity for identity in np.unique(ids) if identity}
    assert sorted(segments) == list(range(1, len(segments) + 1))
    owners = np.full(SIZE, -1)
    for y, x in np.ndindex(*SIZE):
        holding = [(mask.sum(), -place, place) for place, mask in enumerate(kept) if mask[y, x]]
        if holding:
            owners[y, x] = min(holding)[2]
    np.testing.assert_array_equal(ids == 0, owners == -1)
    for segment in segments.values():
        assert len(set(owners[segment])) == 1
    assert len(segments) == len(set(owners.ravel()) - {-1})


def test_more_segments_than_ids_are_refused(monkeypatch):
    monkeypatch.setattr(painting, 'MOST_SEGMENTS', 3)
    pixels = [np.arange(12).reshape(3, 4) == place for place in range(4)]
    assert paint(pixels[:3], (3, 4)).max() == 3
    with pytest.raises(FamdaError, match='min_area'):
        paint(pixels, (3, 4))


@given(MASKS, st.data(), st.floats(0.05, 0.95))
def test_suppression_is_that_of_the_definition(masks, data, threshold):
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(masks), max_size=len(masks)))
    kept = suppress_overlaps(masks, scores, threshold)
    order = sorted(range(len(masks)), key=lambda i: (-scores[i], i))
    expected: list[int] = []
    for index in order:
        if all(iou(masks[index], masks[other]) <= threshold for other in expected):
            expected.append(index)
    assert kept == expected


@given(MASKS)
def test_a_threshold_of_one_keeps_all(masks):
    masks = [*masks, *masks]
    assert sorted(suppress_overlaps(masks, [0.5] * len(masks), 1.0)) == list(range(len(masks)))


@pytest.mark.parametrize('threshold, left', [(0.49, 1), (0.51, 2)])
def test_half_covered_masks_at_both_sides_of_the_threshold(threshold, left):
    large = np.ones((2, 4), bool)
    half = large & (np.arange(4) < 2)
    assert len(suppress_overlaps([large, half], [0.9, 0.8], threshold)) == left
