# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""SYNTHIA-RAND-CITYSCAPES.

::

    RGB/0000000.png
    GT/LABELS/0000000.png       uint16, several channels, class id in red; or parsed_LABELS/, ids in one channel
    Depth/Depth/0000000.png     uint16 centimetres; or Depth/0000000.png
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import FrameRecord
from famda_ros.student.depth_units import synthia_to_metres
from famda_train.datasets.frame_folder import read_png
from famda_train.datasets.label_maps import SYNTHIA_IDS
from famda_train.datasets.published import UndividedDataset, read_depth_png, read_ids, records

FOCAL, FULL_WIDTH = 532.740352, 1280
LABEL_FOLDERS, DEPTH_FOLDERS = ('GT/LABELS', 'parsed_LABELS'), ('Depth/Depth', 'Depth')


class Synthia(UndividedDataset):
    """The 9400 frames of SYNTHIA-RAND-CITYSCAPES, all of them one split.

    Args:
        root: folder with RGB, GT and Depth.
        split: all.
        label_space: synthia16, synthia13, cityscapes19, flat7 or densemtl7.
        store: folder for teachers' outputs; None = ``<root>/famda/all``.
    """

    KIND, TITLE, SOURCE = 'synthia', 'SYNTHIA-RAND-CITYSCAPES', 'synthia-dataset.net'
    LICENCE = 'CC BY-NC-SA 3.0'
    LAYOUT = 'RGB, GT/LABELS and Depth'
    RAW_IDS, LABEL_SPACE, GROUND_TRUTH = SYNTHIA_IDS, 'synthia16', ('labels', 'depth')
    COUNTS = {'all': 9400}  # noqa: RUF012

    def find(self, root: Path) -> tuple[list[FrameRecord], dict[str, Path]]:
        """Return the frames, and the folders of labels and depth."""
        images = self.list_images(root, root / 'RGB', ['*.png'])
        labels, depth = (first_folder(root, names) for names in (LABEL_FOLDERS, DEPTH_FOLDERS))
        frames = records(
            root, images, lambda image: image.stem,
            lambda image: {'labels': labels / image.name, 'depth': depth / image.name},
            lambda image, width: FOCAL * width / FULL_WIDTH,
        )  # fmt: skip
        return frames, {'labels': labels, 'depth': depth}

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there is RGB beside labels or depth."""
        return (path / 'RGB').is_dir() and any((path / name).is_dir() for name in (*LABEL_FOLDERS, *DEPTH_FOLDERS))

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; NaN = unknown, +inf = beyond range."""
        return synthia_to_metres(read_depth_png(self._existing('depth', index)))

    def _read_ids(self, path: Path) -> np.ndarray:
        raw = read_png(path)
        if raw.ndim == 2 and raw.dtype == np.uint8:  # parsed_LABELS
            return read_ids(path)
        if raw.dtype != np.uint16:
            raise FamdaError(
                f"'{path}' is an 8-bit colour image, SYNTHIA keeps class ids in the red channel of 16 bits; "
                'copy the original file unconverted'
            )
        ids = raw[..., 0] if raw.ndim == 3 else raw
        return np.minimum(ids, 255).astype(np.uint8)


def first_folder(root: Path, names: tuple[str, ...]) -> Path:
    """Return the first of several folders that is there, or else the first."""
    return next((root / name for name in names if (root / name).is_dir()), root / names[0])
