# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's two drives: from the robot's own light into the night, and on through the night, with its truth aside."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.files import atomic_path
from famda_train.datasets.render_to_disk import write_drive
from famda_train.world import Rendering
from famda_train.world.drive import STREET_SPEED, drive_frame
from famda_train.world.render import in_order

RATE_HZ = 10.0
STREET_S = 4.0
"""The robot turns into another street so often: one street has one style, and a place has many."""

Moment = tuple[float, Rendering]
Part = tuple[str, int, float]
"""(domain of the street world, seed of the first street, seconds)"""


def drive_through(parts: Sequence[Part], width: int, height: int) -> tuple[int, Iterator[Moment]]:
    """Drive through street after street, of one domain after the other.

    Args:
        parts: of the drive; each takes as many seeds as it has streets.
        width, height: image size in pixels.

    Returns:
        (number of images, iterator of (seconds since the start, rendering)).
    """
    jobs: list[tuple[Any, ...]] = []
    length = STREET_SPEED * STREET_S
    for domain, seed, seconds in parts:
        for index in range(round(seconds * RATE_HZ)):
            street, place = divmod(index, round(STREET_S * RATE_HZ))
            jobs.append((seed + street, domain, length, place / RATE_HZ, place, width, height, None))
    pictures = in_order(drive_frame, jobs, os.cpu_count() or 1, width * height)
    return len(jobs), ((index / RATE_HZ, picture) for index, picture in enumerate(pictures))


def write_with_truth(bag: Path, labels: Path, domain: str, moments: Iterable[Moment]) -> None:
    """Write a drive as a bag, and its true labels, which no bag has, as one uint8 array [frames, H, W] beside it."""
    truth: list[np.ndarray] = []

    def seen() -> Iterator[Moment]:
        for moment in moments:
            truth.append(moment[1].labels)
            yield moment

    write_drive(bag, domain, seen())
    with atomic_path(labels) as temporary, open(temporary, 'wb') as file:
        np.savez_compressed(file, labels=np.stack(truth))
