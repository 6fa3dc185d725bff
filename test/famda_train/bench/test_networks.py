# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The YOLO26 networks of the bench: left out in one sentence, or what their package builds."""
import sys

import pytest
import torch

from famda_ros.errors import FamdaError
from famda_train.bench import networks


def test_without_ultralytics_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ultralytics', None)
    monkeypatch.setitem(sys.modules, 'ultralytics.nn.tasks', None)
    with pytest.raises(FamdaError, match=r'AGPL-3\.0 .* pip install ultralytics'):
        networks.yolo26('DepthModel', 'yolo26n-depth.yaml')


def test_outputs_have_the_size_of_the_image():
    pytest.importorskip('ultralytics', reason='ultralytics (AGPL-3.0) is not installed and no part of FAMDA')
    image = torch.zeros(1, 64, 96, 3, dtype=torch.uint8)
    with torch.inference_mode():
        labels, confidence = networks.YoloSegmentation(
            networks.yolo26('SemanticSegmentationModel', 'yolo26n-sem.yaml')
        )(image)
        depth = networks.YoloDepth(networks.yolo26('DepthModel', 'yolo26n-depth.yaml'))(image)
    assert labels.shape == confidence.shape == depth.shape == (1, 64, 96)
    assert labels.dtype == confidence.dtype == torch.uint8 and depth.dtype == torch.float32
