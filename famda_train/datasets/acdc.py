# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ACDC, the Adverse Conditions Dataset with Correspondences.

::

    rgb_anon/{fog,night,rain,snow}/{train,val,test}/<GOPR>/*_rgb_anon.png
    rgb_anon/{fog,night,rain,snow}/{train,val,test}_ref/<GOPR>/*_rgb_ref_anon.png    the same places in clear weather
    gt/{fog,night,rain,snow}/{train,val}/<GOPR>/*_gt_labelTrainIds.png
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from famda_train.datasets.label_maps import CITYSCAPES_TRAIN_IDS
from famda_train.datasets.published import PublishedDataset, records

CONDITIONS = ('fog', 'night', 'rain', 'snow')
LABELLED = ('train', 'val')
ENDINGS = ('_rgb_anon', '_rgb_ref_anon')


class Acdc(PublishedDataset):
    """A split of ACDC under one condition, or under all that are on disk.

    No depth, and the focal length is not published.  Labels of the test split are hidden.

    Args:
        root: folder with rgb_anon and gt.
        split: train, val, test, or one of train_ref, val_ref, test_ref.
        label_space: cityscapes19, synthia16, synthia13, vkitti8, flat7 or densemtl7.
        condition: fog, night, rain or snow; None = all.
        store: folder for teachers' outputs; None = ``<root>/famda/<split>``.
    """

    KIND, TITLE, SOURCE = 'acdc', 'ACDC', 'acdc.vision.ee.ethz.ch'
    LICENCE = "ACDC's own: not commercial"
    LAYOUT = 'rgb_anon/<condition>/<split>/<GOPR> and gt/<condition>/<split>/<GOPR>'
    SPLITS = ('train', 'val', 'test', 'train_ref', 'val_ref', 'test_ref')
    RAW_IDS = CITYSCAPES_TRAIN_IDS
    COUNTS = {'night train': 400, 'night val': 106, 'night test': 500}  # noqa: RUF012

    def __init__(
        self,
        root: str | Path,
        split: str = 'train',
        label_space: str | None = None,
        condition: str | None = None,
        store: str | Path | None = None,
    ):
        root = Path(root)
        self.check_choice('split', split, self.SPLITS)
        self.check_choice('condition', condition or CONDITIONS[0], CONDITIONS)
        present = [c for c in CONDITIONS if (root / 'rgb_anon' / c / split).is_dir()]
        names = [condition] if condition else present or CONDITIONS[:1]
        images = [
            image for name in names
            for image in self.list_images(root, root / 'rgb_anon' / name / split, ['*/*_anon.png'])
        ]  # fmt: skip
        frames = records(root, images, _stem, lambda image: {'labels': _labels(root, image)})
        gt = [root / 'gt' / name / split for name in names]
        folders = {'labels': next((f for f in gt if f.is_dir()), gt[0])} if split in LABELLED else {}
        super().__init__(root, split, label_space, frames, folders, store)

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether rgb_anon is divided by weather."""
        return any((path / 'rgb_anon' / condition).is_dir() for condition in CONDITIONS)

    @classmethod
    def expected_ground_truth(cls, part: str) -> tuple[str, ...]:
        """Return labels for the splits that are published with labels."""
        return ('labels',) if part.split()[-1] in LABELLED else ()

    @classmethod
    def parts(cls, path: str | Path) -> dict[str, dict[str, Any]]:
        """Return the pairs of condition and split that are on disk."""
        return {
            f'{condition} {split}': {'condition': condition, 'split': split}
            for condition in CONDITIONS
            for split in cls.SPLITS
            if (Path(path) / 'rgb_anon' / condition / split).is_dir()
        }


def _name(image: Path) -> str:
    """Return GOPR0000_frame_000000 for an image."""
    name = image.stem
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def _condition(image: Path) -> str:
    return image.parts[-4]


def _stem(image: Path) -> str:
    return f'{_condition(image)}_{_name(image)}'


def _labels(root: Path, image: Path) -> Path:
    condition, split, sequence = image.parts[-4:-1]
    return root / 'gt' / condition / split / sequence / f'{_name(image)}_gt_labelTrainIds.png'
