# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from torch import nn

from famda_train.training.batch_norm_statistics import reestimate_batch_norm


def test_statistics_become_those_of_the_new_domain():
    network = nn.Sequential(nn.BatchNorm2d(3))
    network(torch.rand(4, 3, 8, 8))
    batches = [torch.randn(4, 3, 8, 8) * 2 + 7 for _ in range(5)]
    reestimate_batch_norm(network, batches)
    everything = torch.stack(batches).transpose(1, 2).flatten(0, 1).transpose(0, 1).flatten(1)
    expected = torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0)
    torch.testing.assert_close(network[0].running_mean, expected)
    torch.testing.assert_close(network[0].running_var.sqrt().mean(), everything.std(), rtol=0.1, atol=0)
    assert network[0].momentum == 0.1 and not network.training


def test_weights_stay_and_other_norms_are_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    reestimate_batch_norm(network, [torch.rand(2, 3, 4, 4)])
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
