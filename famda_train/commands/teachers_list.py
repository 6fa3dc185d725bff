# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda teachers list``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run() -> dict[str, Any]:
    """Show all mask and depth teachers, the licences of their weights, and whether they are on this machine."""
    from famda_train.teachers.weights import list_weights

    rows = list_weights()
    from rich.console import Console

    # Not narrower than the table, where the output goes into a file.
    Console(width=None if Console().is_terminal else 200).print(table_of(rows))
    return {'teachers': rows}


def table_of(rows: list[dict[str, Any]]):
    """Return a table that shows all of its text, however narrow the terminal."""
    from rich.table import Table

    table = Table()
    for heading in ('role', 'teacher', 'weights', 'licence', 'available', 'to get them'):
        table.add_column(heading, overflow='fold')
    before = None
    for row in rows:
        same = (row['role'], row['teacher']) == before
        before = (row['role'], row['teacher'])
        terms = row['licence'] + (', non-commercial' if row['non_commercial'] else '')
        available = {True: 'yes', False: 'no', None: ''}[row['available']]
        advice = '' if row['available'] else row['advice']
        table.add_row(*(('', '') if same else before), row['weights'], terms, available, advice)
    return table
