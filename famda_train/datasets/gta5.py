# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""GTA5, "Playing for Data".

::

    images/00001.png
    labels/00001.png    palette PNG whose indices are Cityscapes' label ids
"""
from __future__ import annotations

from pathlib import Path

from famda_ros.messages.frame_index import FrameRecord
from famda_train.datasets.label_maps import GTA5_IDS
from famda_train.datasets.published import UndividedDataset, records


class Gta5(UndividedDataset):
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

    def find(self, root: Path) -> tuple[list[FrameRecord], dict[str, Path]]:
        """Return the frames, and the folder of the labels."""
        images = self.list_images(root, root / 'images', ['*.png'])
        frames = records(root, images, lambda i: i.stem, lambda i: {'labels': root / 'labels' / i.name})
        return frames, {'labels': root / 'labels'}

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there are images of five digits beside labels; frame folders have a dataset.yaml."""
        if (path / 'dataset.yaml').exists() or not (path / 'labels').is_dir():
            return False
        return any((path / 'images').glob('[0-9][0-9][0-9][0-9][0-9].png'))
