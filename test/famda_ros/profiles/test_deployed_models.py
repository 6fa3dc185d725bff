# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Students deployed to a folder: versions, rollback, and what a killed process or a broken file leaves behind."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from tiny_student import TINY_SPACE, save_tiny, tiny_card, tiny_masks_card

from famda_ros import files
from famda_ros.errors import FamdaError
from famda_ros.profiles import deployed_models
from famda_ros.profiles.deployed_models import RECORD, active, deploy, rollback, versions
from famda_ros.profiles.profile_file import load_profile
from famda_ros.student.model_card import read_card


@pytest.fixture
def students(tmp_path):
    """Three students for the night, each another file."""
    for name in ('first', 'second', 'third'):
        save_tiny(tmp_path / f'{name}.onnx', card=tiny_card(name=name, domain='night'))
    return tmp_path


def name_of_active(folder):
    return read_card(load_profile(folder / 'night.yaml').model).name


def test_versions_are_kept_and_rollback_goes_back_one_by_one(students):
    folder = students / 'robot'
    entries = [deploy(students / f'{name}.onnx', folder, clock=lambda: 1.0e9) for name in ('first', 'second', 'third')]
    assert [entry.replaced for entry in entries] == ['', entries[0].file, entries[1].file]
    assert entries[0].time == '2001-09-09T01:46:40Z' and entries[0].profile == 'night'
    assert name_of_active(folder) == 'third'
    assert [(v['name'], v['active'], v['there']) for v in versions(folder)] == [
        ('first', False, True), ('second', False, True), ('third', True, True),
    ]  # fmt: skip
    assert rollback(folder) == ('night', entries[2].file, entries[1].file)
    assert name_of_active(folder) == 'second'
    rollback(folder, 'night')
    assert name_of_active(folder) == 'first'
    with pytest.raises(FamdaError, match='no version before'):
        rollback(folder)
    # A version that is there already is not copied again, and rollback knows what it has replaced this time.
    again = deploy(students / 'third.onnx', folder, clock=lambda: 2.0e9)
    assert (again.file, again.replaced) == (entries[2].file, entries[0].file)
    assert len(list((folder / 'models').iterdir())) == 3
    with pytest.raises(FamdaError, match='active version'):
        deploy(students / 'third.onnx', folder)


def test_other_lines_of_a_profile_stay(students):
    folder = students / 'robot'
    folder.mkdir()
    save_tiny(folder / 'mine.onnx', card=tiny_card(name='mine'))
    (folder / 'night.yaml').write_text('# ours\nmin_confidence: 0.4\nmodel: mine.onnx  # by hand\n')
    entry = deploy(students / 'first.onnx', folder)
    assert (folder / 'night.yaml').read_text() == f'# ours\nmin_confidence: 0.4\nmodel: "{entry.file}"\n'
    assert load_profile(folder / 'night.yaml').overrides == {'min_confidence': 0.4}
    rollback(folder)
    assert name_of_active(folder) == 'mine'


def test_each_profile_has_a_history_of_its_own(students):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)
    deploy(students / 'second.onnx', folder, 'day')
    deploy(students / 'third.onnx', folder)
    with pytest.raises(FamdaError, match='the profiles day, night; say which'):
        rollback(folder)
    rollback(folder, 'night')
    assert name_of_active(folder) == 'first' and read_card(load_profile(folder / 'day.yaml').model).name == 'second'


