# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda calibrate``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json

import pytest

from famda_ros.profiles.profile_file import load_profile
from famda_train.commands import cli


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    out = tmp_path_factory.mktemp('calibrate') / 'drive'
    size = '--width', '320', '--height', '240'
    assert cli.main(['world', '--domain', 'day', '--frames', '8', '--drive', *size, '--out', str(out)]) == cli.EXIT_OK
    return str(out)


def calibrate(*arguments):
    return cli.main(['calibrate', *map(str, arguments), '--threads', '1'])


def test_it_says_how_sure_it_is_and_writes_a_profile(drive, tmp_path, capsys):
    out, result = tmp_path / 'campus.yaml', tmp_path / 'result.json'
    assert calibrate(drive, '--camera-height', 1.43, '--out', out, '--json', result) == cli.EXIT_OK
    text, found = capsys.readouterr().out, json.loads(result.read_text())
    assert f'depth.scale {found["scale"]:.3f}, 95 % interval' in text and 'from 8 of 8 frames' in text
    assert found['low'] <= found['scale'] <= found['high'] and found['profile'] == str(out)
    profile = load_profile(out)
    assert profile.overrides['depth.scale'] == pytest.approx(found['scale'], rel=1e-3)
    assert profile.model is not None and profile.model.name == 'street.onnx'
    assert calibrate(drive, '--camera-height', 2.86, '--out', out) == cli.EXIT_ERROR
    assert 'set depth.scale in it with --overwrite' in capsys.readouterr().err
    assert calibrate(drive, '--camera-height', 2.86, '--out', out, '--overwrite') == cli.EXIT_OK
    assert load_profile(out).overrides['depth.scale'] == pytest.approx(2 * found['scale'], rel=1e-3)


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        ([], 'give one of --camera-height, --distance and --depth'),
        (['--camera-height', 1.5, '--depth', '/lidar'], 'give one of --camera-height, --distance and --depth'),
        (['--camera-height', 150], 'the camera height must be from 0.02 to 50 metres, not 150'),
        (['--distance', '3 m'], 'a distance is written METRES:U,V, such as 3.2:310,215'),
        (['--distance', '5:1000,10'], 'the point 1000,10 lies outside of the images of 320x240 pixels'),
        (['--depth', '/lidar'], "has no depth images on '/lidar' (no such topic)"),
        (['--camera-height', 1.5, '--out', 'gone/x.yaml'], 'does not exist; make it, or choose another --out'),
    ],
)
def test_refused_in_one_sentence(drive, capsys, arguments, sentence):
    assert calibrate(drive, *arguments) == cli.EXIT_ERROR
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith('famda calibrate: ')]
    assert len(error) == 1 and sentence in error[0]
