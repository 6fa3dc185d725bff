# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's drives: street after street, one domain after the other, and the truth beside the bag."""
import itertools

import numpy as np

from famda_ros.messages.bag_reader import iter_frames
from famda_train.datasets.render_to_disk import START_NS
from famda_train.demo.drives import RATE_HZ, STREET_S, drive_through, write_with_truth
from famda_train.world.drive import STREET_SPEED, drive_frame

SIZE = 48, 24


def test_a_drive_goes_through_streets_of_one_domain_after_the_other():
    count, moments = drive_through((('synthetic', 3, 0.2), ('night', 8, STREET_S + 0.1)), *SIZE)
    assert count == 2 + 41
    times, pictures = zip(*moments, strict=True)
    np.testing.assert_allclose(times, np.arange(count) / RATE_HZ)
    length = STREET_S * STREET_SPEED
    for place, job in ((1, ('synthetic', 3, 1)), (2, ('night', 8, 0)), (41, ('night', 8, 39)), (42, ('night', 9, 0))):
        domain, seed, index = job
        expected = drive_frame(seed, domain, length, index / RATE_HZ, index, *SIZE, None)
        np.testing.assert_array_equal(pictures[place].image, expected.image)


def test_the_truth_lies_beside_the_bag_frame_by_frame(tmp_path):
    _, moments = drive_through([('night', 5, 0.3)], *SIZE)
    moments, copy = itertools.tee(moments)
    write_with_truth(tmp_path / 'drive', tmp_path / 'drive.npz', 'night', moments)
    truth = np.load(tmp_path / 'drive.npz')['labels']
    assert truth.dtype == np.uint8 and truth.shape == (3, 24, 48)
    for labels, frame, (seconds, rendering) in zip(truth, iter_frames(tmp_path / 'drive'), copy, strict=True):
        np.testing.assert_array_equal(labels, rendering.labels)
        assert frame.stamp_ns == START_NS + round(seconds * 1e9)
