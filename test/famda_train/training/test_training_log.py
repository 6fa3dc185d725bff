# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a training has logged, also where it was interrupted."""
from torch.utils.tensorboard import SummaryWriter

from famda_train.training.run_paths import run_folder
from famda_train.training.training_log import logged_scalars


def log(out, steps, value):
    with SummaryWriter(str(run_folder(out))) as writer:
        for step in steps:
            writer.add_scalar('loss', value, step)
            writer.add_scalar('epoch', 0, step)


def test_steps_that_were_done_again_count_once(tmp_path):
    out = tmp_path / 'student.ckpt'
    assert logged_scalars(out) == {}
    log(out, range(0, 7), 3.0)
    log(out, range(5, 9), 2.0)  # gone on with from step 5
    assert logged_scalars(out) == {'loss': [(step, 3.0 if step < 5 else 2.0) for step in range(9)]}
    log(out, range(0, 3), 1.0)  # begun anew, with fewer steps
    assert logged_scalars(out) == {'loss': [(step, 1.0) for step in range(3)]}