def test_what_is_refused_changes_nothing(students):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)
    before = sorted(str(path) for path in folder.rglob('*')), (folder / 'night.yaml').read_text()
    save_tiny(students / 'no_card.onnx', metadata='')
    save_tiny(students / 'nan.onnx', card=tiny_card(domain='night'), depth_scale=float('nan'))
    space = replace(TINY_SPACE, name='other', classes=('a', 'b'))
    save_tiny(students / 'space.onnx', card=tiny_card(label_space=space, domain='night'))
    save_tiny(students / 'place.onnx', card=tiny_card(domain='our yard/2'))
    for name, sentence in {
        'missing': 'No such file', 'no_card': 'no FAMDA model card', 'nan': 'NaN', 'space': "label space 'other'",
        'place': "'our yard/2' cannot be the name of a profile",
    }.items():  # fmt: skip
        with pytest.raises(FamdaError, match=sentence):
            deploy(students / f'{name}.onnx', folder)
    (folder / 'day.yaml').write_text('modell: x\n')
    with pytest.raises(FamdaError, match="unknown key 'modell'"):
        deploy(students / 'second.onnx', folder, 'day')
    (folder / 'day.yaml').unlink()
    assert read_card(load_profile(folder / 'night.yaml').model).name == 'first'
    assert (folder / 'night.yaml').read_text() == before[1]


def test_rollback_to_a_file_that_is_gone_is_refused(students):
    folder = students / 'robot'
    first = deploy(students / 'first.onnx', folder)
    deploy(students / 'second.onnx', folder)
    (folder / first.file).unlink()
    assert [entry['there'] for entry in versions(folder)] == [False, True]
    with pytest.raises(FamdaError, match='cannot read the model'):
        rollback(folder)
    assert name_of_active(folder) == 'second'


@pytest.mark.parametrize('text', ['', '{}', '[]', '{"schema_version": 1, "deployed": [{}]}', '{"schema_version": 9}'])
def test_a_damaged_record_is_named(students, text):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)
    (folder / RECORD).write_text(text)
    for work in (lambda: versions(folder), lambda: rollback(folder), lambda: deploy(students / 'second.onnx', folder)):
        with pytest.raises(FamdaError, match=f'{RECORD}.*damaged'):
            work()
    assert name_of_active(folder) == 'first'


def test_no_folder_of_deployed_students(tmp_path):
    for work in (versions, rollback):
        with pytest.raises(FamdaError, match='no folder of deployed students'):
            work(tmp_path)


KILLED = """
import os, signal, sys
from famda_ros.profiles import deployed_models
step, model, folder = sys.argv[1:]
real = getattr(deployed_models, step)
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(deployed_models, step, die)
deployed_models.deploy(model, folder)
"""


@pytest.mark.parametrize('step', ['_copy', '_write_record', '_activate'])
def test_killed_at_every_step_the_version_before_stays_active(students, step):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)
    done = subprocess.run([sys.executable, '-c', KILLED, step, str(students / 'second.onnx'), str(folder)])
    assert done.returncode == -9
    assert name_of_active(folder) == 'first' and active(folder, 'night') in {v['file'] for v in versions(folder)}
    with pytest.raises(FamdaError, match='no version before'):
        rollback(folder)
    deploy(students / 'second.onnx', folder)
    rollback(folder)
    assert name_of_active(folder) == 'first'


def test_a_full_disk_is_said_and_changes_nothing(students, monkeypatch):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(deployed_models.shutil, 'copyfile', full)
    with pytest.raises(FamdaError, match='No space left'):
        deploy(students / 'second.onnx', folder)
    monkeypatch.undo()
    monkeypatch.setattr(files.os, 'replace', full)
    with pytest.raises(FamdaError, match='No space left'):
        deploy(students / 'second.onnx', folder)
    monkeypatch.undo()
    assert name_of_active(folder) == 'first' and len(json.loads((folder / RECORD).read_text())['deployed']) == 1
    assert not list(folder.rglob('*.tmp*'))


def test_two_at_a_time_are_refused(students):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)
    with deployed_models._locked(folder), pytest.raises(FamdaError, match='somebody else'):
        deploy(students / 'second.onnx', folder)


def test_other_outputs_are_refused_where_a_node_would_refuse_them(students):
    folder = students / 'robot'
    deploy(students / 'first.onnx', folder)
    masks = save_tiny(students / 'masks.onnx', card=tiny_masks_card(domain='night'))
    with pytest.raises(FamdaError, match='gives labels instead of labels and confidence and depth in the profile'):
        deploy(masks, folder)
    assert deploy(masks, folder, 'masks').profile == 'masks'
