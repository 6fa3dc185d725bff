# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""GTA5, "Playing for Data".

::

    images/00001.png
    labels/00001.png    palette PNG whose indices are Cityscapes' label ids
"""
from __future__ import annotations

from pathlib import Path

from famda_train.datasets.label_maps import GTA5_IDS
from famda_train.datasets.published import PublishedDataset, records


class Gta5(PublishedDataset):
    """The frames of GTA5, all of them one split: labels only, focal length unknown.

    A few hundred images differ from the others' size by some rows; records have the size of
    the first image.

    Args:
        root: folder with images and labels.
        split: all.
        label_space: cityscapes19, synthia16, synthia13, vkitti8, flat7 or densemtl7.
        store: folder for teachers' outputs; None = ``<root>/famda/all``.
    """

    KIND, TITLE, SOURCE = 'gta5', 'GTA5', 'download.visinf.tu-darmstadt.de/data/from_games'
    LICENCE = "research and teaching; the images are the game's"
    LAYOUT = 'images and labels'
    RAW_IDS, GROUND_TRUTH, ONE_SIZE = GTA5_IDS, ('labels',), False
    COUNTS = {'all': 24966}  # noqa: RUF012

    def __init__(
        self, root: str | Path, split: str = 'all', label_space: str | None = None, store: str | Path | None = None
    ):
        root = Path(root)
        self.check_choice('split', split, self.SPLITS)
        images = self.list_images(root, root / 'images', ['*.png'])
        frames = records(root, images, lambda i: i.stem, lambda i: {'labels': root / 'labels' / i.name})
        super().__init__(root, split, label_space, frames, {'labels': root / 'labels'}, store)

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there are images of five digits beside labels; frame folders have a dataset.yaml."""
        if (path / 'dataset.yaml').exists() or not (path / 'labels').is_dir():
            return False
        return any((path / 'images').glob('[0-9][0-9][0-9][0-9][0-9].png'))
