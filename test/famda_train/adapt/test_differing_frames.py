# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The frames that two students see most differently."""
import math

import numpy as np
from small_street import write_checkpoint, write_street

from famda_train.adapt.differing_frames import FARTHER_RGB, MOST_RATIO, NEARER_RGB, depth_changes, differing_frames
from famda_train.pictures.scored_frames import NOT_SCORED_RGB, RIGHT_RGB


def test_frames_that_differ_most_come_first(tmp_path):
    frames = write_street(tmp_path / 'frames', 'night', 5)
    students = tuple(write_checkpoint(tmp_path / f'{seed}.ckpt', seed) for seed in (0, 1))
    seen = []
    found, space = differing_frames(frames, students, 3, progress=lambda *done: seen.append(done))
    changed = [float(frame.note.partition(' %')[0]) for frame in found]
    assert len(found) == 3 and changed == sorted(changed, reverse=True) and changed[0] > 0
    assert space.name == 'flat7' and seen[-1] == (5, 5)
    mask, depth, changes, metres = found[0].panels
    assert all(picture.shape == (240, 480, 3) for picture in (*mask[1:], *depth[1:], changes.picture, metres.picture))
    assert changes.before is None and metres.before is None
    red = (changes.picture != RIGHT_RGB).any(-1).mean()
    assert abs(100 * red - changed[0]) < 1


def test_a_student_does_not_differ_from_itself(tmp_path):
    frames, student = write_street(tmp_path / 'frames', 'night', 1), write_checkpoint(tmp_path / 'a.ckpt')
    (frame,), _ = differing_frames(frames, (student, student), 6)
    assert frame.note.startswith('0 %')
    assert all((panel.before == panel.picture).all() for panel in frame.panels if panel.before is not None)
    assert {tuple(color) for color in frame.panels[2].picture.reshape(-1, 3)} == {RIGHT_RGB}


def test_colours_of_changed_depth():
    before = np.array([[10, 10, 10, 10, np.nan, np.inf]], np.float32)
    after = np.array([[10, 10 * MOST_RATIO, 10 / MOST_RATIO, 10 * math.sqrt(MOST_RATIO), 10, np.inf]], np.float32)
    half = np.round((np.array(RIGHT_RGB) + FARTHER_RGB) / 2)
    expected = [RIGHT_RGB, FARTHER_RGB, NEARER_RGB, half, NOT_SCORED_RGB, NOT_SCORED_RGB]
    np.testing.assert_allclose(depth_changes(before, after)[0], expected, atol=1)
