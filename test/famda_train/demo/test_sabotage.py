# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The sabotaged student: every class by the next one's name, all else as it was."""
import numpy as np
from small_street import HEIGHT, WIDTH, write_checkpoint

from famda_ros.student.label_space import FLAT7
from famda_train.demo.sabotage import write_shuffled
from famda_train.evaluation.models import load_predictor
from famda_train.world import render


def test_classes_are_shuffled_and_nothing_else(tmp_path):
    write_shuffled(write_checkpoint(tmp_path / 'student.ckpt'), tmp_path / 'sabotaged.ckpt')
    image = render(3, 'night', WIDTH, HEIGHT).image
    files = (tmp_path / f'{name}.ckpt' for name in ('student', 'sabotaged'))
    before, after = (load_predictor(file)[0](image, 0.7 * WIDTH) for file in files)
    np.testing.assert_array_equal(after.labels, (before.labels + 1) % len(FLAT7))
    np.testing.assert_array_equal(after.confidence, before.confidence)
    np.testing.assert_array_equal(after.depth, before.depth)
