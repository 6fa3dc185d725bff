# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Normalisation statistics of a network, re-estimated on another domain (AdaBN, arXiv 1603.04779)."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from famda_train.models.checkpoint import load_student, save_student
from famda_train.training.ema import teacher_mode


@torch.no_grad()
def reestimate_batch_norm(network: nn.Module, batches: Iterable[torch.Tensor]) -> nn.Module:
    """Replace all running statistics by the average over some batches, in place.

    Args:
        network: any module; without BatchNorm layers nothing changes.
        batches: inputs of the network, unlabelled images of the new domain.

    Returns:
        the network, in evaluation mode.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momentum = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative average
    teacher_mode(network)
    for batch in batches:
        network(batch)
    for layer, value in zip(layers, momentum, strict=True):
        layer.momentum = value
    return network.eval()


def write_with_statistics(student: Path, batches: Iterable[torch.Tensor], out: Path) -> None:
    """Write a student's checkpoint again, with the normalisation statistics of some batches of images."""
    network, spec = load_student(student)
    save_student(out, spec, reestimate_batch_norm(network, batches))
