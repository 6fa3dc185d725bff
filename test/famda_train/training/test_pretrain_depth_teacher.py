# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch
from safetensors import safe_open
from small_street import write_street

from famda_train.teachers.street_world_depth import StreetWorldDepth, read_weights
from famda_train.training.pretrain_depth_teacher import pretrain


def test_pretraining_writes_weights_that_the_teacher_loads(tmp_path):
    frames = write_street(tmp_path / 'randomised', 'randomised', 2)
    out = tmp_path / 'weights.safetensors'
    pretrain(frames, out, steps=2, batch_size=2, seed=0)
    with safe_open(out, 'pt') as file:
        assert file.metadata()['width'] == '64'
        assert file.get_tensor('depth.1.weight').dtype == torch.float16
    teacher = StreetWorldDepth(weights=str(out))
    depth = teacher(np.zeros((32, 64, 3), np.uint8))
    assert depth.shape == (32, 64) and np.isfinite(depth).all()


def test_pretraining_goes_on_from_weights(tmp_path):
    """Without a learning rate nothing but normalisation statistics moves."""
    frames = write_street(tmp_path / 'randomised', 'randomised', 2)
    first, second = tmp_path / 'first.safetensors', tmp_path / 'second.safetensors'
    pretrain(frames, first, steps=2, batch_size=2, seed=0)
    pretrain(frames, second, steps=2, batch_size=2, seed=5, start=first, learning_rate=1e-9)
    before, after = read_weights(first), read_weights(second)
    for name, value in before.items():
        if name.endswith('conv.weight') or name.endswith('1.weight'):
            torch.testing.assert_close(after[name], value, rtol=1e-3, atol=1e-3)
