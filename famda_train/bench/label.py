# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench label``: images/s of teachers on one and two workers of each engine.

Every combination labels frames of the street world into a store for some seconds.  The combinations
take turns, and the best turn of each counts, so that other work of the machine matters less.
"""
from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError, choose
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.render_to_disk import write_frames
from famda_train.evaluation.machine import environment
from famda_train.labelling.engines import ENGINES, Engine, open_engine
from famda_train.labelling.labelling import label_frames
from famda_train.labelling.worker import Outcome
from famda_train.teachers.depth_teachers import DEPTH_TEACHERS
from famda_train.teachers.mask_teachers import MASK_TEACHERS
from famda_train.world import render_many

WORKERS = (1, 2)
SCENES = 24
MOST_FRAMES = 4000
"""The scenes are repeated up to this number; more than any teacher labels in the time."""


@dataclass(frozen=True)
class LabelSetup:
    """What is timed.

    Attributes:
        teachers: names of mask and depth teachers.
        engines: names of engines: local, ray.
        width, height: size of the frames in pixels.
        seconds: length of each turn, after the warm-up.
        turns: number of turns of each combination.
        warm_up: seconds after the first frame that do not count; by then all workers have loaded their teacher.
    """

    teachers: tuple[str, ...] = ('felzenszwalb', 'street-world')
    engines: tuple[str, ...] = ENGINES
    width: int = 480
    height: int = 360
    seconds: float = 12.0
    turns: int = 2
    warm_up: float = 6.0

    def check(self) -> None:
        """Raise FamdaError unless every value can be used."""
        for engine in self.engines:
            choose(dict.fromkeys(ENGINES), engine, 'engine')
        for teacher in self.teachers:
            role_of(teacher)
        if min(self.seconds, self.turns, self.width, self.height) <= 0:
            raise FamdaError('--seconds, --turns and the size must be greater than 0')


def role_of(teacher: str) -> str:
    """Return ``masks`` or ``depth``.

    Raises:
        FamdaError: no such teacher.
    """
    choose({**MASK_TEACHERS, **DEPTH_TEACHERS}, teacher, 'teacher')
    return 'masks' if teacher in MASK_TEACHERS else 'depth'


def run_label(setup: LabelSetup, progress) -> dict[str, Any]:
    """Time all combinations and return the result.

    Args:
        setup: what is timed.
        progress: a running :class:`rich.progress.Progress`.

    Returns:
        ``rows`` (``teacher``, ``engine``, ``workers``, ``images_per_s`` each), ``ratios`` (teacher →
        ``local_2_over_1``, ``ray_2_over_1``, ``ray_over_local``: on two workers), ``setup``, ``environment``.

    Raises:
        FamdaError: the setup cannot be used.
    """
    setup.check()
    cells = list(itertools.product(setup.teachers, setup.engines, WORKERS))
    best: dict[tuple[str, str, int], float] = {}
    bar = progress.add_task('turns', total=setup.turns * len(cells))
    with tempfile.TemporaryDirectory(prefix='famda-bench-') as folder, ExitStack() as stack:
        frames = _write_frames(Path(folder) / 'frames', setup)
        engines = {
            (name, workers): stack.enter_context(open_engine(name, workers))
            for name in setup.engines
            for workers in WORKERS
        }
        for _ in range(setup.turns):
            for cell in cells:
                speed = images_per_s(frames, cell[0], engines[cell[1:]], setup.warm_up, setup.seconds)
                best[cell] = max(speed, best.get(cell, 0.0))
                progress.advance(bar)
    rows = [
        {'teacher': teacher, 'engine': engine, 'workers': workers, 'images_per_s': round(speed, 3)}
        for (teacher, engine, workers), speed in best.items()
    ]
    return {'rows': rows, 'ratios': ratios(best), 'setup': asdict(setup), 'environment': environment()}


def ratios(speeds: dict[tuple[str, str, int], float]) -> dict[str, dict[str, float]]:
    """Return teacher → what a second worker brings per engine, and Ray's speed over the local engine's.

    Args:
        speeds: (teacher, engine, workers) → images/s.
    """
    table: dict[str, dict[str, float]] = {}
    for teacher, engine, workers in speeds:
        if workers == 2:
            ratio = speeds[teacher, engine, 2] / speeds[teacher, engine, 1]
            table.setdefault(teacher, {})[f'{engine}_2_over_1'] = round(ratio, 3)
            if engine == 'ray' and (local := speeds.get((teacher, 'local', 2))):
                table[teacher]['ray_over_local'] = round(speeds[teacher, engine, 2] / local, 3)
    return table


def images_per_s(frames: FrameFolder, teacher: str, engine: Engine, warm_up: float, seconds: float) -> float:
    """Label for some seconds and return images per second, those of the warm-up left out."""
    arrivals: list[float] = []

    def for_a_while(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
        for outcome in outcomes:
            arrivals.append(time.perf_counter())
            if arrivals[-1] - arrivals[0] > warm_up + seconds:
                return
            yield outcome

    label_frames(frames, role_of(teacher), teacher, for_a_while, engine=engine)
    shutil.rmtree(frames.store / 'teachers')
    return slope([arrival for arrival in arrivals if arrival - arrivals[0] > warm_up])


def slope(arrivals: Sequence[float]) -> float:
    """Return arrivals per second: the slope of their count, as frames arrive in blocks with Ray.

    Raises:
        FamdaError: there are too few.
    """
    if len(arrivals) < 3:
        raise FamdaError('too few frames were labelled in the time; take more --seconds or a smaller --size')
    return float(np.polyfit(np.array(arrivals) - arrivals[0], np.arange(len(arrivals)), 1)[0])


def _write_frames(path: Path, setup: LabelSetup) -> FrameFolder:
    scenes = range(SCENES)
    write_frames(path, 'night', scenes, render_many(scenes, 'night', setup.width, setup.height), ground_truth=False)
    frames = FrameFolder(path)
    frames.frames = [
        replace(frame, stem=f'{number:06d}')
        for number, frame in zip(range(MOST_FRAMES), itertools.cycle(frames.frames), strict=False)
    ]
    return frames
