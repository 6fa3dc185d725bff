# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda teachers list`` on terminals of any width."""
import io

import pytest
from rich.console import Console

from famda_train.commands.teachers_list import table_of
from famda_train.teachers.weights import list_weights


@pytest.mark.parametrize('width', [60, 80, 200])
def test_nothing_is_cut_off(width):
    rows, terminal = list_weights(), io.StringIO()
    Console(file=terminal, width=width).print(table_of(rows))
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= width and '…' not in terminal.getvalue()
    weights = ''.join(line.split('│')[3].strip() for line in lines if line.startswith('│'))
    for row in rows:
        assert row['weights'].replace(' ', '') in weights.replace(' ', '')
