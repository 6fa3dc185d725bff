# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn

from famda_train.export.graph_passes import trace
from famda_train.models.student_graph import upsample_by


class Chain(nn.Module):
    """Four 1x1 convolutions; the first two follow each other, the third is read twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 40, 1, bias=False), nn.BatchNorm2d(40))
        self.second = nn.Conv2d(40, 4, 1)
        self.third, self.fourth = nn.Conv2d(4, 40, 1), nn.Conv2d(40, 2, 1)

    def forward(self, image):
        x = self.second(self.first(image.permute(0, 3, 1, 2).float() / 255)).relu()
        wide = self.third(x)
        return self.fourth(wide)[:, 0], wide[:, 0]


def test_convolutions_that_follow_each_other_become_one():
    torch.manual_seed(0)
    chain = Chain().train()
    for _ in range(3):
        chain(torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8))
    model = trace(chain.eval(), (8, 12), ('one', 'two'))
    operators = [node.op_type for node in model.graph.node]
    assert operators.count('Conv') == 3 and 'BatchNormalization' not in operators
    image = torch.randint(0, 256, (1, 8, 12, 3), dtype=torch.uint8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    with torch.inference_mode():
        expected = chain(image)
    for ours, theirs in zip(expected, session.run(['one', 'two'], {'image': image.numpy()}), strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5)


class Decision(nn.Module):
    """Classes are upsampled and decided between; the largest logit of a pixel is read as well."""

    def forward(self, image):
        logits = image.permute(0, 3, 1, 2).float().sin()
        large = upsample_by(logits, 2).permute(0, 2, 3, 1)
        return large.argmax(3), logits.amax(1)


def test_classes_lie_side_by_side_where_they_are_decided_between():
    model = trace(Decision(), (16, 24), ('labels', 'largest'))
    operators = {node.op_type: node for node in model.graph.node}
    assert helper.get_node_attr_value(operators['ArgMax'], 'axis') == 3
    assert operators['ArgMax'].input[0] == operators['Resize'].output[0]
    assert helper.get_node_attr_value(operators['Resize'], 'axes') == [1, 2]
    onnx.checker.check_model(model, full_check=True)  # shapes that are told are true
    image = torch.randint(0, 256, (1, 16, 24, 3), dtype=torch.uint8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    labels, largest = session.run(['labels', 'largest'], {'image': image.numpy()})
    expected = Decision()(image)
    assert labels.shape == (1, 32, 48) and (labels == expected[0].numpy()).mean() > 0.999
    np.testing.assert_allclose(largest, expected[1].numpy(), atol=1e-6)


class Planes(nn.Module):
    """One plane is upsampled, and three at once."""

    def forward(self, image):
        planes = image.permute(0, 3, 1, 2).float().sin()
        return upsample_by(planes.amax(1, keepdim=True), 4)[:, 0], upsample_by(planes, 4)[0]


def test_one_plane_is_upsampled_as_a_matrix():
    model = trace(Planes(), (16, 24), ('one', 'three'))
    onnx.checker.check_model(model, full_check=True)
    numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    factors = [numbers[node.input[2]].tolist() for node in model.graph.node if node.op_type == 'Resize']
    assert sorted(factors, key=len) == [[4, 4], [1, 1, 4, 4]]
    image = torch.randint(0, 256, (1, 16, 24, 3), dtype=torch.uint8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
    for ours, theirs in zip(Planes()(image), session.run(['one', 'three'], {'image': image.numpy()}), strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5)


def test_files_say_nothing_of_the_machine_that_they_were_made_on():
    content = trace(Planes(), (16, 24), ('one', 'three')).SerializeToString()
    assert str(Path(__file__).parent).encode() not in content and b'site-packages' not in content
