# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.training import rare_class_sampling as rcs
from famda_train.training.rare_class_sampling import count_classes, frames_with_class

CLASSES = 4


class Maps:
    """A dataset of label maps."""

    def __init__(self, *maps):
        self.maps = [np.asarray(one, np.uint8) for one in maps]
        self.reads = 0

    def __len__(self):
        return len(self.maps)

    def labels(self, index):
        self.reads += 1
        return self.maps[index]


def random_maps(seed, count=6, height=10, width=10):
    rng = np.random.default_rng(seed)
    weights = np.array([0.6, 0.3, 0.05, 0.0, 0.05])
    return Maps(*rng.choice([0, 1, 2, 3, IGNORE], (count, height, width), p=weights))


@given(st.integers(0, 1000))
def test_counts_every_pixel_once(seed):
    maps = random_maps(seed)
    counts = count_classes(maps, CLASSES)
    assert counts.dtype == np.int64
    for index, row in enumerate(counts):
        expected = [(maps.labels(index) == c).sum() for c in (0, 1, 2, 3, IGNORE)]
        assert row.tolist() == expected


def test_label_maps_are_read_once_per_data_set():
    maps, equal = random_maps(0), random_maps(0)
    assert count_classes(maps, CLASSES) is count_classes(maps, CLASSES) and maps.reads == 6
    assert np.array_equal(count_classes(equal, CLASSES), count_classes(maps, CLASSES)) and equal.reads == 6
    assert count_classes(maps, CLASSES + 1).shape == (6, CLASSES + 2)


def test_a_label_that_is_no_class_is_an_error_for_the_user():
    with pytest.raises(FamdaError, match='frame 1 has label 7, but there are 4 classes'):
        count_classes(Maps([[0]], [[7]]), CLASSES)


def test_shares_leave_ignored_pixels_out():
    counts = count_classes(Maps([[0, 0, 0, 1], [IGNORE] * 4]), CLASSES)
    assert rcs.class_shares(counts).tolist() == [0.75, 0.25, 0, 0]
    assert rcs.class_shares(count_classes(Maps([[IGNORE]]), CLASSES)).tolist() == [0, 0, 0, 0]


def test_a_class_is_held_by_its_share_of_the_image_at_every_size():
    small = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 1, 2]])
    large = np.kron(small, np.ones((20, 30), int))
    for one in (small, large):
        counts = count_classes(Maps(one), CLASSES)
        assert frames_with_class(counts, 0.1).tolist() == [[True, True, True, False]]
        assert frames_with_class(counts, 0.2)[0, 0]
    # Ignored pixels are pixels of the image, too.
    counts = count_classes(Maps([[1, 1] + 18 * [IGNORE]], [10 * [1] + 10 * [IGNORE]]), CLASSES)
    assert frames_with_class(counts, 0.2)[:, 1].tolist() == [False, True]


def test_a_class_that_no_frame_holds_well_is_taken_where_it_is():
    counts = count_classes(Maps([[0] * 99 + [1]], [[0] * 100]), CLASSES)
    assert frames_with_class(counts, 0.5)[:, 1].tolist() == [True, False]
    assert frames_with_class(counts, 0.0)[:, 1].tolist() == [True, False]


def test_probabilities_are_the_published_formula_and_rare_is_likely():
    shares, everything = np.array([0.5, 0.3, 0.15, 0.05]), np.ones(4, bool)
    for temperature in (0.01, 0.1, 1.0):
        expected = np.exp((1 - shares) / temperature)
        got = rcs.class_probabilities(shares, everything, temperature)
        np.testing.assert_allclose(got, expected / expected.sum())
        assert (np.diff(got) > 0).all()
    np.testing.assert_allclose(rcs.class_probabilities(shares, everything, 1e6), 0.25, atol=1e-6)


