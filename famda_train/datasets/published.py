# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Published data sets in the layout of their publishers: what their readers share.

Sizes of frames are not read one by one: a record has the size of the first image, whose
header alone is opened.  The published sets hold images of one size (GTA5 nearly so); the
array that ``image`` returns is the ground truth, and ``famda doctor`` compares.
"""
from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import FrameRecord
from famda_train.datasets.checks import check_ids, header_size
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.frame_folder import few_bits_fault, read_png
from famda_train.datasets.label_maps import RawIds


class PublishedDataset(Dataset):
    """A published data set.

    A frame's record names its ground truth files in ``extra``: ``labels``, ``depth``, relative to
    the root, whether they are there or not.

    Args:
        root: folder of the data set.
        part: name of the split, also of the folder for teachers' outputs.
        label_space: what labels are read as; None = the data set's usual one.
        frames: from :func:`records`.
        folders: kind of ground truth → folder that exists where there is such ground truth.
        store: folder for teachers' outputs; None = ``<root>/famda/<part>``.
    """

    TITLE: ClassVar[str]
    SOURCE: ClassVar[str]
    LICENCE: ClassVar[str]
    LAYOUT: ClassVar[str]
    """What the root holds, for messages."""
    SPLITS: ClassVar[tuple[str, ...]] = ('all',)
    RAW_IDS: ClassVar[RawIds]
    LABEL_SPACE: ClassVar[str] = 'cityscapes19'
    GROUND_TRUTH: ClassVar[tuple[str, ...]] = ()
    """Kinds of ground truth of every part, unless ``expected_ground_truth`` says otherwise."""
    COUNTS: ClassVar[dict[str, int]] = {}
    """Frames of a part in the publisher's whole set."""

    def __init__(
        self,
        root: str | Path,
        part: str,
        label_space: str | None,
        frames: list[FrameRecord],
        folders: dict[str, Path],
        store: str | Path | None = None,
    ):
        self.path, self.frames = Path(root), frames
        space = label_space or self.LABEL_SPACE
        self._to_labels = self.RAW_IDS.table(space)
        self._kinds = {kind for kind, folder in folders.items() if folder.is_dir()}
        self._store = Path(store) if store else self.path / 'famda' / part
        self.info: dict[str, Any] = {
            'name': f'{self.KIND} {part}',
            'origin': f'{self.TITLE}, {self.SOURCE}',
            'licence': self.LICENCE,
            'label_space': space if 'labels' in self._kinds else None,
        }

    @classmethod
    def check_choice(cls, what: str, chosen: str, choices: Sequence[str]) -> None:
        """Refuse a split, a condition or what else the data set is divided by, that it has not.

        Raises:
            FamdaError: names the choices.
        """
        if chosen not in choices:
            raise FamdaError(f"{cls.TITLE} has no {what} '{chosen}'; choose one of {', '.join(choices)}")

    @classmethod
    def list_images(cls, root: Path, folder: Path, patterns: Iterable[str]) -> list[Path]:
        """Return the images below a folder of the root, sorted.

        Raises:
            FamdaError: the folder is missing or holds none; names the expected layout.
        """
        layout = f'{cls.TITLE} is laid out as {cls.LAYOUT} (docs/datasets.md)'
        if not folder.is_dir():
            raise FamdaError(f"'{root}' has no folder {relative(root, folder)}; {layout}")
        found = (path for pattern in patterns for path in folder.glob(pattern))
        images = sorted(path for path in found if not path.name.startswith('.'))  # what macOS leaves beside them
        if not images:
            raise FamdaError(f"'{folder}' holds no images; {layout}")
        return images

    @classmethod
    def expected_ground_truth(cls, part: str) -> tuple[str, ...]:
        """Return the kinds of ground truth that the publisher's whole set has."""
        return cls.GROUND_TRUTH

    @classmethod
    def expected_frames(cls, part: str) -> int | None:
        """Return how many frames the publisher's whole set has; None = not known."""
        return cls.COUNTS.get(part)

    @property
    def store(self) -> Path:
        """Folder in which teachers' outputs lie."""
        return self._store

    def has(self, kind: str) -> bool:
        """Tell whether the tree has a folder of such ground truth; single files may still be missing."""
        return bool(self.frames) and kind in self._kinds

    def ground_truth_path(self, kind: str, index: int) -> Path | None:
        """Return the file that holds a frame's ground truth, there or not; None = the data set has none."""
        relative = self.frames[index].extra.get(kind)
        return self.path / relative if relative and self.has(kind) else None

    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""
        path = self.path / self.frames[index].image
        image = read_png(path)
        if image.ndim != 3 or image.dtype != np.uint8:
            raise FamdaError(f"'{path}' is no 8-bit colour image; get it again from {self.SOURCE}")
        return image

    def raw_ids(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] ids as the data set defines them; 255 = none that 8 bits or its colours can tell."""
        return self._read_ids(self._existing('labels', index))

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids; 255 = ignore.

        Raises:
            FamdaError: missing, damaged, or ids that the data set does not define.
        """
        ids = self.raw_ids(index)
        check_ids(ids, self.RAW_IDS.known, f"frame '{self.frames[index].stem}' of '{self.path}'", self.TITLE)
        return self._to_labels[ids]

    def _read_ids(self, path: Path) -> np.ndarray:
        return read_ids(path)

    def _existing(self, kind: str, index: int) -> Path:
        path = self.ground_truth_path(kind, index)
        if path is None:
            raise self._lack(kind)
        return path


