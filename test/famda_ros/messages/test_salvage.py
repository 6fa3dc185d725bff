# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Of a damaged recording everything that is whole is read, and nothing else.  famda extract tests further kinds."""
from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType
from recordings import FRAMES, TOPIC, picture, stamp_of, write_foreign_mcap, write_ros1_mcap

from famda_ros.messages.bag_types import IMAGE
from famda_ros.messages.mcap_records import CHUNK, is_ros1, records_of
from famda_ros.messages.salvage import Damage, salvage

COMPRESSIONS = {'zstd': CompressionType.ZSTD, 'lz4': CompressionType.LZ4, 'not compressed': CompressionType.NONE}


@pytest.fixture(scope='module', params=COMPRESSIONS.values(), ids=list(COMPRESSIONS))
def whole(request, tmp_path_factory):
    return write_foreign_mcap(tmp_path_factory.mktemp('whole') / 'rec.mcap', compression=request.param)


def numbers(path):
    """Return which pictures are read of a file, and what is said of its damage; checks that they are whole."""
    damage, found = Damage(), []
    for topic, kind, time_ns, message in salvage(path, {TOPIC}, damage):
        assert (topic, kind) == (TOPIC, IMAGE)
        found.append(next(number for number in range(FRAMES) if stamp_of(number) == time_ns))
        assert message.data.tobytes() == picture(found[-1]).tobytes()
    return found, str(damage)


def test_a_whole_file_is_read_whole(whole):
    assert numbers(whole) == (list(range(FRAMES)), '')


def test_chunks_behind_a_damaged_one_are_read(whole, tmp_path):
    with whole.open('rb') as file:
        chunks = [record for record in records_of(file) if record.opcode == CHUNK]
    data = bytearray(whole.read_bytes())
    data[chunks[1].start + chunks[1].size // 2] ^= 0x55
    (tmp_path / 'rec.mcap').write_bytes(data)
    found, said = numbers(tmp_path / 'rec.mcap')
    assert 0 < len(found) < FRAMES and {0, FRAMES - 1} <= set(found)
    assert said == '1 damaged part left out'


def test_of_the_chunk_that_is_cut_off_what_is_whole_is_read(tmp_path):
    file = write_foreign_mcap(tmp_path / 'rec.mcap', compression=CompressionType.NONE)
    with file.open('rb') as opened:
        last = [record for record in records_of(opened) if record.opcode == CHUNK][-1]
    file.write_bytes(file.read_bytes()[: last.start + last.size - 10])  # the last message lacks its end
    found, said = numbers(file)
    assert found == list(range(FRAMES - 1)) and 'cut off' in said


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_no_damage_raises_or_changes_what_is_read(whole, tmp_path_factory, data):
    file, content = tmp_path_factory.mktemp('damaged') / 'rec.mcap', bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(8, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content[: data.draw(st.integers(len(content) // 4, len(content)))])
    damage, pictures = Damage(), {picture(number).tobytes() for number in range(FRAMES)}
    found = [message.data.tobytes() for *_, message in salvage(file, {TOPIC}, damage)]
    assert len(found) == FRAMES or str(damage)
    # Chunks have check sums; one that is cut off has none.
    assert damage.is_cut or set(found) <= pictures


def test_recordings_of_ros_1_are_recognised(whole, tmp_path):
    assert is_ros1(write_ros1_mcap(tmp_path / 'one.mcap')) and not is_ros1(whole)
    (tmp_path / 'short.mcap').write_bytes(whole.read_bytes()[:20])
    assert not is_ros1(tmp_path / 'short.mcap')
