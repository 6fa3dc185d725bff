# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The container files, as far as that needs no Docker."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import launch_stand_in as stand_in
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / 'docker'
NAMES = ('jazzy', 'jetson')


def services(name):
    return yaml.safe_load((DOCKER / f'compose.{name}.yaml').read_text())['services']


@pytest.mark.parametrize('name', NAMES)
def test_camera_node_and_recorder_share_memory_network_and_image(name):
    entries = services(name)
    assert set(entries) == {'camera', 'perception', 'recorder'}
    for entry in entries.values():
        assert (entry['network_mode'], entry['ipc'], entry['image']) == ('host', 'host', f'famda:{name}')
        assert (DOCKER / entry['build']['context'] / entry['build']['dockerfile']).is_file()


@pytest.mark.parametrize('name', NAMES)
def test_launch_files_take_the_arguments(name, tmp_path, monkeypatch):
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'ros2bag').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    lines = [entry['command'] for entry in services(name).values()]
    lines += [' '.join(ast.literal_eval(re.search(r'^CMD (.*)$', dockerfile(name), re.MULTILINE)[1]))]
    lines = [line.split()[3:] for line in lines if line.startswith('ros2 launch famda_ros ')]
    assert len(lines) >= 2
    for file, *pairs in lines:
        arguments = dict(pair.split(':=') for pair in pairs)
        names = {e.name for e in stand_in.load(file).entities if isinstance(e, stand_in.DeclareLaunchArgument)}
        assert set(arguments) <= names
        assert stand_in.run(file, **arguments).commands


def dockerfile(name):
    return (DOCKER / f'Dockerfile.{name}').read_text()


@pytest.mark.parametrize('name', NAMES)
def test_what_is_copied_and_set_is_there(name):
    text = dockerfile(name)
    for source in re.findall(r'^COPY (\S+) ', text, re.MULTILINE):
        assert (ROOT / source).exists()
    profile = re.search(r'FASTRTPS_DEFAULT_PROFILES_FILE=/ws/install/famda_ros/share/famda_ros/(\S+)', text)[1]
    assert (ROOT / profile).is_file()


@pytest.mark.parametrize('name', NAMES)
def test_pip_gets_what_setup_py_asks_for(name):
    setup = (ROOT / 'setup.py').read_text()
    bounds = re.findall(r"'([\w.-]+)>=([\d.]+)", dockerfile(name))
    assert len(bounds) >= 2
    for package, bound in bounds:
        package = package.replace('onnxruntime-gpu', 'onnxruntime')
        assert f"'{package}>={bound}" in setup, package
