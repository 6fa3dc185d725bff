# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import copy
import json
import logging
import math
from typing import ClassVar

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from famda_ros.errors import FamdaError
from famda_train.models.blocks import ConvNormAct, ResidualBlock
from famda_train.models.student import HeadSpec, StudentNetwork

TASKS = {'segmentation': (7, 0.0), 'depth': (1, math.log(10.0))}
TINY = {'widths': (4, 4, 8, 8, 8), 'channels': 6}


def difference(ours, theirs):
    return max((ours[name] - theirs[name]).abs().max().item() for name in ours)


@pytest.mark.parametrize('stride', [2, 4, 8])
@pytest.mark.parametrize('size', [(32, 64), (33, 50), (96, 192)])
def test_answers_per_task_at_its_stride(stride, size):
    network = StudentNetwork({**TASKS, 'normals': HeadSpec(3)}, stride=stride, **TINY).eval()
    with torch.no_grad():
        answer = network(torch.rand(2, 3, *size))
    small = tuple(math.ceil(side / stride) for side in size)
    assert {name: tuple(value.shape) for name, value in answer.items()} == {
        'segmentation': (2, 7, *small), 'depth': (2, 1, *small), 'normals': (2, 3, *small),
    }  # fmt: skip


def test_every_pixel_can_see_far():
    """Context: a change in one corner reaches the middle of the picture."""
    network = StudentNetwork(TASKS, **TINY).eval()
    image = torch.rand(1, 3, 96, 192)
    changed = image.clone()
    changed[..., 0:8, 60:68] = 0
    with torch.no_grad():
        moved = (network(image)['segmentation'] - network(changed)['segmentation']).abs().amax(1)[0]
    assert moved[10, 22] > 0


@pytest.mark.parametrize('norm', ['batch', 'group', 'layer'])
@pytest.mark.parametrize('decoder', ['pyramid', 'daformer', 'segformer'])
def test_gradient_reaches_every_parameter(norm, decoder):
    network = StudentNetwork(TASKS, decoder=decoder, norm=norm, **TINY)
    answer = network(torch.rand(2, 3, 64, 96))
    sum((value * torch.randn_like(value)).sum() for value in answer.values()).backward()
    assert [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize('norm', ['group', 'layer'])
def test_no_batch_statistics_are_left_where_none_are_wanted(norm):
    network = StudentNetwork(TASKS, norm=norm, **TINY).train()
    image = torch.rand(3, 3, 32, 64)
    with torch.no_grad():
        alone = network(image[1:2])
        together = {name: value[1:2] for name, value in network(image).items()}
    assert difference(alone, together) < 1e-4
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_weights_go_round_through_the_state_dict():
    settings = json.loads(json.dumps({'tasks': TASKS, **TINY}))  # as a checkpoint or YAML file gives it
    first, second = StudentNetwork(**settings).eval(), StudentNetwork(**settings).eval()
    image = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        assert difference(first(image), second(image)) > 0
        second.load_state_dict(first.state_dict())
        assert difference(first(image), second(image)) == 0
        assert difference(first(image), copy.deepcopy(first)(image)) == 0


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'stride': 3}, "the encoder 'pyramid-small' has strides 2, 4, 8, 16, 32, not 3"),
        ({'decoder': 'unet'}, "unknown decoder 'unet'"),
        ({'norm': 'none'}, "unknown normalisation 'none'"),
        ({'weights': 'imagenet'}, 'has no ImageNet weights'),
    ],
)
def test_wrong_settings_are_one_sentence(settings, message):
    with pytest.raises(FamdaError, match=message):
        StudentNetwork(TASKS, **settings)


class Before(nn.Module):
    """The default student, written down once more without the parts."""

    WIDTHS: ClassVar = (16, 32, 64, 96, 128)

    def __init__(self):
        super().__init__()
        inputs = (3, *self.WIDTHS[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNormAct(i, o, stride=2), ResidualBlock(o))
            for i, o in zip(inputs, self.WIDTHS, strict=True)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, 48, 1) for width in self.WIDTHS[1:])
        self.smooth = nn.ModuleList(ConvNormAct(48, 48) for _ in range(3))
        self.segmentation = nn.Sequential(*reversed([nn.Conv2d(48, 7, 1), ConvNormAct(48, 48)]))
        self.depth = nn.Sequential(*reversed([nn.Conv2d(48, 1, 1), ConvNormAct(48, 48)]))
        nn.init.constant_(self.segmentation[1].bias, 0.0)
        nn.init.constant_(self.depth[1].bias, math.log(10.0))

    def forward(self, image):
        x, features = (image - 0.4) / 0.25, []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        x = self.laterals[3](features[4])
        for level in (2, 1, 0):
            fine = features[level + 1]
            x = nn.functional.interpolate(x, size=fine.shape[-2:], mode='bilinear', align_corners=False)
            x = self.smooth[level](x + self.laterals[level](fine))
        return {'segmentation': self.segmentation(x), 'depth': self.depth(x)}


def test_default_student_keeps_its_size_its_function_and_its_names():
    torch.manual_seed(3)
    network = StudentNetwork(TASKS).eval()
    torch.manual_seed(3)
    before = Before().eval()
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert difference(network(image), before(image)) < 1e-6
    assert sum(value.numel() for value in network.parameters()) == 869_048
    assert len(network.state_dict()) == len(before.state_dict()) == 132
    assert {'.'.join(name.split('.')[:2]) for name in network.state_dict()} == {
        'encoder.stages', 'decoder.laterals', 'decoder.smooth', 'heads.segmentation', 'heads.depth',
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    'settings',
    [
        {**TINY},
        {**TINY, 'norm': 'group', 'decoder': 'daformer'},
        {'encoder': 'efficientnet_lite0', 'channels': 8},
    ],
    ids=lambda settings: f'{settings.get("encoder", "small")}-{settings.get("decoder", "pyramid")}',
)
def test_onnx_file_equals_torch(settings, tmp_path):
    torch.manual_seed(0)
    network = StudentNetwork(TASKS, **settings).eval()
    image = torch.rand(1, 3, 64, 96)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    path = tmp_path / 'student.onnx'
    torch.onnx.export(
        network, (image,), str(path), opset_version=18, dynamo=True, external_data=False, verbose=False
    )
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    answers = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        expected = network(image)
    for ours, theirs in zip(expected.values(), answers, strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=2e-4, rtol=1e-3)
