# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A robot has no torch and nothing of the workspace: every file of the robot's side is imported without them."""
from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / 'famda_ros'

IMPORT_ALL = """
import importlib, sys

class Robot:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in WORKSPACE:
            raise ModuleNotFoundError(f'a robot has no {name}', name=name)

WORKSPACE = {'torch', 'torchvision', 'famda_train', 'transformers', 'lightning', 'timm', 'onnx', 'jsonargparse', 'rich'}
sys.meta_path.insert(0, Robot())
names = sys.argv[1:]
for name in names:
    importlib.import_module(f'famda_ros.{name}')
assert not WORKSPACE & set(sys.modules)
try:
    import torch
except ModuleNotFoundError as error:
    print(len(names), error)
"""


def test_the_robots_side_is_imported_without_torch():
    files = [file.relative_to(PACKAGE).with_suffix('') for file in PACKAGE.rglob('*.py') if file.stem != '__init__']
    names = sorted('.'.join(file.parts) for file in files)
    assert 'nodes.perception_node' in names and 'student.runtime' in names
    if find_spec('rclpy') is None:  # which these two need, and nothing else
        names = [name for name in names if not name.startswith(('nodes.', 'harness.'))]
    done = subprocess.run([sys.executable, '-c', IMPORT_ALL, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f'{len(names)} a robot has no torch'
