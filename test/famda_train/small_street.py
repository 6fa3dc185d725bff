# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A street world small enough for tests: a few frames of 64x32 pixels, and what is trained on them."""
from __future__ import annotations

from pathlib import Path

import torch
from onnx import numpy_helper

from famda_ros.student.label_space import FLAT7
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.render_to_disk import write_frames
from famda_train.labelling.labelling import label_frames
from famda_train.models.checkpoint import StudentSpec, build_network, save_student
from famda_train.models.pyramid import TYPICAL_LOG_DEPTH
from famda_train.world import render

WIDTH, HEIGHT = 64, 32
TEACHERS = {'masks': 'felzenszwalb', 'depth': 'street-world'}
"""Teachers that need no weights."""
SMALL_NETWORK = {'widths': [4, 8, 8, 8, 8], 'channels': 8}
HEADS = {'segmentation': (len(FLAT7), 0.0), 'depth': (1, TYPICAL_LOG_DEPTH)}


def write_street(path: Path, domain: str, count: int, first: int = 0, truth: bool = True) -> Path:
    """Render a frame folder."""
    seeds = range(first, first + count)
    write_frames(path, domain, seeds, (render(seed, domain, WIDTH, HEIGHT) for seed in seeds), truth)
    return path


def write_labelled_street(path: Path, domain: str, count: int) -> Path:
    """Render a frame folder and label it with :data:`TEACHERS`."""
    write_street(path, domain, count)
    for role, name in TEACHERS.items():
        label_frames(FrameFolder(path), role, name)
    return path


def write_checkpoint(path: Path, seed: int = 0, **values) -> Path:
    """Write a student with random weights and, unlike a fresh one, lively statistics."""
    torch.manual_seed(seed)
    built = {'network': SMALL_NETWORK, 'heads': HEADS, 'domain': 'night', **values}
    spec = StudentSpec(FLAT7.name, WIDTH, HEIGHT, 0.7 * WIDTH, **built)
    network = build_network(spec).train()
    for _ in range(3):
        network(torch.rand(4, 3, HEIGHT, WIDTH))
    save_student(path, spec, network)
    return path


def kernel_bytes(model):
    """Return the bytes of the kernels of convolutions, which are most of a file."""
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer if len(tensor.dims) == 4)
