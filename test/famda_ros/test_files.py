# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Files are whole or not there."""

import errno
import hashlib
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path, make_output_folder, remove_leftovers, sha256_of, write_atomically, writing_to


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.binary(max_size=5000))
def test_bytes_come_back_and_the_digest_is_theirs(tmp_path, content):
    write_atomically(tmp_path / 'file.bin', content)
    assert (tmp_path / 'file.bin').read_bytes() == content
    assert sha256_of(tmp_path / 'file.bin') == hashlib.sha256(content).hexdigest()
    assert os.listdir(tmp_path) == ['file.bin']


def test_text_is_utf8(tmp_path):
    write_atomically(tmp_path / 'a.txt', 'δ < 1,25\n')
    assert (tmp_path / 'a.txt').read_bytes() == 'δ < 1,25\n'.encode()


def test_a_failure_in_the_middle_keeps_the_old_file_and_no_rest(tmp_path):
    write_atomically(tmp_path / 'a.txt', 'old')

    def fail():
        with atomic_path(tmp_path / 'a.txt') as temporary:
            temporary.write_text('half of the n')
            raise RuntimeError('power cut')

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / 'a.txt').read_text() == 'old'
    assert os.listdir(tmp_path) == ['a.txt']


def test_the_temporary_file_keeps_the_suffix_and_the_folder(tmp_path):
    with atomic_path(tmp_path / 'picture.png') as temporary:
        assert temporary.suffix == '.png'  # image writers choose the format by it
        assert temporary.parent == tmp_path  # a rename across file systems is no rename
        temporary.touch()


def test_output_folders_are_made_with_their_parents(tmp_path):
    folder = make_output_folder(tmp_path / 'a' / 'b')
    assert folder.is_dir()
    assert make_output_folder(folder) == folder
    assert not any(folder.iterdir())


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / 'taken').touch()
    with pytest.raises(FamdaError, match='choose another --out'):
        make_output_folder(tmp_path / 'taken')


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_an_unwritable_folder_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FamdaError, match='Permission denied'):
        make_output_folder(tmp_path)


def test_an_unwritable_file_system_is_one_sentence():
    with pytest.raises(FamdaError, match='choose another --out'):
        make_output_folder('/proc/famda')


def test_leftovers_are_what_atomic_writes_leave_and_nothing_else(tmp_path):
    (tmp_path / 'folder').mkdir()
    for name in ('a.txt', 'student.ckpt', 'folder/bag'):
        with atomic_path(tmp_path / name) as temporary:
            temporary.touch()
            kept = temporary.with_name(temporary.name.replace(f'.{os.getpid()}.', '.1.'))  # of a killed process
            kept.touch()
    for name in ('.a.txt', '.tmp', 'b.1.tmp.txt'):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file())
    assert found == ['.a.txt', '.tmp', 'a.txt', 'b.1.tmp.txt', 'folder/bag', 'student.ckpt']


@pytest.mark.parametrize(
    ('number', 'cures', 'cure'),
    [
        (errno.ENOSPC, ('make room', 'get the right'), 'make room'),
        (errno.EACCES, ('make room', 'get the right'), 'get the right'),
        (errno.EROFS, ('write elsewhere',), 'write elsewhere'),
    ],
)
def test_what_cannot_be_written_is_one_sentence_with_its_cure(number, cures, cure):
    sentence = re.escape(f"cannot write to 'store' ({os.strerror(number)}); {cure}")
    with pytest.raises(FamdaError, match=f'^{sentence}$'), writing_to('store', *cures):
        raise OSError(number, os.strerror(number))
