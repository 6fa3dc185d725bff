# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda doctor``: what it prints and how it ends."""
import json
import shutil
import sys

import pytest
from miniature_trees import write_camvid, write_cityscapes, write_synthia

from famda_train.commands import cli, doctor


def run(*arguments):
    return cli.main(['doctor', *map(str, arguments)])


def test_good_trees_end_with_zero_and_a_summary(tmp_path, capsys):
    write_synthia(tmp_path / 'synthia')
    write_camvid(tmp_path / 'camvid')
    assert run(tmp_path / 'synthia', tmp_path / 'camvid', 'street-world:day', '--frames', 2) == cli.EXIT_OK
    text = capsys.readouterr().out
    parts = (
        '3 frames (the whole set has 9400), 2 read', 'size 64x32, focal 26.6 px', 'labels synthia16, %: road', 'median',
        'dusk_adapt', 'no labels', 'CC BY-NC', 'street-world:day', 'nothing is wrong',
    )  # fmt: skip
    assert [part for part in parts if part not in text] == []


def test_one_bad_tree_among_good_ones_ends_with_one(tmp_path, capsys):
    write_synthia(tmp_path / 'good')
    write_synthia(tmp_path / 'bad')
    (tmp_path / 'bad' / 'RGB' / '0000001.png').write_bytes(b'nothing')
    result = tmp_path / 'result.json'
    assert run(tmp_path / 'good', tmp_path / 'bad', '--json', result) == doctor.EXIT_PROBLEMS
    assert 'problem: all: cannot read' in capsys.readouterr().out
    written = json.loads(result.read_text())
    assert [len(tree['problems']) for tree in written['trees']] == [0, 1] and len(written['problems']) == 1


def test_the_kind_can_be_told(tmp_path, capsys):
    write_synthia(tmp_path)
    assert run(tmp_path, '--kind', 'synthia') == cli.EXIT_OK
    assert run(tmp_path, '--kind', 'cityscapes') == doctor.EXIT_PROBLEMS
    assert 'no split of cityscapes that can be read' in capsys.readouterr().out
    assert run(tmp_path, '--kind', 'disk') == cli.EXIT_ERROR
    assert "unknown kind of data set 'disk'" in capsys.readouterr().err


@pytest.mark.parametrize('kind', ['auto', 'cityscapes'])
def test_half_a_data_set_is_recognised(tmp_path, capsys, kind):
    write_cityscapes(tmp_path, 1)
    shutil.rmtree(tmp_path / 'leftImg8bit')
    assert run(tmp_path, '--kind', kind) == doctor.EXIT_PROBLEMS
    assert 'looks like cityscapes (gtFine/), but leftImg8bit/ is missing' in capsys.readouterr().out


def test_bare_images_get_a_helpful_sentence(tmp_path, capsys):
    write_synthia(tmp_path, 1)
    assert run(tmp_path / 'RGB') == doctor.EXIT_PROBLEMS
    assert 'bare images without a dataset.yaml' in capsys.readouterr().out


def test_without_data_the_installation_is_described(capsys, tmp_path):
    result = tmp_path / 'result.json'
    run('--json', result)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ['python', 'torch', 'onnxruntime', 'rclpy', 'weights', 'disk']
    found = json.loads(result.read_text())
    assert 'CPUExecutionProvider' in found['onnxruntime']['providers'] and 'cpu' in found['torch']['devices']
    assert all(found['weights']['files'].values())


def test_what_an_installation_lacks_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'torch', None)
    monkeypatch.setattr(doctor, 'STAND_IN_FILES', {'stand-in': tmp_path / 'gone.safetensors'})
    monkeypatch.setattr(doctor, 'FREE_DISK_GB', 10**9)
    monkeypatch.setattr(doctor, '_output', lambda command: '')
    result = doctor.environment()
    assert result['torch']['version'] is None and result['ros']['rclpy'] is None
    torch, weights, disk = result['problems']
    assert 'pip install' in torch and 'install the package again' in weights and 'make room' in disk
    assert doctor.exit_code(result) == doctor.EXIT_PROBLEMS


@pytest.mark.parametrize(('found', 'problems'), [('GPU 0: H100', 1), ('', 0)])
def test_a_gpu_that_torch_cannot_use_is_a_problem(monkeypatch, found, problems):
    torch = pytest.importorskip('torch')
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    monkeypatch.setattr(doctor.shutil, 'which', lambda name: f'/usr/bin/{name}')
    monkeypatch.setattr(doctor, '_output', lambda command: found)
    assert len(doctor._torch()['problems']) == problems