class UndividedDataset(PublishedDataset):
    """A published data set without splits.

    Args:
        root: folder of the data set.
        split: all.
        label_space: what labels are read as; None = the data set's usual one.
        store: folder for teachers' outputs; None = ``<root>/famda/all``.
    """

    def __init__(
        self, root: str | Path, split: str = 'all', label_space: str | None = None, store: str | Path | None = None
    ):
        self.check_choice('split', split, self.SPLITS)
        super().__init__(root, split, label_space, *self.find(Path(root)), store)

    @abc.abstractmethod
    def find(self, root: Path) -> tuple[list[FrameRecord], dict[str, Path]]:
        """Return the frames, and per kind of ground truth the folder that has it."""


def records(
    root: Path,
    images: Sequence[Path],
    stem: Callable[[Path], str],
    ground_truth: Callable[[Path], dict[str, Any]],
    focal: Callable[[Path, int], float | None] = lambda image, width: None,
) -> list[FrameRecord]:
    """Return one record per image.

    Args:
        root: what paths are relative to.
        images: in order.
        stem: image → key of the frame.
        ground_truth: image → ``extra``; paths become relative to the root.
        focal: (image, width in pixels) → fx in pixels.

    Raises:
        FamdaError: the first image cannot be opened, or two frames have one stem.
    """
    if not images:
        return []
    width, height = header_size(images[0])
    frames = []
    for image in images:
        extra = {k: relative(root, v) if isinstance(v, Path) else v for k, v in ground_truth(image).items()}
        frames.append(FrameRecord(stem(image), relative(root, image), width, height, focal(image, width), extra))
    if len({frame.stem for frame in frames}) < len(frames):
        raise FamdaError(f"'{root}' holds several images of one name; keep one of each")
    return frames


def relative(root: Path, path: Path) -> str:
    """Return a path below the root with forward slashes."""
    return path.relative_to(root).as_posix()


def read_ids(path: Path) -> np.ndarray:
    """Read a single-channel 8-bit PNG of ids, uint8 [H, W].

    In a palette PNG the ids are the palette's indices.  OpenCV would give its colours.

    Raises:
        FamdaError: damaged, or colours or 16-bit values instead of ids.
    """
    try:
        with Image.open(path) as image:
            mode, array = image.mode, np.asarray(image)
    except (OSError, SyntaxError) as error:  # Pillow reports some damaged PNG files as SyntaxError
        raise FamdaError(f"cannot read '{path}': missing or damaged image file; copy it again") from error
    if fault := few_bits_fault(path):
        raise FamdaError(fault)
    if mode not in ('L', 'P'):
        what = 'colours' if array.ndim == 3 else 'values of more than 8 bits'
        raise FamdaError(f"'{path}' holds {what} instead of 8-bit class ids; take the id images of the data set")
    return array


def read_depth_png(path: Path) -> np.ndarray:
    """Read a 16-bit PNG of depth or disparity, uint16 [H, W]; several equal channels count as one.

    Raises:
        FamdaError: damaged, 8-bit, or channels that differ.
    """
    raw = read_png(path)
    if raw.dtype != np.uint16:
        raise FamdaError(f"'{path}' is an 8-bit image, depth needs 16 bits; copy the original file unconverted")
    if raw.ndim == 3:
        if (raw != raw[..., :1]).any():
            raise FamdaError(f"'{path}' has channels that differ, so it is no depth; copy the original file")
        raw = raw[..., 0]
    return raw


