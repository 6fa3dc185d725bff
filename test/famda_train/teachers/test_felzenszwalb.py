# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
from skimage.segmentation import felzenszwalb

from famda_train.teachers.mask_teachers import build_mask_teacher
from famda_train.world import render


def test_felzenszwalb_is_scikit_images_and_covers_everything():
    image = render(3, 'night').image
    teacher = build_mask_teacher('felzenszwalb')
    segments = teacher(image)
    settings = dict(teacher.identity['settings'])
    brighter = (255 * (image / 255) ** settings.pop('gamma')).astype(np.uint8)
    expected = felzenszwalb(brighter, **settings, channel_axis=-1)
    np.testing.assert_array_equal(segments, expected + 1)
    assert segments.dtype == np.uint16 and segments.min() == 1 and segments.max() > 10


def test_a_darker_picture_has_nearly_the_same_segments():
    """That is what the exponent is for: a night of half the light is still segmented."""
    image, teacher = render(4, 'night').image, build_mask_teacher('felzenszwalb')
    dark = (image * 0.5).astype(np.uint8)
    count = len(np.unique(teacher(image)))
    plain = len(np.unique(felzenszwalb(dark, scale=30, sigma=0.8, min_size=20, channel_axis=-1)))
    assert abs(len(np.unique(teacher(dark))) - count) < abs(plain - count)
