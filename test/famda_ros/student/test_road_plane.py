# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.student.label_space import IGNORE, LABEL_SPACES, LabelSpace
from famda_ros.student.road_plane import fit_road_plane, road_ids

WIDTH, HEIGHT = 160, 120
CAMERA = Intrinsics(130.0, 140.0, 80.5, 57.0)
ROAD, OTHER = 0, 2


def street(height, pitch=0.0, roll=0.0, camera=CAMERA, size=(HEIGHT, WIDTH)):
    """Return labels and depth of a camera so high (metres) above a road without end, below an empty sky."""
    down = np.array([math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), math.sin(pitch)])
    rows, columns = np.mgrid[: size[0], : size[1]]
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(size)], -1)
    slope = rays @ down
    depth = np.where(slope > height / 60, height / np.where(slope > 0, slope, 1), np.inf).astype(np.float32)
    return np.where(np.isfinite(depth), ROAD, OTHER).astype(np.uint8), depth


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 4), st.floats(-0.15, 0.5), st.floats(-0.2, 0.2))
def test_the_height_of_the_camera_is_found(height, pitch, roll):
    plane = fit_road_plane(*street(height, pitch, roll), CAMERA, [ROAD])
    assert plane is not None
    assert plane.height == pytest.approx(height, rel=1e-3) and plane.inliers == 1
    assert plane.normal == pytest.approx(
        (math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), math.sin(pitch)), abs=1e-3
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(0.3, 3))
def test_scaled_depth_gives_the_height_scaled_alike(factor):
    """To the last digit: no threshold in metres takes part."""
    labels, depth = street(1.5, 0.05)
    depth *= np.random.default_rng(0).normal(1, 0.05, depth.shape).astype(np.float32)
    one, other = (fit_road_plane(labels, depth * np.float32(k), CAMERA, [ROAD]) for k in (1, factor))
    assert one is not None and other is not None
    assert other.height == pytest.approx(one.height * factor, rel=1e-4)


def test_noise_and_a_third_of_wrong_labels_move_it_little():
    labels, depth = street(1.5, 0.05)
    rng = np.random.default_rng(1)
    depth *= rng.normal(1, 0.05, depth.shape).astype(np.float32)
    columns = slice(0, WIDTH // 3)
    depth[:, columns] *= 0.6  # a pavement that the student takes for road, far too near
    plane = fit_road_plane(labels, depth, CAMERA, [ROAD])
    assert plane is not None and plane.height == pytest.approx(1.5, rel=0.02) and 0.5 < plane.inliers < 0.8


def test_large_images_are_looked_at_in_steps():
    large = Intrinsics(8 * CAMERA.fx, 8 * CAMERA.fy, 8 * CAMERA.cx, 8 * CAMERA.cy)
    plane = fit_road_plane(*street(1.2, camera=large, size=(8 * HEIGHT, 8 * WIDTH)), large, [ROAD])
    assert plane is not None and plane.height == pytest.approx(1.2, rel=1e-3)


def without_road():
    return np.full((HEIGHT, WIDTH), IGNORE, np.uint8), np.full((HEIGHT, WIDTH), 5, np.float32)


def wall():
    return np.full((HEIGHT, WIDTH), ROAD, np.uint8), np.full((HEIGHT, WIDTH), 5, np.float32)


def rubble():
    labels, depth = street(1.5)
    return labels, depth * np.random.default_rng(2).uniform(0.3, 3, depth.shape).astype(np.float32)


def sliver():
    labels, depth = street(1.5)
    labels[: HEIGHT - 2] = OTHER
    return labels, depth


def unknown():
    labels, depth = street(1.5)
    return labels, np.full_like(depth, np.nan)


def line():
    """Three pixels in a row span no plane."""
    labels, depth = without_road()
    labels[-1, :4] = ROAD
    return labels[-1:], depth[-1:]


@pytest.mark.parametrize('scene', [without_road, wall, rubble, sliver, unknown, line])
def test_where_no_road_is_seen_there_is_no_plane(scene):
    assert fit_road_plane(*scene(), CAMERA, [ROAD]) is None


def test_which_class_is_the_road():
    found = {name: [space.classes[index] for index in road_ids(space)] for name, space in LABEL_SPACES.items()}
    assert set(map(tuple, found.values())) == {('road',), ('flat',)} and found['flat7'] == ['flat']
    assert road_ids(LabelSpace('indoors', ('chair', 'floor'), ((0, 0, 0), (1, 1, 1)), ground=('floor',))) == (1,)
    assert road_ids(LabelSpace('sea', ('water',), ((0, 0, 0),))) == ()