def test_a_class_in_no_frame_is_never_asked_for():
    counts = count_classes(random_maps(3), CLASSES)
    holds = frames_with_class(counts)
    probabilities = rcs.class_probabilities(rcs.class_shares(counts), holds.any(0), 0.1)
    assert probabilities[3] == 0 and probabilities.sum() == pytest.approx(1)
    rng = np.random.default_rng(0)
    for _ in range(200):
        frame, wanted = rcs.draw_frame(holds, probabilities, rng)
        assert holds[frame, wanted]


def test_draws_follow_the_probabilities_and_the_generator():
    holds = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0]], bool)
    probabilities = np.array([0.2, 0.3, 0.5])
    generators = map(np.random.default_rng, (1, 1))
    drawn = [[rcs.draw_frame(holds, probabilities, rng) for _ in range(3000)] for rng in generators]
    assert drawn[0] == drawn[1]
    classes = np.bincount([wanted for _, wanted in drawn[0]]) / 3000
    np.testing.assert_allclose(classes, probabilities, atol=0.04)
    frames_of_first = np.bincount([frame for frame, wanted in drawn[0] if wanted == 0])
    assert frames_of_first[0] == pytest.approx(frames_of_first[1], rel=0.2)


def test_a_single_frame_is_always_that_frame_and_nothing_labelled_is_an_error():
    counts = count_classes(Maps([[0, 0, 2]]), CLASSES)
    holds = frames_with_class(counts)
    probabilities = rcs.class_probabilities(rcs.class_shares(counts), holds.any(0))
    drawn = {rcs.draw_frame(holds, probabilities, np.random.default_rng(seed)) for seed in range(20)}
    assert drawn <= {(0, 0), (0, 2)}
    with pytest.raises(FamdaError, match='labelled source'):
        rcs.class_probabilities(np.zeros(4), np.zeros(4, bool))


def test_shows_class():
    crop = np.array([[0, 0, 0, 1]])
    assert rcs.shows_class(crop, 1, 0.25) and not rcs.shows_class(crop, 1, 0.26)
    assert rcs.shows_class(crop, 1, 0.0) and not rcs.shows_class(crop, 2, 0.0)


@pytest.mark.parametrize(
    ('labels', 'varied'),
    [([0, 0, 1, 1], True), ([0, 0, 0, 1], False), ([0, 0, 0, 0], False), ([IGNORE] * 4, False),
     ([0, 1, IGNORE, IGNORE], True), ([0, 0, 0, IGNORE], False)],
)  # fmt: skip
def test_a_varied_crop_has_no_class_of_three_quarters(labels, varied):
    assert rcs.is_varied(np.array([labels], np.uint8)) == varied


@given(st.integers(0, 1000), st.integers(1, 14), st.integers(1, 14))
def test_crops_lie_inside_and_repeat_with_the_generator(seed, height, width):
    labels = random_maps(seed).labels(0)
    places = [rcs.choose_crop(labels, (height, width), np.random.default_rng(seed), rcs.is_varied) for _ in range(2)]
    assert places[0] == places[1]
    top, left = places[0]
    assert 0 <= top <= max(0, 10 - height) and 0 <= left <= max(0, 10 - width)


def test_a_crop_with_the_class_is_found_far_more_often_than_by_chance():
    labels = np.zeros((40, 40), np.uint8)
    labels[30:, 30:] = 2

    def found(tries):
        rng = np.random.default_rng(0)

        def shows(crop):
            return rcs.shows_class(crop, 2, 0.2)

        crops = [rcs.choose_crop(labels, (10, 10), rng, shows, tries) for _ in range(200)]
        return sum(shows(labels[y : y + 10, x : x + 10]) for y, x in crops)

    assert found(10) > 3 * found(1) > 0


def test_tries_end():
    judged = []
    labels, rng = np.zeros((9, 9), np.uint8), np.random.default_rng(0)
    rcs.choose_crop(labels, (3, 3), rng, lambda crop: judged.append(crop.shape))
    assert judged == [(3, 3)] * 10
