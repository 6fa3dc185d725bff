# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_student import tiny_card

from famda_ros.student.resize import beyond_range, resize_depth, resize_image, resize_nearest


@pytest.mark.parametrize(('width', 'height'), [(96, 54), (40, 30), (20, 12), (160, 90)])
def test_image_keeps_pixel_centres(width, height):
    # A picture that is linear in the place of a pixel's centre stays so; away from the border by half a pixel.
    def ramp(width, height):
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        return np.stack(np.broadcast_arrays(200 * x, 200 * y[:, None], 100 * (x + y[:, None])), -1)

    small = resize_image(np.round(ramp(80, 60)).astype(np.uint8), width, height)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(small[inner], ramp(width, height)[inner], atol=1.5)


def test_image_is_written_where_it_is_wanted():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for width, height in ((64, 48), (30, 20), (100, 90)):
        out = np.empty((height, width, 3), np.uint8)
        assert resize_image(image, width, height, out) is out
        np.testing.assert_array_equal(out, resize_image(image, width, height))


def enlarged_pixel_by_pixel(depth, width, height):
    """The definition: nearest where a pixel around the nearest is not finite, else linear between pixel centres."""
    rows, columns = depth.shape
    large = np.empty((height, width), np.float32)
    for i in range(height):
        for j in range(width):
            y, x = (i + 0.5) * rows / height - 0.5, (j + 0.5) * columns / width - 0.5
            nearest = int((i + 0.5) * rows / height), int((j + 0.5) * columns / width)
            around = depth[max(nearest[0] - 1, 0) : nearest[0] + 2, max(nearest[1] - 1, 0) : nearest[1] + 2]
            if not np.isfinite(around).all():
                large[i, j] = depth[nearest]
                continue
            top, left = int(np.floor(y)), int(np.floor(x))
            places = [(top + a, left + b) for a in (0, 1) for b in (0, 1)]
            corners = [(r, c, (1 - abs(y - r)) * (1 - abs(x - c))) for r, c in places]
            large[i, j] = sum(
                weight * depth[np.clip(r, 0, rows - 1), np.clip(c, 0, columns - 1)] for r, c, weight in corners
            )
    return large


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_depth_is_enlarged_as_defined(data):
    values = st.sampled_from([1.0, 2.0, 3.0, 50.0] * 3 + [np.inf, np.nan])
    height, width = data.draw(st.integers(2, 6)), data.draw(st.integers(2, 6))
    depth = np.array(data.draw(st.lists(values, min_size=height * width, max_size=height * width)), np.float32)
    depth = depth.reshape(height, width)
    before = depth.copy()
    size = width * data.draw(st.integers(1, 4)), height * data.draw(st.integers(1, 4))
    large = resize_depth(depth, *size)
    np.testing.assert_array_equal(depth, before)
    np.testing.assert_allclose(large, enlarged_pixel_by_pixel(depth, *size), rtol=2e-3)


def test_beyond_range():
    depth = np.array([[1.0, 79.99, 80.0, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(
        beyond_range(depth, tiny_card().depth_range_m[1]), np.float32([[1.0, 79.99, np.inf, np.inf, np.nan]])
    )


def test_resize_nearest_keeps_pixel_centres():
    np.testing.assert_array_equal(resize_nearest(np.array([[1, 2, 3]], np.uint8), 9, 1), [[1, 1, 1, 2, 2, 2, 3, 3, 3]])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_enlarged_depth_invents_nothing(data):
    values = st.sampled_from([1.0, 2.0, 50.0, np.inf, np.nan])
    height, width = data.draw(st.integers(2, 5)), data.draw(st.integers(2, 5))
    depth = np.array(data.draw(st.lists(values, min_size=height * width, max_size=height * width)), np.float32)
    depth = depth.reshape(height, width)
    scale = data.draw(st.integers(2, 4))
    large = resize_depth(depth, scale * width, scale * height)
    finite = depth[np.isfinite(depth)]
    if finite.size:
        inside = large[np.isfinite(large)]
        assert inside.min() >= finite.min() - 1e-4 and inside.max() <= finite.max() + 1e-4
    # Where a pixel is not finite, its whole block is not finite either, and nothing beyond its neighbourhood is.
    blocks = np.kron(depth, np.ones((scale, scale), np.float32))
    np.testing.assert_array_equal(np.isnan(large), np.isnan(blocks))
    np.testing.assert_array_equal(np.isposinf(large), np.isposinf(blocks))
