# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""MCAP files that lost their end are read as far as they are whole, whoever wrote them, wherever they were cut."""
from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import count_frames, iter_frames, read_messages, read_raw, topics_of
from famda_ros.messages.bag_types import typestore
from famda_ros.messages.bag_writer import BagWriter

FRAMES = 12
SECOND = 10**9
WRITERS = {
    'zstd': {'compression': CompressionType.ZSTD},
    'lz4': {'compression': CompressionType.LZ4},
    'not compressed': {'compression': CompressionType.NONE},
    'not in chunks': {'use_chunking': False},
}


def picture(number):
    return np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)


def image(number):
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](sec=number + 1, nanosec=0)
    header = types['std_msgs/msg/Header'](stamp=stamp, frame_id='cam')
    return types['sensor_msgs/msg/Image'](header, 24, 32, 'rgb8', 0, 96, picture(number).ravel())


def write_mcap(path, first=0, frames=FRAMES, **options):
    """Write images 1 s apart as another library than ours writes them, five in a chunk."""
    kind = 'sensor_msgs/msg/Image'
    with path.open('wb') as file:
        writer = Writer(file, chunk_size=5 * 24 * 96, **options)
        writer.start(profile='ros2', library='another')
        schema = writer.register_schema(kind, 'ros2msg', typestore().generate_msgdef(kind, ros_version=2)[0].encode())
        channel = writer.register_channel('/cam/image', 'cdr', schema, {'offered_qos_profiles': ''})
        for number in range(first, first + frames):
            time = (number + 1) * SECOND
            writer.add_message(channel, time, bytes(typestore().serialize_cdr(image(number), kind)), time)
        writer.finish()
    return path


def read(path, total=FRAMES):
    """Return (how many images are there, what is said of the loss); those that are there are the first ones."""
    losses = []
    frames = list(iter_frames(path, on_loss=losses.append))
    assert [frame.stamp_ns for frame in frames] == [(number + 1) * SECOND for number in range(len(frames))]
    assert all((frame.image == picture(number)).all() for number, frame in enumerate(frames))
    assert count_frames(path) == len(frames) <= total
    return len(frames), losses


def compressed(data):
    return b'zstd' in data or b'lz4' in data


@pytest.fixture(scope='module', params=WRITERS.values(), ids=list(WRITERS))
def whole(request, tmp_path_factory):
    return write_mcap(tmp_path_factory.mktemp('whole') / 'rec_0.mcap', **request.param).read_bytes()


def test_a_whole_file_has_lost_nothing(whole, tmp_path):
    (tmp_path / 'rec_0.mcap').write_bytes(whole)
    assert read(tmp_path / 'rec_0.mcap') == (FRAMES, [])


