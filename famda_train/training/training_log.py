# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a training has logged: numbers over its steps."""
from __future__ import annotations

from pathlib import Path

from famda_train.training.run_paths import run_folder

LEFT_OUT = ('epoch',)
"""Tags that Lightning adds and that say nothing here."""


def logged_scalars(out: str | Path) -> dict[str, list[tuple[int, float]]]:
    """Return tag → (step, value) pairs, steps ascending, of the run that wrote a checkpoint; {} = it has no log.

    Of steps that were done again, after an interruption or from the start, the last time counts.

    Args:
        out: the checkpoint.
    """
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    folder = run_folder(out)
    if not any(folder.glob('events.out.tfevents.*')):
        return {}
    log = EventAccumulator(str(folder), size_guidance={SCALARS: 0}, purge_orphaned_data=False)
    log.Reload()
    found: dict[str, list[tuple[int, float]]] = {}
    for tag in log.Tags()[SCALARS]:
        points: list[tuple[int, float]] = []
        for event in sorted(log.Scalars(tag), key=lambda event: event.wall_time):
            while points and points[-1][0] >= event.step:
                points.pop()
            points.append((event.step, event.value))
        if tag not in LEFT_OUT:
            found[tag] = points
    return found
