# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda extract`` as it is typed."""
from __future__ import annotations

import json

from recordings import FRAMES, write_foreign_mcap, write_mcap

from famda_train.commands.cli import main


def test_options_reach_the_work_and_the_result_is_written(tmp_path, capsys):
    recording, out, result = (str(tmp_path / name) for name in ('bag', 'out', 'result.json'))
    write_mcap(tmp_path / 'bag')
    words = ['extract', recording, '--out', out, '--from', '0.4', '--to', '1.0', '--json', result]
    assert main(words) == 0
    found = json.loads((tmp_path / 'result.json').read_text())
    assert found['frames'] == 4 and found['looked_at'] == 4 and found['out'] == out
    assert f'4 frames of 4 looked at, of 7 images -> {out}' in capsys.readouterr().out


def test_what_was_lost_and_what_is_unknown_is_printed(tmp_path, capsys):
    file = write_foreign_mcap(tmp_path / 'cut.mcap')
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.6)])
    assert main(['extract', str(file), '--out', str(tmp_path / 'out')]) == 0
    said = capsys.readouterr().out
    assert f"warning: '{file}' is cut off" in said and 'frames have no focal length' in said


def test_a_fault_is_one_sentence_and_exit_code_2(tmp_path, capsys):
    assert main(['extract', str(tmp_path / 'nothing'), '--out', str(tmp_path / 'out')]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith('famda extract: ') and 'does not exist' in error
    write_mcap(tmp_path / 'bag', FRAMES)
    assert main(['extract', str(tmp_path / 'bag'), '--out', str(tmp_path / 'out'), '--rate', '-1']) == 2
    assert '--rate' in capsys.readouterr().err
