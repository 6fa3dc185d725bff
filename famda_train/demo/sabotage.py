# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A student that must not reach the robot, although it is as confident as the one that may."""
from __future__ import annotations

from pathlib import Path

import torch

from famda_train.models.checkpoint import load_student, save_student

SABOTAGE = 'its classes shuffled, as if its labels had been, and as sure of itself as before'


def write_shuffled(student: Path, out: Path) -> None:
    """Write a student's checkpoint again, with every class called by the name of the next."""
    network, spec = load_student(student)
    projection = list(network.heads['segmentation'].children())[-1]
    with torch.no_grad():
        for values in projection.parameters():
            values.copy_(values.roll(1, dims=0))
    save_student(out, spec, network)
