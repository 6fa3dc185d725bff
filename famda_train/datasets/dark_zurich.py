# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Dark Zurich.

::

    rgb_anon/{train,val,val_ref,test,test_ref}/{day,twilight,night}/<sequence>/*_rgb_anon.png
    gt/val/night/<sequence>/*_gt_labelTrainIds.png
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from famda_train.datasets.label_maps import CITYSCAPES_TRAIN_IDS
from famda_train.datasets.published import PublishedDataset, records

TIMES = ('day', 'twilight', 'night')


class DarkZurich(PublishedDataset):
    """A split of Dark Zurich at one time of the day.

    Only val has labels.  No depth, and the focal length is not published.

    Args:
        root: folder with rgb_anon and gt.
        split: train, val, test, or one of val_ref, test_ref.
        label_space: cityscapes19, synthia16, synthia13, vkitti8, flat7 or densemtl7.
        time: day, twilight or night; None = night, and day for the reference splits.
        store: folder for teachers' outputs; None = ``<root>/famda/<split>``.
    """

    KIND, TITLE, SOURCE = 'dark-zurich', 'Dark Zurich', 'trace.ethz.ch'
    LICENCE = "Dark Zurich's own: not commercial"
    LAYOUT = 'rgb_anon/<split>/<time>/<sequence> and gt/val/night/<sequence>'
    SPLITS = ('train', 'val', 'test', 'val_ref', 'test_ref')
    RAW_IDS = CITYSCAPES_TRAIN_IDS
    COUNTS = {'train night': 2416, 'val night': 50, 'test night': 151}  # noqa: RUF012

    def __init__(
        self,
        root: str | Path,
        split: str = 'train',
        label_space: str | None = None,
        time: str | None = None,
        store: str | Path | None = None,
    ):
        root = Path(root)
        self.check_choice('split', split, self.SPLITS)
        time = time or ('day' if split.endswith('_ref') else 'night')
        self.check_choice('time', time, TIMES)
        folder = root / 'rgb_anon' / split / time
        images = self.list_images(root, folder, ['*/*_anon.png'])
        gt = root / 'gt' / split / time
        frames = records(
            root, images, lambda image: f'{time}_{_name(image)}',
            lambda image: {'labels': gt / image.parent.name / f'{_name(image)}_gt_labelTrainIds.png'},
        )  # fmt: skip
        super().__init__(root, split, label_space, frames, {'labels': gt} if split == 'val' else {}, store)

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether rgb_anon is divided by splits."""
        return any((path / 'rgb_anon' / split).is_dir() for split in cls.SPLITS)

    @classmethod
    def expected_ground_truth(cls, part: str) -> tuple[str, ...]:
        """Return labels for val."""
        return ('labels',) if part == 'val night' else ()

    @classmethod
    def parts(cls, path: str | Path) -> dict[str, dict[str, Any]]:
        """Return the pairs of split and time that are on disk."""
        return {
            f'{split} {time}': {'split': split, 'time': time}
            for split in cls.SPLITS
            for time in TIMES
            if (Path(path) / 'rgb_anon' / split / time).is_dir()
        }


def _name(image: Path) -> str:
    return image.stem.removesuffix('_rgb_anon').removesuffix('_rgb_ref_anon')
