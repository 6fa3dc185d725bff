# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from famda_train.augmentation.sample_rng import SampleRng
from famda_train.augmentation.zoom import MULTIPLE, window_shape, zoom_windows
from famda_train.losses.geometry import normals_from_depth, points_from_depth

HIGH, WIDE, FOCAL = 96, 128, 100.0


def planes(count=3):
    """A batch whose image tells where a pixel lies, with the depth of a tilted plane and labels in stripes."""
    rows, columns = torch.meshgrid(torch.arange(HIGH) + 0.5, torch.arange(WIDE) + 0.5, indexing='ij')
    image = torch.stack([rows / HIGH, columns / WIDE, torch.zeros(HIGH, WIDE)]).expand(count, -1, -1, -1).clone()
    depth = (1 / (0.02 + 0.1 * rows / HIGH)).expand(count, -1, -1).clone()
    labels = (columns // 16).long().expand(count, -1, -1).clone()
    return {'image': image, 'depth': depth, 'labels': labels, 'focal': torch.full((count,), FOCAL)}


def windows(zoom, shape=(64, 64), sample=None):
    return zoom_windows(sample or planes(), SampleRng(0, 0, [0, 1, 2]), zoom, shape)


@given(st.floats(0.7, 3.0), st.sampled_from([(64, 64), (32, 96), (96, 32)]))
def test_every_pixel_keeps_its_own_depth_and_label(factor, shape):
    """Image, depth and labels of a pixel are of one place of the frame; depth over the factor."""
    window = windows((factor, factor), shape)
    used = window['focal'] / FOCAL
    assert torch.all(used >= factor - 1e-5)
    rows, columns = window['image'][:, 0] * HIGH, window['image'][:, 1] * WIDE
    assert window['image'].shape[-2:] == window['depth'].shape[-2:] == window['labels'].shape[-2:] == shape
    off = 0.1 * 0.51 / HIGH * 50 + 1e-3  # nearest depth: up to half a pixel away
    expected = 1 / (0.02 + 0.1 * rows / HIGH) / used[:, None, None]
    inner = (slice(None), slice(2, -2), slice(2, -2))  # image borders are repeated beyond half a pixel
    torch.testing.assert_close(window['depth'][inner], expected[inner], rtol=off, atol=0)
    near_edge = ((columns / 16) - (columns / 16).round()).abs() < 0.04
    assert torch.all((window['labels'] == (columns // 16).long())[inner] | near_edge[inner])


def test_one_to_one_is_a_crop():
    sample = planes()
    window = windows((1.0, 1.0), (HIGH, WIDE), sample)
    for name in ('image', 'depth', 'labels', 'focal'):
        torch.testing.assert_close(window[name], sample[name])


@given(st.floats(0.75, 2.5), st.sampled_from([(64, 64), (32, 96), (96, 32)]))
def test_a_window_shows_the_same_points_and_normals(factor, shape):
    """Depth, focal and centre of a window give the same points of the world and the same surfaces as the frame."""
    sample = planes()
    sample['depth'] = sample['depth'].double()
    sample['centre'] = torch.tensor([[(WIDE - 1) / 2 + 3, (HIGH - 1) / 2 - 2]] * 3)
    sample['normals'] = normals_from_depth(sample['depth'], FOCAL, *sample['centre'][0])
    window = windows((factor, factor), shape, sample)
    used = (window['focal'] / FOCAL).double()
    points = points_from_depth(window['depth'] * used[:, None, None], window['focal'], *window['centre'].T)
    # Where the pixel of the frame that gave the depth lies, not the place between pixels that the window looks at.
    columns = window['image'][:, 1] * WIDE
    x = (columns - 0.5 - sample['centre'][0, 0]) / FOCAL * points[:, 2]
    inner = (slice(None), slice(3, -3), slice(3, -3))
    torch.testing.assert_close(points[:, 0][inner], x[inner].double(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(points[:, 2], window['depth'] * used[:, None, None])
    plane = sample['normals'][0, :, HIGH // 2, WIDE // 2]
    known = window['normals'].isfinite().all(1)
    assert known.float().mean() > 0.9
    normals = window['normals'].movedim(1, -1)[known]
    torch.testing.assert_close(normals, plane.expand_as(normals), rtol=1e-4, atol=1e-4)


def test_unknown_and_infinite_depth_stay():
    sample = planes()
    sample['depth'][:, :48], sample['depth'][:, 48:] = math.nan, math.inf
    depth = windows((0.8, 1.5), sample=sample)['depth']
    assert torch.all(depth.isnan() | depth.isinf())


def test_a_window_that_would_not_fit_is_magnified():
    window = windows((0.1, 0.1), (64, 64))
    torch.testing.assert_close(window['focal'] / FOCAL, torch.full((3,), 64 / HIGH))


def test_frames_of_a_batch_get_windows_of_their_own_and_again_the_same():
    first, again = windows((0.7, 2.0)), windows((0.7, 2.0))
    torch.testing.assert_close(first['image'], again['image'])
    assert len(first['focal'].unique()) == 3


@pytest.mark.parametrize('aspect', [0.5, 1.0, 1.33, 1.78, 3.3])
def test_shapes_have_about_as_many_pixels(aspect):
    height, width = window_shape(256 * 208, aspect)
    assert height % MULTIPLE == width % MULTIPLE == 0
    assert 0.8 < height * width / (256 * 208) < 1.25 and width / height == pytest.approx(aspect, rel=0.3)
