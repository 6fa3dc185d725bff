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


@pytest.mark.parametrize('text', ['{', '[]', '{"settings": {}}', '3'])
def test_a_damaged_file_is_one_sentence(tmp_path, text):
    (tmp_path / 'work.json').write_text(text)
    with pytest.raises(FamdaError, match=r"work\.json' is damaged; choose another --out"):
        opened(tmp_path, {})
