# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Progress bars of the command line."""
from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text


class RateColumn(ProgressColumn):
    """How fast it goes.

    Args:
        things: what is counted, for example ``images``.
    """

    def __init__(self, things: str):
        super().__init__(Column(no_wrap=True))
        self._things = things

    def render(self, task: Task) -> Text:
        """Return the speed of the whole task at its end, of late before."""
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.1f} {self._things}/s')


def progress_bar(counted: str | None = None) -> Progress:
    """Return a bar with count, elapsed and remaining time, on standard error.

    Args:
        counted: what is counted, for example ``images``, to show how many a second; None = do not.
    """
    from rich.console import Console

    return Progress(
        TextColumn('{task.description:<28}'),
        BarColumn(),
        MofNCompleteColumn(),
        *([RateColumn(counted)] if counted else []),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
