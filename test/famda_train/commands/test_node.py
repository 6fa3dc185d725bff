# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda node``: against a running node, over real DDS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import PerceptionClient
from tiny_student import save_tiny

from famda_ros.nodes.dds import environment

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[3]
DOMAIN = 88


def famda(*words, domain_id=DOMAIN, code=0):
    """Run ``famda node ...`` as a robot's terminal does; return what it prints, on both streams."""
    command = [sys.executable, '-m', 'famda_train.commands.cli', 'node', *words]
    done = subprocess.run(command, env=environment(domain_id), capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def client(tmp_path, monkeypatch):
    with PerceptionClient(tmp_path, DOMAIN, monkeypatch, model=save_tiny(tmp_path / 'tiny.onnx')) as client:
        yield client


def test_status_profile_rollback_and_params(tmp_path, client, monkeypatch):
    out = tmp_path / 'status.json'
    text = famda('status', '--json', str(out))
    assert '/perception: active' in text and 'ok    model: active' in text and 'model tiny' in text
    status = json.loads(out.read_text())
    assert set(status['statuses']) == {'model', 'camera'} and status['statuses']['model']['values']['model'] == 'tiny'

    (tmp_path / 'dusk.yaml').write_text('min_confidence: 0.4\ndepth: {scale: 1.2}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    assert "/perception: profile '" in famda('profile', 'dusk.yaml')
    assert 'profile dusk' in (text := famda('status')) and 'depth_scale 1.200' in text
    text = famda('profile', 'nowhere', code=2)
    assert text.startswith("famda node profile: /perception refuses: unknown profile 'nowhere'; choose one of")

    assert '/perception: ' in famda('rollback')
    assert 'profile none' in famda('status')
    assert 'famda node rollback: /perception refuses:' in famda('rollback', code=2)

    values = dict(line.split(maxsplit=1) for line in famda('params').splitlines())
    assert values['points.stride'] == '0' and values['cameras'] == '[""]' and values['autostart'] == 'true'
    assert json.loads(values['model']) == str(tmp_path / 'tiny.onnx')


def test_a_node_that_is_not_active(client):
    assert client.change_state('deactivate')[0]
    assert '/perception: inactive' in famda('status', code=1)
    assert client.change_state('cleanup')[0]
    assert famda('status', '--node', '/perception', code=1) == '/perception: unconfigured\n'
    assert 'configure it first' in famda('profile', 'day', code=2)


def test_no_node():
    text = famda('status', '--timeout', '1', domain_id=89, code=2)
    assert text == (
        'famda node status: no perception node answers within 1 s in ROS domain 89; start one, or set ROS_DOMAIN_ID as '
        'it has it\n'
    )
    assert '--timeout must be greater than 0 seconds' in famda('params', '--timeout', '0', domain_id=89, code=2)


def test_several_nodes(tmp_path, client, monkeypatch):
    (tmp_path / 'other').mkdir()
    model = str(tmp_path / 'tiny.onnx')
    robot = {'__ns': '/robot'}
    with PerceptionClient(tmp_path / 'other', DOMAIN, monkeypatch, remappings=robot, model=model):
        text = famda('status', code=2)
        assert 'there are 2 perception nodes, /perception, /robot/perception; choose one with --node' in text
        assert '/robot/perception: active' in famda('status', '--node', 'robot/perception')
        text = famda('status', '--node', '/gone', code=2)
        assert 'no perception node /gone answers' in text
        assert 'there is /perception, /robot/perception' in text
