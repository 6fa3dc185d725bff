# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from torch import nn

from famda_train.adaptation.ema import ema_decay, make_teacher, update_teacher


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
