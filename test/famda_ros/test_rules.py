# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that a test can check (design.md, section 1)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / 'famda_ros'
FILES = sorted(PACKAGE.glob('**/*.py'))


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split('.')[0])
    return names


@pytest.mark.parametrize('file', FILES, ids=lambda f: f.name)
def test_imports_and_header(file):
    names = imported(file)
    assert not names & {'torch', 'famda_train', 'cv_bridge', 'sensor_msgs_py', 'onnx'}
    if not file.name.endswith('_node.py'):
        assert not {n for n in names if n.startswith('rclpy') or n.endswith('_msgs')}
    else:
        assert len(file.read_text().splitlines()) < 250
    assert file.read_text().startswith('# Copyright 2026 The FAMDA authors\n# SPDX-License-Identifier: Apache-2.0\n')
