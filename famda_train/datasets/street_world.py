# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The street world as a data set that is rendered when it is read, without a disk."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError, choose
from famda_ros.messages.frame_index import FrameRecord
from famda_train.datasets.dataset import GROUND_TRUTH, Dataset
from famda_train.datasets.label_maps import projection
from famda_train.world import Rendering, render
from famda_train.world.domains import is_open
from famda_train.world.render import check_request, focal_of

PREFIX = 'street-world:'
FIRST_SEED = {'train': 0, 'adapt': 100_000, 'val': 200_000}
"""Splits and the seeds at which they begin: streets of one split are in no other."""
MOST_FRAMES = 100_000
MOST_KEPT_BYTES = 500_000_000
"""Renderings that are kept in memory; the others are rendered again whenever they are read."""


class StreetWorld(Dataset):
    """Frames of the street world with exact labels, depth and instances.

    The same arguments give the same frames everywhere.  A frame is rendered when it is first
    read and then kept in memory, as far as 500 MB hold (0.2 MB per frame of 192 x 96).

    Args:
        path: ``street-world:<domain>``, or the domain alone: synthetic, day, night,
            randomised, varied or open.
        split: train, adapt or val; decides the seeds.
        label_space: flat7.
        frames: how many.
        seed: of the first frame, counted from the split's first seed.
        width, height: image size in pixels.
        focal: in pixels; None = 0.7 x width, in 'open' a focal of its own for every frame.
        ground_truth: False for frames without ground truth, as a recording has.
        store: folder for teachers' outputs; None = a folder below ``runs/street-world``.

    Raises:
        FamdaError: no such domain, split or image.
    """

    KIND = 'street-world'

    def __init__(
        self,
        path: str | Path = 'street-world:night',
        split: str = 'train',
        label_space: str | None = None,
        frames: int = 200,
        seed: int = 0,
        width: int = 192,
        height: int = 96,
        focal: float | None = None,
        ground_truth: bool = True,
        store: str | Path | None = None,
    ):
        self.domain = str(path).removeprefix(PREFIX)
        check_request(seed, self.domain, width, height, focal)
        if not 1 <= seed + frames <= MOST_FRAMES or frames < 1:
            raise FamdaError(f'a split of the street world has 1 to {MOST_FRAMES} frames, not {seed} + {frames}')
        first = choose(FIRST_SEED, split, 'split of the street world') + seed
        self.path = Path(f'{PREFIX}{self.domain}')
        self._projection = projection('flat7', label_space or 'flat7')
        self._ground_truth = ground_truth
        self._renderings: dict[int, Rendering] = {}
        self._room = MOST_KEPT_BYTES
        self._latest: tuple[int, Rendering] | None = None
        drawn = focal is None and is_open(self.domain)
        name = 'drawn' if drawn else f'{focal_of(first, self.domain, width, focal):g}'
        default_store = Path('runs', 'street-world', f'{self.domain}-{width}x{height}-{name}')
        self._store = Path(store) if store else default_store
        self.frames = [
            FrameRecord(
                f'{number:06d}', f'{number:06d}', width, height, focal_of(number, self.domain, width, focal),
                {'seed': number},
            )
            for number in range(first, first + frames)
        ]
        self.info: dict[str, Any] = {
            'name': f'street-world {self.domain} {split}',
            'origin': f'street world, domain {self.domain}',
            'licence': 'Apache-2.0',
            'label_space': (label_space or 'flat7') if ground_truth else None,
        }

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether a path begins with street-world:."""
        return str(path).startswith(PREFIX)

    @classmethod
    def expected_ground_truth(cls, part: str) -> tuple[str, ...]:
        """Return all kinds: renderings lack nothing."""
        return GROUND_TRUTH

    @property
    def store(self) -> Path:
        """Folder in which teachers' outputs lie; frames are named by their seeds, so splits can share it."""
        return self._store

    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""
        return self._render(index).image

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids."""
        return self._projection[self._true(index, 'labels').labels]

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; +inf = sky."""
        return self._true(index, 'depth').depth

    def instances(self, index: int) -> np.ndarray:
        """Return uint16 [H, W] ids; 0 = sky."""
        return self._true(index, 'instances').instances

    def image_path(self, index: int) -> None:
        """Return None: images are on no disk."""

    def has(self, kind: str) -> bool:
        """Tell whether there is ground truth: all of it, or none."""
        return self._ground_truth and kind in GROUND_TRUTH

    def _true(self, index: int, kind: str) -> Rendering:
        if not self._ground_truth:
            raise self._lack(kind)
        return self._render(index)

    def _render(self, index: int) -> Rendering:
        if index in self._renderings:
            return self._renderings[index]
        if self._latest is not None and self._latest[0] == index:  # its image was read, now its labels are
            return self._latest[1]
        frame = self.frames[index]
        rendering = render(frame.extra['seed'], self.domain, frame.width, frame.height, frame.focal)
        self._latest = index, rendering
        size = sum(array.nbytes for array in (rendering.image, rendering.labels, rendering.depth, rendering.instances))
        if size <= self._room:
            self._room -= size
            self._renderings[index] = rendering
        return rendering
