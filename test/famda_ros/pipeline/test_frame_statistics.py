# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from tiny_student import TINY_SPACE

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.pipeline.frame_statistics import CAMERA_HEIGHT, THIRDS, frame_statistics, sampled, scalar_names
from famda_ros.student.label_space import FLAT7
from famda_ros.student.runtime import Prediction

NAMES = scalar_names(TINY_SPACE)


def numbers(image, labels=None, confidence=None, depth=None, camera=None):
    values = frame_statistics(image, Prediction(labels, confidence, depth), TINY_SPACE, camera)
    assert values.shape == (len(NAMES),) and values.dtype == np.float32
    return dict(zip(NAMES, values.tolist(), strict=True))


def halves(height=72, width=128):
    """Upper half: white, class 0, 100 m; lower half: dark red, class 1, 4 m."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2] = 255
    image[height // 2 :, :, 0] = 100
    labels = np.repeat(np.uint8([0, 1]), height // 2)[:, None] * np.ones((1, width), np.uint8)
    depth = np.where(labels == 0, np.float32(100), np.float32(4))
    return image, labels, np.full((height, width), 204, np.uint8), depth


def test_every_number_by_hand():
    found = numbers(*halves())
    red = 0.299 * 100
    want = {
        'brightness': (255 + red) / 2, 'contrast': (255 - red) / 2, 'shadows': red, 'highlights': 255,
        'saturation': 50, 'warmth': math.log((355 / 2 + 1) / (255 / 2 + 1)), 'neighbours': 1,
        'luma_top': 255, 'luma_bottom': red, 'contrast_top': 0, 'contrast_bottom': 0,
        'saturation_top': 0, 'saturation_bottom': 100, 'confidence': 0.8,
        'depth_10': math.log(4), 'depth_30': math.log(4), 'depth_70': math.log(100), 'depth_90': math.log(100),
        'share_dark': math.sqrt(0.5), 'share_red': math.sqrt(0.5), 'height_dark': 0.757, 'height_red': 0.243,
        'luma_dark': 255, 'luma_red': red,
    }  # fmt: skip
    assert {name: found[name] for name in want} == pytest.approx(want, abs=2e-3)


@pytest.mark.parametrize(('width', 'height'), [(640, 480), (192, 96), (1280, 720)])
def test_the_height_above_the_road_is_measured_on_few_pixels(width, height):
    camera = Intrinsics(0.8 * width, 0.9 * width, 0.52 * width, 0.45 * height)
    below = np.arange(height)[:, None] - camera.cy + np.zeros(width)
    labels = np.where(below > 0.05 * height, 0, 4).astype(np.uint8)  # flat7: flat, sky
    depth = np.where(labels == 0, 1.4 * camera.fy / np.maximum(below, 1), np.inf).astype(np.float32)
    image = np.zeros((height, width, 3), np.uint8)

    def seen(labels, depth, camera):
        values = frame_statistics(image, Prediction(labels, None, depth), FLAT7, camera)
        return dict(zip(scalar_names(FLAT7), values.tolist(), strict=True))[CAMERA_HEIGHT]

    assert math.exp(seen(labels, depth, camera)) == pytest.approx(1.4, rel=0.02)
    unknown = [seen(labels, depth, None), seen(labels, None, camera), seen(np.full_like(labels, 4), depth, camera)]
    assert all(map(math.isnan, unknown))


def test_what_is_not_predicted_is_not_a_number():
    found = numbers(halves()[0])
    unknown = {name for name, value in found.items() if math.isnan(value)}
    predicted = ('confidence', 'camera', 'depth', 'share', 'height', 'luma_dark', 'luma_red')
    assert unknown == {name for name in NAMES if name.startswith(predicted)}
    image, labels, _, depth = halves()
    labels[:] = 1
    depth[:] = np.nan
    found = numbers(image, labels, None, depth)
    assert found['share_dark'] == 0 and math.isnan(found['height_dark']) and math.isnan(found['depth_50'])
    labels[:] = 255
    assert numbers(image, labels)['share_red'] == 0
    depth[:] = np.inf
    assert numbers(image, labels, None, depth)['depth_50'] == pytest.approx(math.log(1000))


def test_turned_the_thirds_change_places_and_the_whole_stays():
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 256, (9, 16, 3), np.uint8), (640, 360))
    image[:120] //= 3
    found, turned = numbers(image), numbers(np.ascontiguousarray(image[::-1, ::-1]))
    for name, other in zip(THIRDS[::2], THIRDS[1::2], strict=True):
        assert turned[name] == pytest.approx(found[other], abs=3)
    for name in ('brightness', 'contrast', 'highlights', 'sharpness', 'neighbours', 'warmth'):
        assert turned[name] == pytest.approx(found[name], rel=0.02, abs=0.02)


def test_the_size_of_the_image_makes_no_difference():
    rng = np.random.default_rng(2)
    small = cv2.GaussianBlur(rng.integers(0, 256, (360, 640, 3), np.uint8), (0, 0), 6)
    large = cv2.resize(small, (1920, 1080), interpolation=cv2.INTER_LINEAR)
    found, other = numbers(small), numbers(large)
    for name in ('brightness', 'contrast', 'sharpness', 'saturation', 'shadows', 'luma_top'):
        assert other[name] == pytest.approx(found[name], rel=0.05), name


def test_noise_has_no_neighbours_and_blur_is_seen():
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (360, 640, 3), np.uint8)
    assert abs(numbers(noise)['neighbours']) < 0.1
    street = cv2.resize(rng.integers(0, 256, (36, 64, 3), np.uint8), (640, 360), interpolation=cv2.INTER_NEAREST)
    blurred = cv2.GaussianBlur(street, (0, 0), 10)
    assert numbers(street)['neighbours'] > 0.8
    assert numbers(blurred)['sharpness'] < numbers(street)['sharpness'] - 0.5


@pytest.mark.parametrize('size', [(1, 1), (2, 3), (36, 64), (97, 41)])
def test_images_of_any_shape(size):
    image = np.full((*size, 3), 7, np.uint8)
    assert numbers(image, np.zeros(size, np.uint8), np.zeros(size, np.uint8), np.ones(size, np.float32))
    assert sampled(image).shape == (36, 64, 3)
