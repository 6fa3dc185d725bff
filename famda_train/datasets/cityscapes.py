# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes.

::

    leftImg8bit/{train,val,test}/<city>/<city>_<sequence>_<frame>_leftImg8bit.png
    gtFine/{train,val}/<city>/*_gtFine_labelIds.png
    disparity/{train,val}/<city>/*_disparity.png     uint16, d = (value - 1) / 256
    camera/{train,val}/<city>/*_camera.json          baseline and fx
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.student.depth_units import cityscapes_disparity_to_metres
from famda_train.datasets.label_maps import CITYSCAPES_LABEL_IDS
from famda_train.datasets.published import PublishedDataset, read_depth_png, records

FULL_WIDTH = 2048
DEFAULT_FOCAL, DEFAULT_BASELINE = 2262.52, 0.209313
"""fx in pixels at full width and baseline in metres, taken where a frame has no camera file; those of most
sequences.  The set's cameras have 2262 to 2268 pixels and 0.209 to 0.222 m, so depth is wrong by 6 % at most."""
IMAGE = '_leftImg8bit.png'


class Cityscapes(PublishedDataset):
    """A split of Cityscapes with fine labels, and depth from the published stereo disparity.

    The disparity is measured, not perfect: holes at the left border and on the ego vehicle.
    The test split has no labels (its gtFine files are empty).

    Args:
        root: folder with leftImg8bit, gtFine, disparity and camera.
        split: train, val or test.
        label_space: cityscapes19, synthia16, synthia13, vkitti8, flat7 or densemtl7.
        store: folder for teachers' outputs; None = ``<root>/famda/<split>``.
    """

    KIND, TITLE, SOURCE = 'cityscapes', 'Cityscapes', 'cityscapes-dataset.com'
    LICENCE = "Cityscapes' own: research and teaching, not commercial, not to be passed on"
    LAYOUT = 'leftImg8bit/<split>/<city>, gtFine/<split>/<city>, disparity/<split>/<city>, camera/<split>/<city>'
    SPLITS = ('train', 'val', 'test')
    RAW_IDS = CITYSCAPES_LABEL_IDS
    COUNTS = {'train': 2975, 'val': 500, 'test': 1525}  # noqa: RUF012

    def __init__(
        self, root: str | Path, split: str = 'train', label_space: str | None = None, store: str | Path | None = None
    ):
        root = Path(root)
        self.check_choice('split', split, self.SPLITS)
        images = self.list_images(root, root / 'leftImg8bit' / split, [f'*/*{IMAGE}'])
        folders = {'depth': root / 'disparity' / split}
        if split != 'test':
            folders['labels'] = root / 'gtFine' / split

        def focal(image: Path, width: int) -> float:
            return read_camera(_extra(root, split, image)['camera'])[0] * width / FULL_WIDTH

        frames = records(root, images, _name, lambda image: _extra(root, split, image), focal)
        super().__init__(root, split, label_space, frames, folders, store)

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there is leftImg8bit."""
        return (path / 'leftImg8bit').is_dir()

    @classmethod
    def parts(cls, path: str | Path) -> dict[str, dict[str, Any]]:
        """Return the splits that are on disk."""
        return {split: {'split': split} for split in cls.SPLITS if (Path(path) / 'leftImg8bit' / split).is_dir()}

    @classmethod
    def expected_ground_truth(cls, part: str) -> tuple[str, ...]:
        """Return the ground truth that a whole copy of the split holds."""
        return () if part == 'test' else ('labels', 'depth')

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; NaN = no measurement."""
        raw = read_depth_png(self._existing('depth', index))
        focal, baseline = read_camera(self.path / self.frames[index].extra['camera'])
        return cityscapes_disparity_to_metres(raw, baseline, focal)


def read_camera(path: Path) -> tuple[float, float]:
    """Return (fx in pixels at full width, baseline in metres) of a camera file; defaults where it is missing.

    Raises:
        FamdaError: the file is there but damaged.
    """
    try:
        camera = json.loads(path.read_text())
        return float(camera['intrinsic']['fx']), float(camera['extrinsic']['baseline'])
    except FileNotFoundError:
        return DEFAULT_FOCAL, DEFAULT_BASELINE
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FamdaError(f"'{path}' is damaged ({error!r}); copy it again from camera_trainvaltest.zip") from error


def _name(image: Path) -> str:
    return image.name.removesuffix(IMAGE)


def _extra(root: Path, split: str, image: Path) -> dict[str, Path]:
    city, name = image.parent.name, _name(image)
    return {
        'labels': root / 'gtFine' / split / city / f'{name}_gtFine_labelIds.png',
        'depth': root / 'disparity' / split / city / f'{name}_disparity.png',
        'camera': root / 'camera' / split / city / f'{name}_camera.json',
    }
