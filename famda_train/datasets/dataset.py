# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What every data set offers, whatever its layout on disk."""
from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import FrameRecord
from famda_ros.student.label_space import LabelSpace, get_label_space

GROUND_TRUTH = ('labels', 'depth', 'instances')
"""Kinds of ground truth."""


class Dataset(abc.ABC):
    """Frames of one domain with the ground truth there is; arrays follow the project's vocabulary.

    Attributes:
        path: folder that the data set was opened from.
        info: ``name``, ``origin``, ``licence`` and ``label_space`` (a name; None = unlabelled).
        frames: one record per frame, in order.
    """

    KIND: ClassVar[str]
    """Name on the command line, see :mod:`famda_train.datasets.catalogue`."""
    ONE_SIZE: ClassVar[bool] = True
    """Whether all images have the shape that their records say."""
    PARTLY_LABELLED: ClassVar[bool] = False
    """Whether frames without ground truth may stand beside others that have it."""

    path: Path
    info: dict[str, Any]
    frames: list[FrameRecord]

    @classmethod
    @abc.abstractmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether ``path`` is laid out like this data set."""

    @classmethod
    def parts(cls, path: str | Path) -> dict[str, dict[str, Any]]:
        """Return {name: constructor options} of the splits that are on disk."""
        return {'all': {}}

    @classmethod
    def expected_ground_truth(cls, part: str) -> tuple[str, ...]:
        """Return the kinds of ground truth that the publisher's whole set has; () = any or none."""
        return ()

    @classmethod
    def expected_frames(cls, part: str) -> int | None:
        """Return how many frames the publisher's whole set has; None = any number."""
        return None

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def label_space(self) -> LabelSpace | None:
        """Label space of :meth:`labels`; None when the data set is unlabelled."""
        name = self.info.get('label_space')
        return get_label_space(name) if name else None

    @property
    def store(self) -> Path:
        """Folder in which teachers' outputs lie: ``<store>/teachers/...``."""
        return self.path

    @abc.abstractmethod
    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""

    def image_path(self, index: int) -> Path | None:
        """Return the file of an image, there or not; None = this data set keeps none on disk."""
        return self.path / self.frames[index].image

    def whole_image(self, index: int) -> np.ndarray:
        """Return :meth:`image`, uint8 [H, W, 3] RGB, after a close look at its file.

        Raises:
            FamdaError: the image is missing, cut off, otherwise damaged, or no picture.
        """
        path = self.image_path(index)
        if path is not None and path.suffix.lower() in ('.jpg', '.jpeg') and path.is_file():
            try:  # OpenCV paints the missing half of a cut-off JPEG grey
                with Image.open(path) as picture:
                    picture.load()
            except OSError as error:
                raise FamdaError(f"cannot read '{path}': cut off or damaged image file; copy it again") from error
        return self.image(index)

    def images(self, count: int) -> Iterator[np.ndarray]:
        """Yield the first ``count`` images, or all where there are fewer."""
        return map(self.image, range(min(count, len(self))))

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids; 255 = ignore."""
        raise self._lack('labels')

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; NaN = unknown, +inf = beyond range."""
        raise self._lack('depth')

    def instances(self, index: int) -> np.ndarray:
        """Return uint16 [H, W] ids of single things; 0 = none."""
        raise self._lack('instances')

    @abc.abstractmethod
    def has(self, kind: str) -> bool:
        """Tell whether there are ``labels``, ``depth`` or ``instances`` of any frame."""

    def has_at(self, kind: str, index: int) -> bool:
        """Tell whether there are ``labels``, ``depth`` or ``instances`` of a frame."""
        if not self.has(kind):
            return False
        path = self.ground_truth_path(kind, index)
        return path is None or path.is_file()

    def require(self, *kinds: str) -> None:
        """Check that there are frames, and ground truth of these kinds.

        Raises:
            FamdaError: names what is missing.
        """
        if not len(self):
            raise FamdaError(f"'{self.path}' holds no frames; copy or write them again")
        missing = [kind for kind in kinds if not self.has(kind)]
        if missing:
            raise self._lack(' and no '.join(missing))

    def ground_truth_path(self, kind: str, index: int) -> Path | None:
        """Return the file that holds a frame's ground truth, there or not; None = this data set keeps none on disk."""
        return None

    def stray_files(self, kind: str) -> list[Path]:
        """Return files in the folder of a kind of ground truth that belong to no frame, for layouts that know it."""
        return []

    def _lack(self, what: str) -> FamdaError:
        name = self.info.get('name', self.KIND)
        return FamdaError(f"'{self.path}' ({name}) has no {what}; run: famda doctor {self.path}")


class FrameSelection(Dataset):
    """Some frames of a data set.

    Args:
        whole: the data set.
        indices: of the frames, in order.
    """

    KIND = 'selection'
    PARTLY_LABELLED = True

    def __init__(self, whole: Dataset, indices: Sequence[int]):
        self.whole, self._indices = whole, list(indices)
        self.path, self.info = whole.path, whole.info
        self.frames = [whole.frames[index] for index in self._indices]

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell that no folder is one."""
        return False

    @property
    def store(self) -> Path:
        """Folder in which teachers' outputs lie, that of the whole data set."""
        return self.whole.store

    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""
        return self.whole.image(self._indices[index])

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids; 255 = ignore."""
        return self.whole.labels(self._indices[index])

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; NaN = unknown, +inf = beyond range."""
        return self.whole.depth(self._indices[index])

    def instances(self, index: int) -> np.ndarray:
        """Return uint16 [H, W] ids of single things; 0 = none."""
        return self.whole.instances(self._indices[index])

    def has(self, kind: str) -> bool:
        """Tell whether the whole data set has ``labels``, ``depth`` or ``instances``."""
        return self.whole.has(kind)

    def has_at(self, kind: str, index: int) -> bool:
        """Tell whether there are ``labels``, ``depth`` or ``instances`` of a frame."""
        return self.whole.has_at(kind, self._indices[index])

    def image_path(self, index: int) -> Path | None:
        """Return the file of an image, there or not; None = it is on no disk."""
        return self.whole.image_path(self._indices[index])

    def ground_truth_path(self, kind: str, index: int) -> Path | None:
        """Return the file that holds a frame's ground truth, there or not; None = it is on no disk."""
        return self.whole.ground_truth_path(kind, self._indices[index])

    def stray_files(self, kind: str) -> list[Path]:
        """Return files of ground truth that belong to no frame of the whole data set."""
        return self.whole.stray_files(kind)
