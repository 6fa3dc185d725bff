# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Damages to every kind of recording: none crashes ``extract``, and each says what was kept.

``FAMDA_DAMAGES`` is the number of damages per kind, the same ones in every run.
"""
from __future__ import annotations

import functools
import os
import random
import shutil
from pathlib import Path

import pytest
from recordings import FRAMES, KINDS, picture, write_compressed, write_video

from famda_ros.errors import FamdaError
from famda_train.adapt.extract import extract
from famda_train.datasets.frame_folder import FrameFolder

DAMAGES = int(os.environ.get('FAMDA_DAMAGES', '8'))
MOST_FLIPS = 64


WRITERS = {
    **{name: write for name, (write, _) in KINDS.items()},
    'jpeg': write_compressed,
    'video.mp4': functools.partial(write_video, codec='mp4v'),  # its index stands at its end
}
KIND = 'another kind'
"""A file of a recording of another kind under this name: it may be whole."""
LOSSY = ('jpeg', 'video.mp4')


def files_of(recording: Path) -> list[Path]:
    return sorted(recording.iterdir()) if recording.is_dir() else [recording]


def cut_off(data: bytes, draw: random.Random) -> bytes:
    """Return what a full disk or a dead battery leaves."""
    return data[: draw.randrange(len(data))]


def flipped(data: bytes, draw: random.Random) -> bytes:
    """Return data with a few bits flipped."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, MOST_FLIPS)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def wrongly_typed(data: bytes, draw: random.Random) -> bytes:
    """Return data whose images are said to be something else, of this ROS or of none."""
    other = draw.choice([b'Range', b'Jmage', b'\xff\xfe\x00\x01\x02'])
    for before in (b'sensor_msgs/msg/', b'sensor_msgs/', b'sensor_msgs/msg/Compressed'):
        data = data.replace(before + b'Image', before + other)
    return data


def damage(recording: Path, others: list[Path], draw: random.Random) -> str:
    """Damage a file of a recording and return how; ``others`` are recordings of other kinds."""
    file = draw.choice(files_of(recording))
    how = draw.choice(['cut', 'cut', 'flips', 'flips', 'types', KIND])
    if how == 'types':
        for one in files_of(recording):
            one.write_bytes(wrongly_typed(one.read_bytes(), draw))
    else:
        other = draw.choice(files_of(draw.choice(others)))
        data = file.read_bytes()
        file.write_bytes({'cut': cut_off, 'flips': flipped}[how](data, draw) if how != KIND else other.read_bytes())
    return how


@pytest.fixture(scope='module')
def wholes(tmp_path_factory) -> dict[str, Path]:
    """Return a recording of every kind."""
    folder = tmp_path_factory.mktemp('whole')
    return {kind: write(folder / kind) for kind, write in WRITERS.items()}


@functools.cache
def pictures() -> frozenset[bytes]:
    """Return the pixels of all pictures that were recorded."""
    return frozenset(picture(number).tobytes() for number in range(FRAMES))


@pytest.mark.parametrize('kind', WRITERS)
def test_of_a_damaged_recording_what_can_be_read_is_kept_and_the_rest_is_named(kind, wholes, tmp_path):
    others = [path for name, path in wholes.items() if name != kind]
    for number in range(DAMAGES):
        draw, folder = random.Random(f'{kind} {number}'), tmp_path / str(number)
        folder.mkdir()
        recording = folder / kind
        (shutil.copytree if wholes[kind].is_dir() else shutil.copy)(wholes[kind], recording)
        how = damage(recording, others, draw)
        place = f'{kind}, damage {number}: {how}'
        before = [file.read_bytes() for file in files_of(recording)]
        try:
            result = extract([recording], folder / 'out')
        except FamdaError as error:
            assert str(recording) in str(error) and '\n' not in str(error) and 'Traceback' not in str(error), place
        else:
            check(result, FrameFolder(folder / 'out'), recording, place)
            if how != KIND:
                known = result['frames'] + sum(result['left_out'].values())
                assert result['losses'] or known >= FRAMES, f'{place}: images are missing, and nobody says so'
            if how == 'cut' and kind not in LOSSY:
                frames = FrameFolder(folder / 'out')
                assert {frames.image(index).tobytes() for index in range(len(frames))} <= pictures(), place
        assert [file.read_bytes() for file in files_of(recording)] == before, f'{place}: the recording was changed'


def check(result: dict, frames: FrameFolder, recording: Path, place: str) -> None:
    """Check that a result says what was kept, and of which recording something is lost."""
    assert len(frames) == result['frames'] > 0, place
    assert result['recordings'][0]['frames'] == result['frames'], place
    assert all(str(recording) in sentence and '\n' not in sentence for sentence in result['losses']), place
    assert all(frames.image(index).size for index in range(len(frames))), place
