# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn
from torchvision.ops import StochasticDepth

from famda_train.training.ema import ema_decay, make_teacher, teacher_mode, update_average, update_teacher


def test_first_update_copies_the_student():
    student = nn.Linear(3, 2)
    teacher = make_teacher(student)
    nn.init.normal_(student.weight)
    update_teacher(teacher, student, ema_decay(0, 0.99))
    assert torch.equal(teacher.weight, student.weight)


def test_update_is_the_weighted_mean():
    student, decay = nn.Linear(3, 2), 0.75
    teacher = make_teacher(student)
    before = teacher.weight.clone()
    nn.init.normal_(student.weight)
    update_teacher(teacher, student, decay)
    torch.testing.assert_close(teacher.weight, decay * before + (1 - decay) * student.weight)


def test_decay_rises_to_its_limit():
    decays = [ema_decay(step, 0.9) for step in range(100)]
    assert decays[0] == 0 and decays[-1] == 0.9 and decays == sorted(decays)


def test_teacher_has_no_gradients_and_keeps_its_own_statistics():
    student = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    teacher = make_teacher(student)
    student(torch.rand(2, 3, 4, 4) + 5)
    update_teacher(teacher, student, 0.0)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not torch.equal(teacher[1].running_mean, student[1].running_mean)


def network(norm):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), norm(8), nn.Dropout(0.5), StochasticDepth(0.5, 'row'), nn.Conv2d(8, 2, 1)]
    return nn.Sequential(*layers)


class ChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over channels of an image, as transformers and ConvNeXt have it."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


NORMS = {'batch': nn.BatchNorm2d, 'group': lambda count: nn.GroupNorm(2, count), 'layer': ChannelLayerNorm}


@pytest.mark.parametrize('norm', NORMS)
def test_a_teacher_predicts_without_chance(norm):
    teacher = teacher_mode(make_teacher(network(NORMS[norm])))
    image = torch.rand(4, 3, 8, 8)
    assert torch.equal(teacher(image), teacher(image))
    assert not torch.equal(teacher.train()(image), teacher(image))  # what it would be otherwise


def test_a_teacher_with_batch_norm_uses_the_batch_at_hand():
    """A change of light between the domains, which averaged statistics would carry into the prediction."""
    teacher = teacher_mode(make_teacher(network(nn.BatchNorm2d)))
    image = torch.rand(4, 3, 8, 8)
    dark = 0.5 * image - 0.5
    torch.testing.assert_close(teacher(dark), teacher(image), rtol=0, atol=1e-2)
    teacher.eval()
    assert (teacher(dark) - teacher(image)).abs().max() > 0.1


@pytest.mark.parametrize('norm', ['group', 'layer'])
def test_without_batch_norm_a_teacher_is_plainly_evaluated(norm):
    teacher = teacher_mode(make_teacher(network(NORMS[norm])))
    image = torch.rand(4, 3, 8, 8)
    together = teacher(image)
    torch.testing.assert_close(together, torch.cat([teacher(one[None]) for one in image]))
    assert torch.equal(together, teacher.eval()(image))


def test_an_average_follows_parameters_and_statistics():
    network, decay = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), 0.75
    average = make_teacher(network)
    nn.init.normal_(network[0].weight)
    network(torch.rand(2, 3, 4, 4) + 5)
    before = {name: value.clone() for name, value in average.state_dict().items()}
    update_average(average, network, decay)
    for name, now in network.state_dict().items():
        expected = decay * before[name] + (1 - decay) * now if now.is_floating_point() else now
        torch.testing.assert_close(average.state_dict()[name], expected)
