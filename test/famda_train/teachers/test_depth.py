# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_train.teachers.depth import STAND_IN_WEIGHTS, StreetWorldDepth, build_depth_teacher
from famda_train.world import render


@pytest.fixture(scope='module')
def metric():
    return build_depth_teacher('street-world')


def test_weights_in_the_package_are_small():
    assert STAND_IN_WEIGHTS.stat().st_size <= 6 * 10**6


@pytest.mark.parametrize('domain', ['day', 'night'])
def test_metres_are_about_right_on_scenes_it_never_saw(metric, domain):
    errors = []
    for seed in range(7_000_000, 7_000_006):
        scene = render(seed, domain)
        depth = metric(scene.image, scene.camera.focal)
        near = scene.depth < 80
        errors.append(np.mean(np.abs(depth[near] - scene.depth[near]) / scene.depth[near]))
    assert np.mean(errors) < 0.25


def test_disparity_ranks_near_before_far():
    teacher = build_depth_teacher('street-world-relative')
    scene = render(7_000_000, 'day')
    disparity, near = teacher(scene.image), scene.depth < 80
    assert teacher.identity['kind'] == 'disparity'
    assert np.corrcoef(disparity[near], 1 / scene.depth[near])[0, 1] > 0.8


def test_twice_the_focal_is_twice_the_metres(metric):
    image = render(7_000_001, 'day').image
    np.testing.assert_allclose(metric(image, 300.0), 2 * metric(image, 150.0), rtol=1e-5)


def test_size_of_the_picture_does_not_change_the_metres(metric):
    scene = render(7_000_002, 'day', 384, 192)
    large = metric(scene.image, scene.camera.focal)
    small = metric(cv2.resize(scene.image, (192, 96), interpolation=cv2.INTER_AREA), scene.camera.focal / 2)
    assert large.shape == (192, 384)
    np.testing.assert_allclose(cv2.resize(large, (192, 96), interpolation=cv2.INTER_AREA), small, rtol=0.1)


@pytest.mark.parametrize('name', ['street-world', 'street-world-relative'])
def test_mirrored_pictures_have_mirrored_depth(name):
    teacher, image = build_depth_teacher(name), render(7_000_003, 'night').image
    mirrored = teacher(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored[:, ::-1], teacher(image), rtol=1e-3, atol=1e-4)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FamdaError, match=r'nothing\.safetensors'):
        StreetWorldDepth(weights=tmp_path / 'nothing.safetensors')
