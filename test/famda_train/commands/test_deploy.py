# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""famda deploy and famda models, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tiny_student import save_tiny, tiny_card

from famda_train.commands.cli import EXIT_ERROR, EXIT_OK, main


@pytest.fixture
def students(tmp_path):
    for name in ('day', 'night', 'night2'):
        save_tiny(tmp_path / f'{name}.onnx', card=tiny_card(name=name, domain=name[:5].rstrip('2')))
    return tmp_path


def test_deploy_list_and_roll_back(students, capsys):
    folder = str(students / 'robot')
    assert main(['deploy', f'{students}/day.onnx', f'{students}/night.onnx', '--to', folder]) == EXIT_OK
    assert main(['deploy', f'{students}/night2.onnx', '--to', folder, '--json', f'{students}/r.json']) == EXIT_OK
    assert json.loads((students / 'r.json').read_text())['deployed'][0]['name'] == 'night2'
    capsys.readouterr()
    assert main(['models', folder]) == EXIT_OK
    lines = capsys.readouterr().out.splitlines()
    assert [(line[0], line.split()[-2]) for line in lines] == [('*', 'day'), (' ', 'night'), ('*', 'night2')]
    assert main(['deploy', '--rollback', '--to', folder, '--profile', 'night']) == EXIT_OK
    assert 'night.yaml names' in capsys.readouterr().out
    main(['models', folder])
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == ['*', '*', ' ']


@pytest.mark.parametrize(
    ('words', 'sentence'),
    [
        ([], 'name the student'),
        (['--rollback', 'day.onnx'], '--rollback takes no files'),
        (['day.onnx', 'night.onnx', '--profile', 'x'], '--profile is for one file'),
        (['day.onnx', '--profile', 'a/b'], 'cannot be the name of a profile'),
    ],
)
def test_what_makes_no_sense_is_refused(students, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(students)
    assert main(['deploy', *words, '--to', 'robot']) == EXIT_ERROR
    message = capsys.readouterr().err
    assert sentence in message and message.count('\n') == 1
    assert not (students / 'robot').exists()


def test_a_robot_needs_no_torch_to_deploy(students):
    """Only jsonargparse of what the workspace has."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys(('torch', 'lightning', 'rich', 'timm', 'onnx')))
from famda_train.commands.cli import main
sys.exit(main(['deploy', '{students}/day.onnx', '--to', '{students}/robot']) or main(['models', '{students}/robot']))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('day') > 2
