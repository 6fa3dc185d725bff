# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""famda perceive, as it is typed: what its tests in the pipeline do not see."""
import cv2
import numpy as np
import pytest
from browser import play
from small_street import write_street
from tiny_student import save_tiny

from famda_train.commands.cli import main


@pytest.mark.slow
def test_the_video_plays_in_a_browser_and_ends_with_the_last_picture(tmp_path, chromium):
    frames, count = write_street(tmp_path / 'frames', 'night', 6), 6
    words = ['--model', save_tiny(tmp_path / 'tiny.onnx'), '--out', str(tmp_path / 'answers')]
    more = ['--pictures', str(tmp_path / 'pictures'), '--video', str(tmp_path / 'seen.mp4')]
    assert main(['perceive', str(frames), *words, *more]) == 0
    pictures = [cv2.imread(str(path))[..., ::-1] for path in sorted((tmp_path / 'pictures').glob('*.png'))]
    played = play(chromium, tmp_path / 'seen.mp4')
    height, width = (side // 2 * 2 for side in pictures[-1].shape[:2])
    assert (len(pictures), played.frames, played.width, played.height) == (count, count, width, height)
    errors = [np.abs(played.last.astype(int) - picture[:height, :width]).mean() for picture in pictures]
    assert int(np.argmin(errors)) == count - 1 and errors[-1] < 15
