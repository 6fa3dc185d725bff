# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_train.losses.reductions import mean_over_processes, weighted_mean


def test_weighted_mean_leaves_out_what_has_no_weight():
    values, weight = torch.tensor([[1.0, 4.0], [1e6, 2.0]]), torch.tensor([[1.0, 0.5], [0.0, 0.5]])
    assert weighted_mean(values, weight) == 2.0


def test_without_any_weight_the_mean_is_zero_and_its_gradient_finite():
    values = torch.rand(3, requires_grad=True)
    mean = weighted_mean(values, torch.zeros(3))
    mean.backward()
    assert mean == 0 and not values.grad.any()


def test_a_process_alone_keeps_its_value():
    value = torch.rand(2)
    assert mean_over_processes(value) is value
