# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A bag that grows file by file."""

from __future__ import annotations

import errno
import os

import pytest

from famda_ros.errors import FamdaError
from famda_ros.messages import split_bag
from famda_ros.messages.bag_reader import custom_data, read_messages, topics_of
from famda_ros.messages.bag_types import STRING
from famda_ros.messages.split_bag import append_file

S = 10**9


def texts(topic, numbers):
    """Return what writes numbered texts, one a second."""

    def write(bag):
        for number in numbers:
            bag.write_string(topic, number * S, str(number), latched=topic == '/latched')

    return write


def read(bag):
    return [(topic, time_ns // S, message.data) for topic, _, time_ns, message in read_messages(bag)]


def test_files_are_one_bag(tmp_path):
    bag = tmp_path / 'drive'
    for topic, numbers in (('/a', range(5, 8)), ('/b', range(8, 10)), ('/a', range(10, 12)), ('/latched', [3])):
        append_file(bag, texts(topic, numbers), {'domain': 'night', 'place': topic})
    assert sorted(file.name for file in bag.iterdir()) == [
        'drive.mcap', 'drive_1.mcap', 'drive_2.mcap', 'drive_3.mcap', 'metadata.yaml',
    ]  # fmt: skip
    assert topics_of(bag) == {'/a': (STRING, 5), '/b': (STRING, 2), '/latched': (STRING, 1)}
    assert sorted((time, data) for _, time, data in read(bag)) == [(n, str(n)) for n in (3, *range(5, 12))]
    assert custom_data(bag) == {'domain': 'night', 'place': '/a'}  # of the first file
    about = split_bag._read(bag)
    assert (about['message_count'], about['starting_time']) == (8, {'nanoseconds_since_epoch': 3 * S})
    assert about['duration'] == {'nanoseconds': 8 * S} and len(about['files']) == 4


@pytest.mark.parametrize('step', ['replace', 'write_atomically'])
def test_what_cannot_be_written_leaves_the_bag_as_it_was(tmp_path, monkeypatch, step):
    bag = tmp_path / 'drive'
    append_file(bag, texts('/a', range(3)), {})
    before = {file.name: file.read_bytes() for file in bag.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(split_bag.os if step == 'replace' else split_bag, step, full)
        with pytest.raises(FamdaError, match='No space left'):
            append_file(bag, texts('/a', range(3, 6)), {})
    assert {file.name: file.read_bytes() for file in bag.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ['drive'], 'nothing is left beside it'
    append_file(bag, texts('/a', range(3, 6)), {})
    assert [data for _, _, data in read(bag)] == list('012345')


def test_an_error_while_messages_are_written_leaves_nothing(tmp_path):
    def write(bag):
        texts('/a', [1])(bag)
        raise FamdaError('no more')

    for _ in range(2):
        with pytest.raises(FamdaError, match='no more'):
            append_file(tmp_path / 'drive', write, {})
        assert not list(tmp_path.iterdir())
    append_file(tmp_path / 'drive', texts('/a', [1]), {})
    with pytest.raises(FamdaError, match='no more'):
        append_file(tmp_path / 'drive', write, {})
    assert [data for _, _, data in read(tmp_path / 'drive')] == ['1'] and len(list(tmp_path.iterdir())) == 1
