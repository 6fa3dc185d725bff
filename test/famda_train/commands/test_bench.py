# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench``: what cannot be measured is refused before anything is."""
import pytest
from tiny_student import save_tiny

from famda_train.commands import cli


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx')


@pytest.mark.parametrize(
    ('verb', 'words', 'message'),
    [
        ('label', '--teachers sam9', "unknown teacher 'sam9'"),
        ('label', '--engines snail', "unknown engine 'snail'"),
        ('label', '--seconds 0', 'greater than 0'),
        ('label', '--size large', 'HEIGHTxWIDTH'),
        ('node', '--model nowhere.onnx', "cannot read the model 'nowhere.onnx'"),
        ('node', '--model {model} --provider abacus', "unknown provider 'abacus'"),
        ('node', '--model {model} --threads 0', '--threads and --rounds are 1 or more'),
        ('node', '--model {model} --rates 0', 'greater than 0'),
        ('node', '--model {model} --image large', 'HEIGHTxWIDTH'),
    ],
)
def test_impossible_setups_are_one_sentence(capsys, model, verb, words, message):
    assert cli.main(['bench', verb, *words.format(model=model).split()]) == cli.EXIT_ERROR
    error = capsys.readouterr().err
    last = error.splitlines()[-1]  # what was in work is said before
    assert last.startswith(f'famda bench {verb}: ') and message in last and 'Traceback' not in error
