# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The laws of the house: who may import what.  The two lists are the architecture; docs/architecture.md draws them."""
import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROBOT = ['harness', 'nodes', 'profiles', 'pipeline', 'student', 'messages']
WORKSPACE = [
    'commands', 'demo', 'bench', 'annotate', 'adapt', 'labelling', 'inspection', 'training', 'export', 'teachers',
    'pictures', 'evaluation', 'label_store', 'datasets', 'models', 'losses', 'pseudo_labels', 'augmentation', 'world',
]  # fmt: skip
"""Rooms from the top floor down: a room imports rooms below it, never one above."""

ROS_ROOMS = {'nodes', 'harness'}
ROS = {'rclpy', 'rcl_interfaces', 'sensor_msgs', 'std_msgs', 'std_srvs', 'diagnostic_msgs', 'vision_msgs', 'tf2_msgs'}
PACKAGES = ('famda_ros', 'famda_train')
FILES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob('*.py'))]


def imports(path):
    """Yield the dotted names of all modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def broken_law(path, module):
    """Return the law that an import breaks; None = none."""
    (package, room, *_), (top, *inner) = path.parts, module.split('.')
    if package == 'famda_ros' and top in {'torch', 'torchvision', 'lightning', 'onnx', 'famda_train'}:
        return 'the robot side knows neither torch nor the workspace'
    if package == 'famda_ros' and top in {'cv_bridge', 'sensor_msgs_py'}:
        return 'the node converts messages itself'
    # What benchmarks start nodes with is in the harness too, and knows no ROS: they run in processes of their own.
    is_node = module.startswith('famda_ros.nodes') or (inner[:1] == ['harness'] and module.endswith('_node'))
    if (top in ROS or is_node) and not (package == 'famda_ros' and room in ROS_ROOMS):
        return 'only famda_ros/nodes and famda_ros/harness import rclpy'
    floors = ROBOT if package == 'famda_ros' else WORKSPACE
    if top != package or not inner or inner[0] not in floors:
        return None
    if room not in floors:
        return 'the ground imports no room'
    return f"'{room}' lies below '{inner[0]}'" if floors.index(inner[0]) < floors.index(room) else None


def test_every_room_is_on_the_list():
    rooms = {path.parts[:2] for path in FILES if len(path.parts) > 2}
    assert rooms == {('famda_ros', room) for room in ROBOT} | {('famda_train', room) for room in WORKSPACE}


@pytest.mark.parametrize('path', FILES, ids=str)
def test_imports_keep_the_laws(path):
    assert {module: law for module in imports(path) if (law := broken_law(path, module))} == {}


@pytest.mark.parametrize(
    ('path', 'module'),
    [
        ('famda_ros/pipeline/worker.py', 'torch'),
        ('famda_ros/pipeline/worker.py', 'rclpy.node'),
        ('famda_ros/messages/bag_reader.py', 'famda_ros.nodes.dds'),
        ('famda_ros/student/runtime.py', 'famda_ros.pipeline.worker'),
        ('famda_train/losses/geometry.py', 'famda_train.training.samples'),
        ('famda_train/datasets/dataset.py', 'rclpy'),
        ('famda_ros/errors.py', 'famda_ros.messages.bag_reader'),
    ],
)
def test_an_import_turned_round_is_noticed(path, module):
    assert broken_law(Path(path), module)


@pytest.mark.parametrize('path', [path for path in FILES if path.parts[1] == 'nodes'], ids=str)
def test_a_file_of_nodes_only_wires(path):
    assert len((ROOT / path).read_text().splitlines()) < 250
