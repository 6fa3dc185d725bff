# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""famda nav2, as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys

import yaml
from tiny_student import save_tiny, tiny_card, tiny_masks_card

from famda_ros.student.label_space import LabelSpace
from famda_train.commands.cli import EXIT_ERROR, EXIT_OK, main

SPACE = LabelSpace('hall3', ('floor', 'rack', 'person'), ((1, 2, 3), (4, 5, 6), (7, 8, 9)), ground=('floor',))


def test_the_layers_of_a_student_and_nothing_is_replaced(tmp_path, capsys):
    model, out = save_tiny(tmp_path / 'hall.onnx', card=tiny_card(label_space=SPACE)), tmp_path / 'costmap.yaml'
    words = ['nav2', model, '--out', str(out), '--camera', '/front']
    assert main([*words, '--json', str(tmp_path / 'r.json')]) == EXIT_OK
    assert capsys.readouterr().out == 'traversable: floor\ndanger: rack, person\n'
    types = {'traversable': ['floor'], 'danger': ['rack', 'person']}
    assert json.loads((tmp_path / 'r.json').read_text()) == {'label_space': 'hall3', 'class_types': types}
    semantic = yaml.safe_load(out.read_text())['local_costmap']['local_costmap']['ros__parameters']['semantic_layer']
    assert semantic['camera']['labels_topic'] == '/front/segmentation/label_info'
    assert {kind: semantic['camera'][kind]['classes'] for kind in semantic['camera']['class_types']} == types
    out.write_text('mine')
    assert main(words) == EXIT_ERROR and '--overwrite' in capsys.readouterr().err
    assert out.read_text() == 'mine'
    assert main([*words, '--overwrite']) == EXIT_OK and out.read_text() != 'mine'


def test_what_is_missing_is_said_in_a_sentence(tmp_path, capsys):
    bare, masks = save_tiny(tmp_path / 'bare.onnx'), save_tiny(tmp_path / 'masks.onnx', card=tiny_masks_card())
    assert main(['nav2', bare, '--out', str(tmp_path / 'bare.yaml')]) == EXIT_OK
    assert "no class of tiny2 is 'ground: true', so none is traversable" in capsys.readouterr().err
    assert main(['nav2', masks, '--out', str(tmp_path / 'masks.yaml')]) == EXIT_ERROR
    assert main(['nav2', bare, '--out', str(tmp_path / 'nowhere' / 'x.yaml')]) == EXIT_ERROR
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and 'gives no confidence' in errors[0] and 'cannot write' in errors[1]
    assert sorted(path.name for path in tmp_path.glob('*.yaml')) == ['bare.yaml']


def test_a_robot_needs_no_torch_for_it(tmp_path):
    """Only jsonargparse of what the workspace has."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys(('torch', 'lightning', 'rich', 'timm', 'onnx')))
from famda_train.commands.cli import main
sys.exit(main(['nav2', {save_tiny(tmp_path / 'tiny.onnx')!r}, '--out', {str(tmp_path / 'c.yaml')!r}]))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
