# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Virtual KITTI 2.

::

    Scene01/15-deg-left/frames/rgb/Camera_0/rgb_00000.jpg
    Scene01/15-deg-left/frames/depth/Camera_0/depth_00000.png                  uint16 centimetres
    Scene01/15-deg-left/frames/classSegmentation/Camera_0/classgt_00000.png    RGB, one colour per class
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.student.depth_units import vkitti2_to_metres
from famda_train.datasets.frame_folder import read_png
from famda_train.datasets.label_maps import VKITTI2_IDS, vkitti2_ids
from famda_train.datasets.published import PublishedDataset, read_depth_png, records

FOCAL, FULL_WIDTH = 725.0087, 1242
SCENES = ('Scene01', 'Scene02', 'Scene06', 'Scene18', 'Scene20')
CONDITIONS = (
    '15-deg-left', '15-deg-right', '30-deg-left', '30-deg-right', 'clone', 'fog', 'morning', 'overcast', 'rain',
    'sunset',
)  # fmt: skip
CAMERAS = ('Camera_0', 'Camera_1')
FRAMES_PER_CONDITION = 2126


class VirtualKitti2(PublishedDataset):
    """Scenes of Virtual KITTI 2 under some conditions; the defaults are those of DenseMTL.

    Args:
        root: folder with Scene01 and so on; the archives of images, depth and classes unpacked into it.
        split: all.
        label_space: vkitti8.
        conditions: names of conditions.
        cameras: Camera_0 (left), Camera_1.
        store: folder for teachers' outputs; None = ``<root>/famda/all``.
    """

    KIND, TITLE, SOURCE = 'vkitti2', 'Virtual KITTI 2', 'europe.naverlabs.com'
    LICENCE = 'CC BY-NC-SA 3.0'
    LAYOUT = 'Scene01/15-deg-left/frames/{rgb,depth,classSegmentation}/Camera_0'
    RAW_IDS, LABEL_SPACE, GROUND_TRUTH = VKITTI2_IDS, 'vkitti8', ('labels', 'depth')

    def __init__(
        self,
        root: str | Path,
        split: str = 'all',
        label_space: str | None = None,
        conditions: Sequence[str] = ('15-deg-left',),
        cameras: Sequence[str] = ('Camera_0',),
        store: str | Path | None = None,
    ):
        root = Path(root)
        self.check_choice('split', split, self.SPLITS)
        folders = [
            root / scene / condition / 'frames' / 'rgb' / camera
            for scene in SCENES if (root / scene).is_dir()
            for condition in conditions
            for camera in cameras
        ]  # fmt: skip
        if not folders:
            raise FamdaError(f"'{root}' has no folder Scene01; {self.TITLE} is laid out as {self.LAYOUT}")
        images = [i for f in folders for i in self.list_images(root, f, ['rgb_*.jpg', 'rgb_*.png'])]
        frames = records(root, images, _stem, _ground_truth, lambda image, width: FOCAL * width / FULL_WIDTH)
        first = {kind: path.parent for kind, path in _ground_truth(images[0]).items()}
        super().__init__(root, split, label_space, frames, first, store)

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there is a scene with frames."""
        return any(path.glob('Scene[0-9][0-9]/*/frames'))

    @classmethod
    def parts(cls, path: str | Path) -> dict[str, dict[str, Any]]:
        """Return the pairs of condition and camera that are on disk."""
        return {
            f'{condition} {camera}': {'conditions': [condition], 'cameras': [camera]}
            for condition in CONDITIONS
            for camera in CAMERAS
            if any(Path(path).glob(f'Scene*/{condition}/frames/rgb/{camera}'))
        }

    @classmethod
    def expected_frames(cls, part: str) -> int | None:
        """Return how many frames a condition of one camera has."""
        return FRAMES_PER_CONDITION

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; +inf = sky and beyond 655.35 m."""
        return vkitti2_to_metres(read_depth_png(self._existing('depth', index)))

    def _read_ids(self, path: Path) -> np.ndarray:
        colors = read_png(path)
        if colors.ndim != 3 or colors.dtype != np.uint8:
            raise FamdaError(f"'{path}' is no 8-bit colour image; take classSegmentation of {self.TITLE}")
        return vkitti2_ids(colors)


def _stem(image: Path) -> str:
    """Return Scene01_15-deg-left_Camera_0_00000 for an image of that place."""
    scene, condition, _frames, _rgb, camera = image.parts[-6:-1]
    return '_'.join((scene, condition, camera, image.stem.removeprefix('rgb_')))


def _ground_truth(image: Path) -> dict[str, Path]:
    frames, camera, number = image.parents[2], image.parent.name, image.stem.removeprefix('rgb_')
    return {
        'labels': frames / 'classSegmentation' / camera / f'classgt_{number}.png',
        'depth': frames / 'depth' / camera / f'depth_{number}.png',
    }
