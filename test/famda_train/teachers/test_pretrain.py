# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch
from safetensors import safe_open
from small_street import write_street

from famda_train.teachers.depth import StreetWorldDepth
from famda_train.teachers.pretrain import normalise_disparity, pretrain


def test_normalised_disparity_has_no_scale_and_shift():
    torch.manual_seed(0)
    disparity, valid = torch.rand(2, 8, 9), torch.rand(2, 8, 9) > 0.2
    torch.testing.assert_close(normalise_disparity(7 * disparity - 3, valid), normalise_disparity(disparity, valid))


def test_pretraining_writes_weights_that_the_teacher_loads(tmp_path):
    frames = write_street(tmp_path / 'randomised', 'randomised', 2)
    out = tmp_path / 'weights.safetensors'
    pretrain(frames, out, steps=2, batch_size=2, seed=0)
    with safe_open(out, 'pt') as file:
        assert file.metadata()['width'] == '64'
        assert file.get_tensor('depth.1.weight').dtype == torch.float16
    teacher = StreetWorldDepth(weights=out)
    import numpy as np

    depth = teacher(np.zeros((32, 64, 3), np.uint8))
    assert depth.shape == (32, 64) and np.isfinite(depth).all()
