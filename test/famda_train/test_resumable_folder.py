# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Output folders that remember what is done."""
import json

import pytest

from famda_ros.errors import FamdaError
from famda_train.resumable_folder import ResumableFolder


def opened(path, settings, **options):
    return ResumableFolder(path, 'work.json', settings, {'done': []}, **options)


def test_a_run_resumes_with_what_was_saved(tmp_path):
    first = opened(tmp_path / 'run', {'size': (1, 2)})
    first.state['done'].append('render')
    assert opened(tmp_path / 'run', {'size': [1, 2]}).state['done'] == []  # not saved
    first.save()
    again = opened(tmp_path / 'run', {'size': (1, 2)})
    assert again.state == {'settings': {'size': [1, 2]}, 'done': ['render']} and again.path == tmp_path / 'run'


def test_other_settings_are_refused_and_change_nothing(tmp_path):
    opened(tmp_path, {'seed': 0})
    with pytest.raises(FamdaError, match=r"work\.json' is of a run with other settings; choose another --out"):
        opened(tmp_path, {'seed': 1})
    assert json.loads((tmp_path / 'work.json').read_text())['settings'] == {'seed': 0}


def test_a_restarted_run_has_done_nothing(tmp_path):
    old = opened(tmp_path, {'seed': 0})
    old.state['done'].append('render')
    old.save()
    assert opened(tmp_path, {'seed': 1}, restart=True).state == {'settings': {'seed': 1}, 'done': []}
    assert opened(tmp_path, {'seed': 1}).state['done'] == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / 'thesis.txt').touch()
    with pytest.raises(FamdaError, match=r"is not empty and holds no 'work\.json'; choose another --out"):
        opened(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.txt']


def test_what_a_killed_process_has_left_is_removed_and_keeps_nobody_out(tmp_path):
    rests = ['.work.json.4711.tmp.json', '.famda-probe.12', 'images/.000000.png.99.tmp.png', '.notes.77.tmp']
    for name in rests[:2]:
        (tmp_path / name).write_text('{"sett')
    opened(tmp_path, {'seed': 0})  # it was killed before it had written anything whole
    assert [path.name for path in tmp_path.iterdir()] == ['work.json']
    (tmp_path / 'images').mkdir()
    for name in (*rests, '.hidden', 'images/.tmp'):
        (tmp_path / name).touch()
    opened(tmp_path, {'seed': 0})
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file())
    assert found == ['.hidden', 'images/.tmp', 'work.json']


def test_what_another_has_left_in_a_folder_of_its_own_stays(tmp_path):
    for name in ('thesis.txt', '.thesis.txt.4711.tmp.txt'):
        (tmp_path / name).touch()
    with pytest.raises(FamdaError, match='is not empty'):
        opened(tmp_path, {})
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize('text', ['{', '[]', '{"settings": {}}', '3'])
def test_a_damaged_file_is_one_sentence(tmp_path, text):
    (tmp_path / 'work.json').write_text(text)
    with pytest.raises(FamdaError, match=r"work\.json' is damaged; choose another --out"):
        opened(tmp_path, {})
