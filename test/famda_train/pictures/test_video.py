# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Videos are read back by OpenCV, which had no part in writing them."""
import sys

import cv2
import numpy as np
import pytest
from browser import play

from famda_ros.errors import FamdaError
from famda_train.pictures.video import VideoWriter

S = 10**9


def pictures(count=5, height=48, width=64):
    return [np.full((height, width, 3), (50 * index, 200, 255 - 50 * index), np.uint8) for index in range(count)]


def read(path):
    video = cv2.VideoCapture(str(path))
    frames, times = [], []
    while True:
        good, frame = video.read()
        if not good:
            return frames, times
        frames.append(frame[..., ::-1])
        times.append(video.get(cv2.CAP_PROP_POS_MSEC))


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.webm'])
def test_what_was_written_is_read_at_its_time(tmp_path, suffix):
    stamps = [7 * S, 7 * S + S // 10, 7 * S + S // 2, 8 * S, 8 * S]  # uneven, and one twice
    with VideoWriter(tmp_path / f'v{suffix}') as video:
        for picture, stamp in zip(pictures(), stamps, strict=True):
            video.write(picture, stamp)
    frames, times = read(tmp_path / f'v{suffix}')
    assert len(frames) == 5
    for frame, picture in zip(frames, pictures(), strict=True):
        assert np.abs(frame.astype(int) - picture).mean() < 6
    assert times == pytest.approx([0, 100, 500, 1000, 1001], abs=1.5)
    assert [p.name for p in tmp_path.iterdir()] == [f'v{suffix}']


@pytest.mark.slow
@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.webm'])
def test_a_browser_plays_it(tmp_path, chromium, suffix):
    with VideoWriter(tmp_path / f'v{suffix}') as video:
        for number, picture in enumerate(pictures(height=96, width=128)):
            video.write(picture, number * S // 5)
    played = play(chromium, tmp_path / f'v{suffix}')
    assert (played.width, played.height, played.frames) == (128, 96, 5)
    assert 0.8 <= played.seconds <= 1.1
    assert np.abs(played.last.astype(int) - pictures()[-1][0, 0]).mean() < 8


def test_odd_sides_lose_a_row_and_a_column(tmp_path):
    with VideoWriter(tmp_path / 'v.mp4') as video:
        video.write(pictures(1, 33, 47)[0], 0)
    assert read(tmp_path / 'v.mp4')[0][0].shape == (32, 46, 3)


def test_a_picture_of_another_shape_stands_between_black_bars(tmp_path):
    with VideoWriter(tmp_path / 'v.mp4') as video:
        video.write(pictures(1)[0], 0)
        video.write(np.full((96, 64, 3), 200, np.uint8), S)
    second = read(tmp_path / 'v.mp4')[0][1]
    assert second.shape == (48, 64, 3)
    assert second[:, :12].max() < 30 and second[:, 52:].max() < 30 and second[4:-4, 20:44].min() > 170


def test_nothing_half_done_is_left_and_nothing_is_replaced(tmp_path):
    with pytest.raises(ValueError, match='stop'), VideoWriter(tmp_path / 'v.mp4') as video:
        video.write(pictures(1)[0], 0)
        raise ValueError('stop')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'v.mp4').write_text('mine')
    with pytest.raises(FamdaError, match='exists already'):
        VideoWriter(tmp_path / 'v.mp4')
    with pytest.raises(FamdaError, match='is no video file'):
        VideoWriter(tmp_path / 'v.avi')


def test_without_pyav_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(FamdaError, match=r"pip install 'famda_ros\[video\]'"):
        VideoWriter(tmp_path / 'v.mp4')
