# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import famda_train
from famda_train.models.pyramid import PyramidEncoder
from famda_train.models.stand_in_depth import StandInDepthNetwork

SHIPPED = Path(famda_train.__file__).parent / 'weights' / 'street_world_depth.safetensors'


@pytest.mark.parametrize('stride', [2, 4, 8])
def test_features_have_the_stride_asked_for(stride):
    encoder = PyramidEncoder((4, 4, 8, 8), 6, stride)
    assert encoder(torch.rand(1, 3, 64, 96)).shape == (1, 6, 64 // stride, 96 // stride)


def test_shipped_weights_fit_the_stand_in():
    network = StandInDepthNetwork().eval()
    network.load_state_dict(load_file(SHIPPED))
    with torch.no_grad():
        prediction = network(torch.rand(2, 3, 48, 80))
    assert prediction.log_depth.shape == prediction.disparity.shape == (2, 48, 80)
