# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_train.adaptation.pseudo_labels import pseudo_labels, target_depth
from famda_train.models.student import DensePrediction


def prediction(probabilities, log_depth=None):
    """Of [B, C, H, W] probabilities."""
    shape = (len(probabilities), *probabilities.shape[2:])
    return DensePrediction(probabilities.log(), torch.zeros(shape) if log_depth is None else log_depth)


def two_classes(confidence_of_one):
    p = torch.tensor(confidence_of_one)
    return torch.stack([1 - p, p], dim=1)


def test_weight_is_the_share_of_sure_pixels_of_each_image():
    p = two_classes([[[0.95, 0.6], [0.05, 0.5]], [[0.99, 0.99], [0.99, 0.99]]])
    labels, weight = pseudo_labels(p.log(), None, threshold=0.9, min_share=0.5)
    assert weight.tolist() == [0.5, 1.0]
    assert labels[0].tolist()[0] == [1, 1]


def test_sure_pixels_outvote_doubtful_ones_inside_a_mask():
    p = two_classes([[[0.99, 0.45, 0.45]]])  # one sure pixel of class 1, two doubtful ones of class 0
    segments = torch.ones(1, 1, 3, dtype=torch.int32)
    labels, _ = pseudo_labels(p.log(), segments, threshold=0.9, min_share=0.0)
    assert labels.tolist() == [[[0, 0, 0]]]  # 0.55 + 0.55 > 0.99
    p = two_classes([[[0.99, 0.49, 0.80]]])
    labels, _ = pseudo_labels(p.log(), segments, threshold=0.9, min_share=0.0)
    assert labels.tolist() == [[[1, 1, 1]]]


def test_metric_teacher_is_taken_as_it_is_except_for_sky():
    depth = torch.rand(1, 4, 4) * 50 + 2
    sky = torch.zeros(1, 4, 4, dtype=torch.bool)
    sky[0, 0] = True
    taught = target_depth(depth, 'depth', prediction(torch.full((1, 2, 4, 4), 0.5)), sky)
    assert torch.isnan(taught[0, 0]).all() and torch.equal(taught[0, 1:], depth[0, 1:])


def test_relative_teacher_takes_its_metres_from_the_ema_teacher():
    depth = torch.rand(1, 8, 8) * 50 + 2
    sky = torch.zeros(1, 8, 8, dtype=torch.bool)
    ema = prediction(torch.full((1, 2, 8, 8), 0.5), depth.log())
    taught = target_depth(0.3 / depth + 4, 'disparity', ema, sky)
    torch.testing.assert_close(taught, depth, rtol=1e-2, atol=1e-2)
