# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda export`` as it is typed."""
import json

import pytest
from miniature_trees import write_cityscapes
from small_street import write_checkpoint, write_street

from famda_ros.student.model_card import read_card
from famda_train.commands import cli


@pytest.mark.slow
def test_kind_split_and_options_choose_the_frames(tmp_path, capsys):
    write_cityscapes(tmp_path / 'city', 1)
    checkpoint, result = write_checkpoint(tmp_path / 'night.ckpt'), tmp_path / 'result.json'
    words = ['export', str(checkpoint), str(tmp_path / 'city'), '--out', str(tmp_path / 'night.onnx')]
    words += ['--json', str(result), '--kind', 'cityscapes', '--split']
    assert cli.main([*words, 'val', '--options.store', str(tmp_path / 'store')]) == cli.EXIT_OK
    assert json.loads(result.read_text())['frames'] == 1  # of two in the training split
    before = (tmp_path / 'night.onnx').read_bytes()
    assert cli.main([*words, 'val']) == cli.EXIT_ERROR
    assert "night.onnx' exists; choose another --out, or replace it with --overwrite" in capsys.readouterr().err
    assert cli.main([*words, 'nowhere', '--overwrite']) == cli.EXIT_ERROR
    assert "no split 'nowhere'" in capsys.readouterr().err and (tmp_path / 'night.onnx').read_bytes() == before
    assert cli.main([*words, 'val', '--overwrite']) == cli.EXIT_OK


@pytest.mark.slow
def test_weights_stored_in_fp16(tmp_path, capsys):
    checkpoint, out = write_checkpoint(tmp_path / 'night.ckpt'), tmp_path / 'night.onnx'
    street = write_street(tmp_path / 'night', 'night', 2)
    words = ['export', str(checkpoint), str(street), '--out', str(out), '--weights', 'fp16']
    assert cli.main([*words, '--json', str(tmp_path / 'result.json')]) == cli.EXIT_OK
    assert f'wrote {out} (fp32, weights stored in fp16): with torch, ' in capsys.readouterr().out
    assert json.loads((tmp_path / 'result.json').read_text())['weights'] == 'fp16'
    assert read_card(out).weights == 'fp16'


@pytest.mark.parametrize('precision', ['fp16', 'int8'])
def test_stored_weights_of_another_precision_are_refused_at_once(tmp_path, capsys, precision):
    """In one sentence, before checkpoint and frames are opened."""
    words = ['export', 'no.ckpt', str(tmp_path / 'none'), '--out', str(tmp_path / 'night.onnx')]
    assert cli.main([*words, '--weights', 'fp16', '--precision', precision]) == cli.EXIT_ERROR
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and f'for precision fp32, and {precision} stores small numbers of its own' in said


@pytest.mark.slow
def test_a_temperature_is_fitted_on_rendered_frames_and_on_folders(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('famda_train.export.temperature.FRAMES', 4)
    checkpoint, out = write_checkpoint(tmp_path / 'night.ckpt'), tmp_path / 'night.onnx'
    street = write_street(tmp_path / 'night', 'night', 4)
    words = ['export', str(checkpoint), str(street), '--out', str(out), '--json', str(tmp_path / 'result.json')]
    assert cli.main([*words, '--temperature', 'street-world:day', str(street)]) == cli.EXIT_OK
    result, card = json.loads((tmp_path / 'result.json').read_text()), read_card(out)
    assert (result['temperature'], result['ece']) == (card.temperature, card.ece) and card.temperature != 1
    assert card.ece['data']['home'] == 'street-world day val' and card.ece['data']['shifted'][-1] == 'night'
    assert f'confidence at temperature {card.temperature:g}: calibration error in points' in capsys.readouterr().out
    assert cli.main([*words, '--overwrite', '--temperature', str(tmp_path / 'none')]) == cli.EXIT_ERROR
    assert 'none' in capsys.readouterr().err and read_card(out) == card
