# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Teachers are taken where they can be reached and there is time, and one sentence says so."""
from __future__ import annotations

import numpy as np
import pytest
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.adapt import teacher_choice
from famda_train.adapt.teacher_choice import choose_teachers
from famda_train.datasets.frame_folder import FrameFolder


@pytest.fixture
def frames(tmp_path):
    return FrameFolder(write_street(tmp_path / 'frames', 'night', 3, truth=False))


class Teachers:
    """Teachers that take so many seconds a frame by a clock that they move; None = they cannot be reached."""

    def __init__(self, monkeypatch, masks, depth):
        self.now, self.asked = 0.0, []
        monkeypatch.setattr(teacher_choice, 'build_mask_teacher', self.builder(masks))
        monkeypatch.setattr(teacher_choice, 'build_depth_teacher', self.builder(depth))

    def builder(self, seconds):
        def build(name):
            if seconds is None:
                raise FamdaError(f'the weights of {name} are not here')
            self.asked.append(name)
            self.now += 100.0  # to load them is no labelling
            return lambda image, focal=None: self.work(seconds, image)

        return build

    def work(self, seconds, image):
        self.now += seconds
        return np.zeros(image.shape[:2])

    def clock(self):
        return self.now


@pytest.mark.parametrize(
    ('masks', 'depth', 'chosen', 'said'),
    [
        (9.0, 9.0, ('sam-onnx', 'depth-anything'), 'masks by sam-onnx, depth by depth-anything'),
        (11.0, 9.0, ('felzenszwalb', 'depth-anything'), 'not sam-onnx: 3 frames would take 0.55 minutes, and'),
        (None, 9.0, ('felzenszwalb', 'depth-anything'), 'not sam-onnx: the weights of sam-onnx are not here'),
        (9.0, 11.0, ('sam-onnx', None), 'not depth-anything: 3 frames would take'),
        (None, None, ('felzenszwalb', None), 'masks by felzenszwalb, depth by the student itself, its scale kept; not'),
    ],
)  # fmt: skip
def test_the_best_that_can_be_reached_in_time(masks, depth, chosen, said, frames, monkeypatch):
    teachers = Teachers(monkeypatch, masks, depth)
    choice = choose_teachers(frames, 30.0, clock=teachers.clock)
    assert (choice.masks, choice.depth) == chosen and said in choice.sentence


def test_teachers_that_were_named_are_taken_without_a_question(frames, monkeypatch):
    teachers = Teachers(monkeypatch, None, None)
    choice = choose_teachers(frames, 0.0, 'none', 'street-world')
    assert (choice.masks, choice.depth) == (None, 'street-world') and teachers.asked == []
    assert choice.sentence == 'masks by nobody, depth by street-world'
