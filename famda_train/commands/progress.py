# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Progress bars of the command line."""
from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress_bar() -> Progress:
    """Return a bar with count, elapsed and remaining time, on standard error."""
    from rich.console import Console

    return Progress(
        TextColumn('{task.description:<28}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
