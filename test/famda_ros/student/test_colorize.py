# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
from tiny_student import TINY_SPACE

from famda_ros.student.colorize import BEYOND_RANGE_RGB, color_depth, color_mask, overlay
from famda_ros.student.label_space import CITYSCAPES19


def test_color_mask_is_the_palette():
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(color_mask(labels, CITYSCAPES19), CITYSCAPES19.palette()[labels])
    assert color_mask(labels[:, ::2], CITYSCAPES19).shape == (16, 8, 3)


def test_overlay_leaves_unlabelled_pixels():
    image = np.full((1, 3, 3), 100, np.uint8)
    blended = overlay(image, np.array([[0, 1, 255]], np.uint8), TINY_SPACE, 0.5)
    assert blended[0, 2].tolist() == [100, 100, 100]
    assert blended[0, 1].tolist() == [150, 50, 50]


def test_overlay_equals_the_formula():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 31, 3), np.uint8)
    labels = rng.integers(0, 256, (20, 31)).astype(np.uint8)
    labels[::2] %= len(CITYSCAPES19)
    before = image.copy()
    mixed = 0.7 * image + 0.3 * CITYSCAPES19.palette()[labels]
    expected = np.where(labels[..., None] < len(CITYSCAPES19), mixed, image)
    assert np.abs(overlay(image, labels, CITYSCAPES19, 0.3) - expected).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(image, before)


def test_depth_colors():
    colors = color_depth(np.array([[1.0, 79.0, 200.0, np.inf, np.nan]], np.float32), 80.0)[0].astype(int)
    near, far, farther, sky, unknown = colors
    assert near[0] > near[2]  # red
    assert far[2] > far[0]  # blue
    assert abs(farther - far).max() < 30
    assert tuple(sky) == BEYOND_RANGE_RGB and not unknown.any()
