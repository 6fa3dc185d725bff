# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Classes are data: which there are stands in config/label_spaces and config/raw_ids, and no code spells one."""
import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CLASSES = {
    name
    for file in sorted((ROOT / 'config' / 'label_spaces').glob('*.yaml'))
    for name in yaml.safe_load(file.read_text(encoding='utf-8'))['classes']
}
SOURCES = ('famda_ros', 'famda_train', 'launch')
FILES = [path.relative_to(ROOT) for folder in SOURCES for path in (ROOT / folder).rglob('*.py')]

SPLIT, CHECK, RENDERED = 'name of a split', 'name of a depth check', 'what the renderer builds'
OTHER_MEANINGS = {
    'famda_ros/student/label_space.py': {'sky': 'key of a class in the YAML file'},
    'famda_ros/student/model_card.py': {'sky': 'key of the model card'},
    'famda_train/bench/tables.py': {'road': CHECK},
    'famda_train/evaluation/depth_checks.py': {'road': CHECK},
    'famda_train/commands/evaluate.py': {'train': SPLIT},
    'famda_train/datasets/acdc.py': {'train': SPLIT},
    'famda_train/datasets/cityscapes.py': {'train': SPLIT},
    'famda_train/datasets/dark_zurich.py': {'train': SPLIT},
    'famda_train/datasets/street_world.py': {'train': SPLIT},
    'famda_train/world/materials.py': dict.fromkeys(
        ('flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle'), RENDERED
    ),
    'famda_train/world/open_street.py': {'fence': RENDERED, 'tree': RENDERED},
    'famda_train/world/open_things.py': {'wall': RENDERED},
}
"""File → {a word that is a class of some label space as well: what it means there}."""


def spelled(text: str) -> set[str]:
    """Return the class names that a Python source holds as whole strings."""
    constants = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return CLASSES & {value for value in constants if isinstance(value, str)}


@pytest.mark.parametrize('path', sorted(FILES), ids=str)
def test_no_class_is_spelled_in_code(path):
    """Nor is a word excepted that is not there."""
    found = spelled((ROOT / path).read_text(encoding='utf-8'))
    assert found == set(OTHER_MEANINGS.get(str(path), {}))


def test_a_class_is_found_wherever_it_stands():
    assert {'road', 'traffic light', 'flat', 'pavement'} <= CLASSES
    assert spelled("IDS = {'traffic light': 6}\nif name in ('road', 'roads'):\n    '''car'''\n") == {
        'traffic light', 'road', 'car',
    }  # fmt: skip
    assert spelled('"""The road."""\nroad = "a road"\n') == set()


def test_every_exception_is_a_file():
    assert set(OTHER_MEANINGS) <= {str(path) for path in FILES}
