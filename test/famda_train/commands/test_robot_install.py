# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The verbs that a robot needs run without what only the extra ``train`` brings: here it cannot be imported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys

class Robot:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split('.')[0] in ABSENT else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

ABSENT = set(sys.argv[1].split(','))
sys.meta_path[:] = map(Robot, sys.meta_path)
from famda_train.commands.cli import main
sys.exit(main(sys.argv[2:]))
"""


def setup_arguments():
    """Return what setup.py hands to setuptools."""
    code = (
        'import json, setuptools; setuptools.setup = lambda **keywords: print(json.dumps(keywords)); '
        'exec(open("setup.py").read())'
    )
    return json.loads(subprocess.check_output([sys.executable, '-c', code], cwd=ROOT, text=True))


def normal(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def needed(requirements):
    """Return the names of all distributions that requirements bring, as far as they are installed here."""
    names, todo = set(), [Requirement(text) for text in requirements]
    while todo:
        requirement = todo.pop()
        name = normal(requirement.name)
        key = (name, *sorted(requirement.extras))
        if key in names or (requirement.marker and not requirement.marker.evaluate({'extra': ''})):
            continue
        names.add(key)
        try:
            further = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue
        for text in further:
            child = Requirement(text)
            wanted = [{'extra': extra} for extra in ('', *requirement.extras)]
            if child.marker is None or any(child.marker.evaluate(environment) for environment in wanted):
                child.marker = None
                todo.append(child)
    return {key[0] for key in names}


@pytest.fixture(scope='module')
def absent():
    """Names of the modules that only the workspace has."""
    arguments = setup_arguments()
    robot = needed(arguments['install_requires'])
    workspace = needed(arguments['extras_require']['train']) - robot
    modules = {
        module
        for module, distributions in metadata.packages_distributions().items()
        if {normal(name) for name in distributions} <= workspace
    }
    assert {'torch', 'lightning', 'transformers', 'onnx', 'scipy'} <= modules
    assert not {'numpy', 'cv2', 'yaml', 'rosbags', 'rich', 'jsonargparse'} & modules
    return ','.join(sorted(modules))


@pytest.fixture
def famda(absent, tmp_path):
    def run(*words, code=0):
        command = [sys.executable, '-c', PROGRAM, absent, *words]
        env = {'PATH': '/usr/bin:/bin', 'PYTHONPATH': str(ROOT), 'HOME': str(tmp_path), 'ROS_DOMAIN_ID': '90'}
        env |= {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        assert 'Traceback' not in done.stderr
        return done.stdout + done.stderr

    return run


def test_help_and_doctor(famda):
    assert 'perceive' in famda('--help')
    text = famda('doctor')
    assert 'torch        not installed; only the workspace needs it' in text and 'nothing is wrong' in text


def test_perceive_and_calibrate(famda, tmp_path):
    famda('world', '--frames', '6', '--drive', '--width', '160', '--height', '120', '--workers', '1', '--out', 'drive')
    assert '6 frames at' in famda('perceive', 'drive', '--out', 'answers', '--pictures', 'pictures', '--threads', '1')
    assert len(list((tmp_path / 'pictures').glob('*.png'))) == 6
    text = famda('perceive', 'drive', '--out', 'more', '--report', 'report.html', code=2)
    assert text == "famda perceive: 'jinja2' is not installed; get it with: pip install 'famda_ros[train]'\n"
    assert not (tmp_path / 'more').exists()
    text = famda('calibrate', 'drive', '--camera-height', '1.5', '--out', 'here.yaml', '--threads', '1')
    assert 'depth.scale' in text and (tmp_path / 'here.yaml').is_file()


def test_node(famda):
    pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')
    assert 'no perception node answers within 1 s in ROS domain 90' in famda('node', 'status', '--timeout', '1', code=2)


def test_node_without_ros(absent, tmp_path):
    command = [sys.executable, '-c', PROGRAM, f'{absent},rclpy', 'node', 'params']
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert done.stderr == (
        "famda node params: rclpy cannot be imported (No module named 'rclpy'); source a ROS 2 distribution, or "
        "install its wheels with: pip install 'famda_ros[ros]'\n"
    )


def test_a_verb_of_the_workspace_says_what_to_install(famda):
    text = famda('fit', '--config', 'x.yaml', code=2)
    assert re.fullmatch(r"famda fit: '\w+' is not installed; get it with: pip install 'famda_ros\[train\]'\n", text)


def test_what_rosdep_does_not_bring_is_named(tmp_path):
    command = [sys.executable, '-c', PROGRAM, 'jsonargparse', 'doctor']
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stderr == "famda doctor: 'jsonargparse' is not installed; get it with: pip install jsonargparse\n"
