# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import sys

import cv2
import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_train.teachers.depth_teachers import build_depth_teacher, read_depth
from famda_train.teachers.street_world_depth import STAND_IN_WEIGHTS, StreetWorldDepth
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
        StreetWorldDepth(weights=str(tmp_path / 'nothing.safetensors'))


@pytest.mark.parametrize('name', ['street-world', 'street-world-relative'])
def test_reliability_is_low_where_the_readings_differ(name):
    """Between mirror images it is lower at the edges of things than on smooth ground, and values do not change."""
    image = render(7_000_004, 'night').image
    plain = build_depth_teacher(name)(image)
    for views in ('mirror', 'scale', 'both'):
        values, reliability = read_depth(build_depth_teacher(name, {'reliability': views}), image)
        np.testing.assert_array_equal(values, plain)
        assert reliability.dtype == np.float32 and reliability.shape == plain.shape
        assert 0 <= reliability.min() < 0.5 < reliability.max() <= 1
    mirrored, both = (
        read_depth(build_depth_teacher(name, {'reliability': views}), image)[1] for views in ('mirror', 'both')
    )
    assert (both <= mirrored).all() and (both < mirrored).any()


def test_a_teacher_that_was_not_asked_tells_no_reliability():
    image = render(7_000_005, 'day').image

    def ten_metres(image, focal=None):
        return np.full(image.shape[:2], 10, np.float32)

    assert read_depth(build_depth_teacher('street-world'), image)[1] is None
    values, reliability = read_depth(ten_metres, image)
    assert reliability is None and (values == 10).all()


def test_identity_tells_what_changes_the_values():
    plain, other = (build_depth_teacher('street-world', settings).identity for settings in ({}, {'name': 'twin'}))
    assert plain['name'] == 'street-world' and plain['kind'] == 'depth' and len(plain['weights_sha256']) == 64
    assert plain['licence'] == {'weights': 'Apache-2.0', 'non_commercial': False}
    assert other == {**plain, 'name': 'twin'}


@pytest.mark.parametrize(
    ('name', 'settings', 'sentence'),
    [
        ('nothing', {}, "unknown depth teacher 'nothing'; choose one of depth-anything"),
        ('street-world', {'model': 'x'}, "depth teacher 'street-world' has no setting 'model'; it has .*reliability"),
        ('street-world', {'kind': 'disparity'}, "has no setting 'kind'"),
        ('street-world', {'reliability': 'twice'}, "takes none or mirror or scale or both, not 'twice'"),
        ('street-world', {'name': '../elsewhere'}, 'the setting name .* must be letters'),
        ('depth-onnx', {}, "the setting description of depth teacher 'depth-onnx' is missing"),
        ('depth-anything', {'focal': 'wide'}, "the setting focal .* takes float, not 'wide'"),
        ('depth-anything', {'size': 1.5}, "the setting size .* takes int, not '1.5'"),
        ('depth-anything', {'device': 'cuda:77', 'model': '.'}, "there is no device 'cuda:77' here"),
    ],
)
def test_wrong_settings_get_one_sentence(name, settings, sentence):
    with pytest.raises(FamdaError, match=sentence):
        build_depth_teacher(name, settings)


@pytest.mark.parametrize(
    ('package', 'name', 'settings'),
    [('transformers', 'depth-anything', {'model': '{folder}'}), ('safetensors.torch', 'street-world', {})],
)
def test_a_missing_package_is_named_with_what_installs_it(tmp_path, monkeypatch, package, name, settings):
    """Whether it is imported with the teacher's file or when the teacher is built."""
    for file in ('config.json', 'preprocessor_config.json', 'model.safetensors'):
        (tmp_path / file).write_text('{}')
    monkeypatch.setitem(sys.modules, package, None)
    for module in ('street_world_depth', 'depth_anything'):
        monkeypatch.delitem(sys.modules, f'famda_train.teachers.{module}', raising=False)
    with pytest.raises(FamdaError, match=rf"needs the package '{package}'; install it with: pip install 'famda_ros"):
        build_depth_teacher(name, {key: value.format(folder=tmp_path) for key, value in settings.items()})
