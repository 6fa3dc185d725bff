# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
from skimage.segmentation import felzenszwalb

from famda_train.teachers.masks import build_mask_teacher
from famda_train.world import render


def test_felzenszwalb_is_scikit_images_and_covers_everything():
    image = render(3, 'night').image
    teacher = build_mask_teacher('felzenszwalb')
    segments = teacher(image)
    expected = felzenszwalb(image, **teacher.identity['settings'], channel_axis=-1)
    np.testing.assert_array_equal(segments, expected + 1)
    assert segments.dtype == np.uint16 and segments.min() == 1 and segments.max() > 10