@pytest.mark.parametrize('tenths', range(5, 10))
def test_what_is_whole_is_read_and_the_loss_is_said_once(whole, tenths, tmp_path):
    file = tmp_path / 'rec_0.mcap'
    file.write_bytes(whole[: len(whole) * tenths // 10])
    frames, losses = read(file)
    # At most the message that is cut is lost, and with a compressor its block, here a chunk of five.
    assert frames >= FRAMES * tenths / 10 - (6 if compressed(whole) else 2)
    (sentence,) = losses
    assert f"'{file}' is cut off" in sentence and f'mcap recover {file} -o' in sentence
    assert f'{frames} messages up to {frames}.000 s are read' in sentence
    assert file.read_bytes() == whole[: len(whole) * tenths // 10], 'reading only reads'


def test_only_the_index_is_missing(whole, tmp_path):
    file = tmp_path / 'rec_0.mcap'
    file.write_bytes(whole[:-1])
    frames, (sentence,) = read(file)
    assert frames == FRAMES and 'all its messages are read' in sentence


def test_room_that_was_never_filled_is_no_picture(whole, tmp_path):
    """A file system that gave the room before the power failed leaves zeros."""
    file = tmp_path / 'rec_0.mcap'
    file.write_bytes(whole[: len(whole) // 2] + bytes(20_000))
    frames, losses = read(file)
    assert 3 <= frames < FRAMES and len(losses) == 1


def test_a_damaged_chunk_ends_what_can_be_read(tmp_path):
    file = write_mcap(tmp_path / 'rec_0.mcap')
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data[:-10])
    frames, (sentence,) = read(file)
    assert 0 < frames < FRAMES and 'is cut off' in sentence


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_cut_anywhere_and_damaged(whole, tmp_path_factory, data):
    file = tmp_path_factory.mktemp('cut') / 'rec_0.mcap'
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    # A few bytes more could be the last pixels of a picture that is cut off; only what is compressed would tell.
    more = [b'\5', b'\6' + b'\0' * 8, whole[8:60], b'\0' * 10] if compressed(whole) else []
    damaged += data.draw(st.sampled_from([b'', bytes(9000), *more]))
    file.write_bytes(damaged)
    try:
        frames, losses = read(file)
        assert frames == FRAMES or len(losses) == 1
    except FamdaError as error:
        assert str(file) in str(error) and '\n' not in str(error)


@pytest.mark.parametrize('size', [0, 5, 8, 30])
def test_nothing_but_a_beginning(whole, size, tmp_path):
    (tmp_path / 'rec_0.mcap').write_bytes(whole[:size])
    with pytest.raises(FamdaError, match='holds no message that is whole: its recorder was killed'):
        topics_of(tmp_path / 'rec_0.mcap')


def test_another_kind_of_file(tmp_path):
    (tmp_path / 'rec_0.mcap').write_bytes(b'SQLite format 3\0' * 100)
    with pytest.raises(FamdaError, match=r"rec_0\.mcap' is no MCAP file"):
        topics_of(tmp_path / 'rec_0.mcap')


def test_a_folder_of_a_killed_recorder(tmp_path):
    """The first file is whole, the second one was being written, the third one is a name; there is no metadata.yaml."""
    write_mcap(tmp_path / 'rec_0.mcap')
    second = write_mcap(tmp_path / 'rec_1.mcap', first=FRAMES)
    second.write_bytes(second.read_bytes()[:-2000])
    (tmp_path / 'rec_2.mcap').write_bytes(b'')
    frames, losses = read(tmp_path, 2 * FRAMES)
    assert FRAMES < frames < 2 * FRAMES
    folder, cut, empty = losses
    assert 'rec_0.mcap, rec_1.mcap, rec_2.mcap (ros2 bag reindex' in folder
    assert 'rec_1.mcap' in cut and "rec_2.mcap' holds no message" in empty


def test_a_bag_that_was_copied_in_part(tmp_path):
    """Its metadata.yaml knows how many messages there were."""
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(FRAMES):
            bag.write_image('/cam/image', (number + 1) * SECOND, 'cam', picture(number))
    file = tmp_path / 'bag' / 'bag.mcap'
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    frames, (sentence,) = read(tmp_path / 'bag')
    assert re.search(rf'{frames} of {FRAMES} messages up to', sentence)
    assert topics_of(tmp_path / 'bag') == {'/cam/image': ('sensor_msgs/msg/Image', frames)}
    for messages in (read_messages(tmp_path / 'bag'), read_raw(tmp_path / 'bag', ['/cam/image'])):
        assert len(list(messages)) == frames


def test_without_a_listener_the_loss_is_in_the_log(tmp_path, caplog):
    file = write_mcap(tmp_path / 'rec_0.mcap')
    file.write_bytes(file.read_bytes()[:-3000])
    assert list(iter_frames(file))
    assert [record.levelname for record in caplog.records] == ['WARNING'] and 'is cut off' in caplog.text


def test_a_compressed_bag_that_is_cut_is_refused_with_the_cure(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_image('/cam/image', SECOND, 'cam', picture(0))
    file, metadata = tmp_path / 'bag' / 'bag.mcap', tmp_path / 'bag' / 'metadata.yaml'
    file.write_bytes(file.read_bytes()[:-3])
    text = re.sub("compression_mode:.*", 'compression_mode: MESSAGE', metadata.read_text())
    metadata.write_text(text)
    with pytest.raises(FamdaError, match=r'compressed by message.*mcap recover .*bag\.mcap'):
        topics_of(tmp_path / 'bag')
