# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda export`` as it is typed."""
import json

from miniature_trees import write_cityscapes
from small_street import write_checkpoint

from famda_train import cli


def test_kind_split_and_options_choose_the_frames(tmp_path, capsys):
    write_cityscapes(tmp_path / 'city', 1)
    checkpoint, result = write_checkpoint(tmp_path / 'night.ckpt'), tmp_path / 'result.json'
    words = ['export', str(checkpoint), str(tmp_path / 'city'), '--out', str(tmp_path / 'night.onnx')]
    words += ['--json', str(result), '--kind', 'cityscapes', '--split']
    assert cli.main([*words, 'val', '--options.store', str(tmp_path / 'store')]) == cli.EXIT_OK
    assert json.loads(result.read_text())['frames'] == 1  # of two in the training split
    assert cli.main([*words, 'nowhere']) == cli.EXIT_ERROR
    assert "no split 'nowhere'" in capsys.readouterr().err
