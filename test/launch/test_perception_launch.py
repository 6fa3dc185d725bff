# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The launch file, through the stand-in, and once through the real launch where it is installed."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import launch_stand_in as stand_in
import pytest

from famda_ros.dds import PROFILE_VARIABLE, environment

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test' / 'famda_ros'))


def test_defaults(monkeypatch):
    monkeypatch.delenv(PROFILE_VARIABLE, raising=False)
    context = stand_in.run(stand_in.load('perception.launch.py'), model='night.onnx')
    assert context.environment == {PROFILE_VARIABLE: str(ROOT / 'config' / 'fastdds_profile.xml')}
    assert context.commands == [
        [
            'famda_ros/perception_node', '--ros-args', '--log-level', 'info', '-r', '__node:=perception',
            '--params-file', str(ROOT / 'config' / 'perception.yaml'),
            '-p', 'model:=night.onnx', '-p', 'image_transport:=raw', '-p', 'use_sim_time:=false',
            '-r', 'image:=image', '-r', 'camera_info:=camera_info',
        ]
    ]  # fmt: skip


def test_a_profile_of_the_user_stays(monkeypatch):
    monkeypatch.setenv(PROFILE_VARIABLE, '/mine.xml')
    context = stand_in.run(stand_in.load('perception.launch.py'), model='night.onnx')
    assert context.environment == {}


def test_every_argument_has_a_description():
    arguments = [
        e for e in stand_in.load('perception.launch.py').entities if isinstance(e, stand_in.DeclareLaunchArgument)
    ]
    assert all(len(a.description) > 10 for a in arguments)
    assert len({a.name for a in arguments}) == len(arguments) <= 12


def test_namespace_topics_and_rviz():
    context = stand_in.run(
        stand_in.load('perception.launch.py'), model='1e3', namespace='cam0', image='image_raw', rviz='true'
    )
    perception, rviz = context.commands
    assert '__ns:=/cam0' in perception and '__ns:=/cam0' in rviz
    assert 'image:=image_raw' in perception
    assert "model:='1e3'" in perception or 'model:=1e3' in perception
    assert Path(rviz[rviz.index('-d') + 1]).is_file()


@pytest.mark.parametrize(
    'wrong', [{}, {'model': 'x', 'image_transport': 'theora'}, {'model': 'x', 'log_level': 'loud'}]
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(RuntimeError):
        stand_in.run(stand_in.load('perception.launch.py'), **wrong)


def test_missing_parameter_file_is_refused():
    with pytest.raises(FileNotFoundError):
        stand_in.run(stand_in.load('perception.launch.py'), model='x', params_file='/missing.yaml')


def test_executables_exist():
    setup = (ROOT / 'setup.py').read_text()
    for executable in ('perception_node', 'bag_player_node'):
        module, function = re.search(rf'{executable} = ([\w.]+):(\w+)', setup).groups()
        assert callable(getattr(importlib.import_module(module), function))


def test_the_resolved_command_runs(tmp_path):
    """The command that the launch file comes to is accepted by the real node."""
    from tiny_student import save_tiny

    model = save_tiny(tmp_path / 'tiny.onnx')
    context = stand_in.run(stand_in.load('perception.launch.py'), model=model, namespace='cam0')
    command = [sys.executable, '-m', 'famda_ros.perception_node', *context.commands[0][1:]]
    with open(tmp_path / 'log', 'wb') as log:
        process = subprocess.Popen(
            command, env=environment(71), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        end = time.monotonic() + 20
        while b'waiting for images' not in (tmp_path / 'log').read_bytes() and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(2)
        assert process.wait(10) == 0, (tmp_path / 'log').read_text()
    finally:
        if process.poll() is None:
            process.kill()
    assert 'cam0.perception' in (tmp_path / 'log').read_text()


def test_with_the_real_launch():
    pytest.importorskip('launch_ros', reason='launch_ros is not on PyPI; runs only with a ROS distribution')
    code = (
        'from launch.launch_description_sources import get_launch_description_from_python_launch_file as load; '
        f'print([a.name for a in load({str(ROOT / "launch" / "perception.launch.py")!r}).get_launch_arguments()])'
    )
    output = subprocess.run([sys.executable, '-c', code], env=os.environ, capture_output=True, text=True, check=True)
    assert "'model'" in output.stdout
