# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What ``famda bench real`` compares: targets, rows, seeds and sizes."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from famda_ros.errors import FamdaError, choose
from famda_train.bench.rows import BASELINE, FEW_LABELS, FULL, ORACLE, ROWS, TRAININGS
from famda_train.bench.trainings import Key, check_asked


@dataclass(frozen=True)
class Benchmark:
    """Labelled frames of a source and unlabelled ones of a target, with the configurations that train on them.

    Attributes:
        source, famda: names of the configurations of trainings on labelled frames, and of the self-training.
        split: of CamVid that is the target.
        rows: names of the rows that can be measured, from :data:`~famda_train.bench.rows.ROWS`.
        domain: of the street world, where that is the source; None = the source is CamVid by day.
    """

    source: str
    famda: str
    split: str
    rows: tuple[str, ...]
    domain: str | None = None


_BASELINES = ('source_only', BASELINE, 'source_only_as_long')
_ROWS = (*_BASELINES, 'self_training', 'masks', FULL)
REAL_ROWS = (*_BASELINES, 'self_training', 'superpixels', 'masks', FULL, ORACLE)
TARGETS = {
    'day': Benchmark('camvid_day_source', 'camvid_day', 'day_train', (*REAL_ROWS, *FEW_LABELS), 'varied'),
    'day_clean': Benchmark('camvid_day_source', 'camvid_day', 'day_train', _ROWS, 'synthetic'),
    'dusk': Benchmark('camvid_dusk_source', 'camvid_dusk', 'dusk_adapt', (*_ROWS, ORACLE, *FEW_LABELS)),
}
"""``--targets`` → what can be measured; of that, what needs labels of the target where there are some."""

MOST_SEEDS = 10
NEEDED_SPLITS = ('day_train', 'day_val', 'dusk_adapt', 'dusk_val')


@dataclass(frozen=True)
class RealSize:
    """How much is rendered and trained; the default is the bench, smaller ones only show that it works.

    Attributes:
        source: number of frames of the street world.
        width, height: size of all frames in training, pixels.
        crop: (width, height) of the crops that are trained on; None = as in the configurations.
        base_steps, steps: as in :func:`~famda_train.bench.rows.read_recipe`.
    """

    source: int = 600
    width: int = 320
    height: int = 240
    crop: tuple[int, int] | None = None
    base_steps: int | None = None
    steps: int | None = None


SIZES = {'full': RealSize(), 'small': RealSize(source=24, width=96, height=72, crop=(96, 72), base_steps=20, steps=12)}


@dataclass(frozen=True)
class RealPlan:
    """What to compare.

    Attributes:
        data: folder of CamVid.
        rows: names from :data:`~famda_train.bench.rows.ROWS`.
        targets: from :data:`TARGETS`.
        seeds: of scenes, initialisation and sampling, 0 to 9.
        size: how much is rendered and trained.
    """

    data: Path
    rows: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    size: RealSize = SIZES['full']

    def check(self) -> None:
        """Raise FamdaError unless every word and number can be used and the data is there."""
        for name in self.rows:
            choose({row: None for row in (*REAL_ROWS, *FEW_LABELS)}, name, 'row')
        for target in self.targets:
            choose(TARGETS, target, 'target')
        check_asked(self.rows, self.targets, self.seeds, MOST_SEEDS)
        for split in NEEDED_SPLITS:
            if not (self.data / split / 'images').is_dir():
                raise FamdaError(f"'{self.data}' has no folder '{split}/images'; see docs/results.md for its layout")
        for target in self.targets:
            if not self._measurable(target):
                split = TARGETS[target].split
                raise FamdaError(
                    f"no row of {', '.join(self.rows)} can be measured at {target}; labels of the target would lie in "
                    f"'{self.data / split / 'labels'}'"
                )

    def wanted(self) -> list[Key]:
        """Return (row, target, seed) of everything that is scored, in the order of the result."""
        return [
            (name, target, seed)
            for target in self.targets
            for name in self._measurable(target)
            for seed in self.seeds
        ]

    def _measurable(self, target: str) -> list[str]:
        """Return the rows that a target has; those that learn its labels only where there are some."""
        benchmark = TARGETS[target]
        labelled = (self.data / benchmark.split / 'labels').is_dir()
        rows = [name for name in self.rows if name in benchmark.rows]
        return [name for name in rows if labelled or not TRAININGS[ROWS[name].training].knows_target]
