# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import warnings

import cv2
import numpy as np
import pytest
import torch
from small_sam import EVERYTHING, noisy_image, small_sam

from famda_ros.errors import FamdaError
from famda_train.teachers.automatic_masks import AutomaticMasks, GeneratorSettings, PointPredictor

SETTINGS = GeneratorSettings(**EVERYTHING, points_per_side=5)
CPU = torch.device('cpu')


def small_memory(points: int):
    """Return a model that runs out of memory when it has to decode more points at a time."""
    sam = small_sam()

    def check(_module, _args, inputs):
        if len(inputs['sparse_prompt_embeddings']) > points:
            raise torch.OutOfMemoryError('CUDA out of memory')

    sam.mask_decoder.register_forward_pre_hook(check, with_kwargs=True)
    return sam


def test_the_batch_is_halved_where_memory_does_not_suffice():
    image = noisy_image()
    expected = AutomaticMasks(small_sam(), SETTINGS, 4, CPU, 'fp32', 'SAM')(image)
    masks = AutomaticMasks(small_memory(4), SETTINGS, 16, CPU, 'fp32', 'SAM')
    with pytest.warns(UserWarning, match='SAM: out of GPU memory') as seen:
        np.testing.assert_array_equal(masks(image), expected)
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        np.testing.assert_array_equal(masks(image), expected)


def test_a_model_that_does_not_fit_at_all_is_an_error_with_advice():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        with pytest.raises(FamdaError, match='SAM does not fit into the memory of the GPU; take a smaller model'):
            AutomaticMasks(small_memory(0), SETTINGS, 2, CPU, 'fp32', 'SAM')(noisy_image())


def test_half_precision_runs_to_the_end():
    image = noisy_image()
    full = AutomaticMasks(small_sam(), SETTINGS, 8, CPU, 'fp32', 'SAM')(image)
    half = AutomaticMasks(small_sam(), SETTINGS, 8, CPU, 'bf16', 'SAM')(image)
    assert half.dtype == full.dtype == np.uint16 and half.max() > 0


def test_a_grid_without_points_is_refused():
    with pytest.raises(FamdaError, match='no points'):
        GeneratorSettings(points_per_side=0)
    with pytest.raises(FamdaError, match='no points on crop layer 2'):
        GeneratorSettings(points_per_side=3, crop_n_layers=2, crop_n_points_downscale_factor=2)
    with pytest.raises(FamdaError, match='crop_n_layers'):
        GeneratorSettings(crop_n_layers=-1)


class FloodFill(PointPredictor):
    """Segments the area of one colour around a point: a perfect model for plain pictures."""

    def set_image(self, image):
        self.image = np.ascontiguousarray(image)

    def reset_image(self):
        self.image = None

    def masks_at(self, points):
        logits = []
        for x, y in points.tolist():
            outside = np.zeros((self.image.shape[0] + 2, self.image.shape[1] + 2), np.uint8)
            cv2.floodFill(self.image.copy(), outside, (int(x), int(y)), 0, flags=cv2.FLOODFILL_MASK_ONLY)
            logits.append(np.where(outside[1:-1, 1:-1] > 0, 9.0, -9.0))
        return torch.tensor(np.stack(logits))[:, None], torch.full((len(points), 1), 0.95, dtype=torch.float64)


def plain_picture():
    """Return an image of 240 x 320 and the true ids: sky, road, a car and rows of small signs."""
    truth = np.ones((240, 320), int)
    truth[120:] = 2
    truth[130:190, 100:190] = 3
    for place, (y, x) in enumerate((y, x) for y in range(20, 110, 28) for x in range(30, 300, 35)):
        truth[y : y + 7, x : x + 7] = 4 + place
    colours = np.random.default_rng(1).permutation(256)[: truth.max() + 1].astype(np.uint8)
    return np.repeat(colours[truth][..., None], 3, axis=-1), truth


def found(segments, truth):
    """Return which true things are segments of their own."""
    things = [truth == thing for thing in range(1, truth.max() + 1)]
    return {place for place, thing in enumerate(things, start=1) if _is_segment(thing, segments)}


def _is_segment(thing, segments):
    ids = np.unique(segments[thing])
    return len(ids) == 1 and ids[0] > 0 and np.array_equal(segments == ids[0], thing)


def test_small_things_lie_over_large_ones_and_crops_find_more_of_them():
    image, truth = plain_picture()
    counts = []
    for layers in (0, 1, 2):
        settings = GeneratorSettings(points_per_side=12, crop_n_layers=layers)
        things = found(AutomaticMasks(FloodFill(), settings, 64, CPU, 'fp32', 'flood')(image), truth)
        assert {1, 2, 3} <= things
        counts.append(len(things))
    assert counts[0] < counts[1] <= counts[2]


def test_the_mask_filters_do_what_their_settings_say():
    image, truth = plain_picture()
    settings = {'points_per_side': 16, 'crop_n_layers': 1, 'crop_n_points_downscale_factor': 2}
    everything = AutomaticMasks(FloodFill(), GeneratorSettings(**settings), 64, CPU, 'fp32', 'flood')(image)
    large = AutomaticMasks(FloodFill(), GeneratorSettings(**settings, min_area=50), 64, CPU, 'fp32', 'flood')(image)
    assert len(found(everything, truth)) > 6
    assert large.max() == 3
    good = GeneratorSettings(**settings, pred_iou_thresh=0.96)
    assert not AutomaticMasks(FloodFill(), good, 64, CPU, 'fp32', 'flood')(image).any()


def test_overlapping_masks_of_one_thing_become_one_segment():
    class Twice(FloodFill):
        def masks_at(self, points):
            logits, quality = super().masks_at(points)
            smaller = np.stack([cv2.erode(mask, np.ones((3, 3))) for mask in logits[:, 0].numpy()])
            both = torch.cat([logits, torch.tensor(smaller)[:, None]], dim=1)
            return both, torch.cat([quality, quality - 0.05], dim=1)

    image, truth = plain_picture()
    settings = {'points_per_side': 6, 'box_nms_thresh': 1.0}
    rings = AutomaticMasks(Twice(), GeneratorSettings(**settings), 64, CPU, 'fp32', 'flood')(image)
    strict = GeneratorSettings(**settings, mask_nms_thresh=0.5)
    whole = AutomaticMasks(Twice(), strict, 64, CPU, 'fp32', 'flood')(image)
    assert 3 not in found(rings, truth) and 3 in found(whole, truth)
