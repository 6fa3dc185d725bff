# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from famda_train.models.pyramid import PyramidEncoder
from famda_train.models.student import StudentNetwork


@pytest.mark.parametrize('stride', [2, 4, 8])
def test_features_have_the_stride_asked_for(stride):
    encoder = PyramidEncoder((4, 4, 8, 8), 6, stride)
    assert encoder(torch.rand(1, 3, 64, 96)).shape == (1, 6, 64 // stride, 96 // stride)


@pytest.mark.parametrize('size', [(32, 64), (33, 50), (96, 192)])
def test_student_answers_at_image_size_and_inside_its_range(size):
    network = StudentNetwork(5, (4, 4, 8, 8, 8), 6).eval()
    with torch.no_grad():
        prediction = network(torch.rand(2, 3, *size))
    assert prediction.logits.shape == (2, 5, *size) and prediction.log_depth.shape == (2, *size)
    depth = prediction.log_depth.exp()
    assert depth.min() >= 0.499 and depth.max() <= 120.1


def test_every_pixel_can_see_far():
    """Context: a change in one corner reaches the middle of the picture."""
    network = StudentNetwork(5, (4, 4, 8, 8, 8), 6).eval()
    image = torch.rand(1, 3, 96, 192)
    changed = image.clone()
    changed[..., 0:8, 60:68] = 0
    with torch.no_grad():
        difference = (network(image).logits - network(changed).logits).abs().amax(1)[0]
    assert difference[40, 90] > 0
