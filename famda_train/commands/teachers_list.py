# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda teachers list``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run() -> dict[str, Any]:
    """Show all mask and depth teachers, the licences of their weights, and whether the weights are at hand."""
    from famda_train.teachers.weights import list_weights

    rows = list_weights()
    _print(rows)
    return {'teachers': rows}


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table('role', 'teacher', 'weights', 'licence', 'at hand', 'to get them')
    before = None
    for row in rows:
        same = (row['role'], row['teacher']) == before
        before = (row['role'], row['teacher'])
        terms = row['licence'] + (', non-commercial' if row['non_commercial'] else '')
        at_hand = {True: 'yes', False: 'no', None: ''}[row['at_hand']]
        advice = '' if row['at_hand'] else row['advice']
        table.add_row(*(('', '') if same else before), row['weights'], terms, at_hand, advice)
    # Not narrower than the table, where the output goes into a file.
    Console(width=None if Console().is_terminal else 200).print(table)
