# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The frame folder: images of one domain, with ground truth where there is some.

::

    night/
      dataset.yaml      name, label space, origin
      frames.jsonl      one line per frame, in order
      images/000123.png
      labels/000123.png     uint8 train ids             (optional)
      depth/000123.png      uint16 centimetres          (optional)
      instances/000123.png  uint16 ids, 0 = none        (optional)
      teachers/             see famda_train.label_store.label_store
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path, make_output_folder, write_atomically
from famda_ros.student.depth_units import centimetres_to_metres, metres_to_centimetres
from famda_train.datasets.dataset import Dataset, FrameRecord
from famda_train.datasets.label_maps import projection


def read_png(path: Path) -> np.ndarray:
    """Read a PNG or JPEG as stored: uint8 RGB, or uint8/uint16 single channel."""
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise FamdaError(f"cannot read '{path}': missing or damaged image file")
    return cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if array.ndim == 3 else array


def read_values(path: Path, dtype: type[np.generic]) -> np.ndarray:
    """Read a single-channel PNG, [H, W] of ``dtype``.

    Raises:
        FamdaError: missing, damaged, or encoded otherwise.
    """
    array = read_png(path)
    if array.ndim != 2 or array.dtype != dtype:
        found = f'{array.dtype} with {1 if array.ndim == 2 else array.shape[2]} channels'
        raise FamdaError(f"'{path}' is {found}, a frame folder keeps {np.dtype(dtype)} in one channel; write it again")
    return array


def write_png(path: Path, array: np.ndarray) -> None:
    """Write uint8 RGB or a uint8/uint16 single channel as PNG, atomically."""
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    with atomic_path(path) as temporary:
        if not cv2.imwrite(str(temporary), array):
            raise FamdaError(f"cannot write '{path}': is the disk full?")


class FrameFolder(Dataset):
    """Read access to a frame folder; arrays follow the project's vocabulary."""

    KIND = 'frame-folder'

    def __init__(self, path: str | Path, label_space: str | None = None):
        """Open a folder.

        Args:
            path: the folder.
            label_space: what labels are projected to; None = as they are stored.

        Raises:
            FamdaError: the folder has no readable ``dataset.yaml`` or ``frames.jsonl``,
                or its labels cannot be projected.
        """
        self.path = Path(path)
        if not (self.path / 'dataset.yaml').is_file():
            raise FamdaError(f"'{self.path}' is no frame folder: it has no dataset.yaml")
        self.info: dict[str, Any] = yaml.safe_load((self.path / 'dataset.yaml').read_text()) or {}
        self.frames = read_frames(self.path / 'frames.jsonl')
        self._stored_space = self.info.get('label_space')
        self._projection: np.ndarray | None = None
        if label_space and self._stored_space and label_space != self._stored_space:
            self._projection = projection(self._stored_space, label_space)
            self.info['label_space'] = label_space

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there are ``dataset.yaml`` and ``frames.jsonl``."""
        return (path / 'dataset.yaml').is_file() and (path / 'frames.jsonl').is_file()

    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""
        return read_png(self.path / self.frames[index].image)

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids; 255 = ignore."""
        labels = read_values(self.ground_truth_path('labels', index), np.uint8)
        return labels if self._projection is None else self._projection[labels]

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; NaN = unknown, +inf = beyond range."""
        return centimetres_to_metres(read_values(self.ground_truth_path('depth', index), np.uint16))

    def instances(self, index: int) -> np.ndarray:
        """Return uint16 [H, W] ids of single things; 0 = none."""
        return read_values(self.ground_truth_path('instances', index), np.uint16)

    def has(self, kind: str) -> bool:
        """Tell whether the folder has ``labels``, ``depth`` or ``instances``."""
        return bool(self.frames) and self.ground_truth_path(kind, 0).is_file()

    def ground_truth_path(self, kind: str, index: int) -> Path:
        """Return the file that holds a frame's ground truth, there or not."""
        return self.path / kind / f'{self.frames[index].stem}.png'


class FrameFolderWriter:
    """Write a frame folder; use as a context manager.

    Frames are on disk as soon as they are added; ``frames.jsonl`` and
    ``dataset.yaml`` are written at the end, so a folder that was cut short is
    recognised as unfinished instead of being read as a small one, and can be
    written again.  A finished folder is never overwritten: what teachers said about
    its frames would be taken for the new ones.

    Raises:
        FamdaError: the folder cannot be written, or holds finished frames.
    """

    def __init__(self, path: str | Path, *, name: str, label_space: str | None = None, origin: str = '', **info):
        self.path = make_output_folder(path)
        if (self.path / 'dataset.yaml').exists():
            raise FamdaError(f"'{path}' holds frames already; remove it or choose another --out")
        self._info = {'name': name, 'label_space': label_space, 'origin': origin, **info}
        self._records: list[FrameRecord] = []

    def __enter__(self) -> FrameFolderWriter:
        return self

    def add(
        self,
        stem: str,
        image: np.ndarray,
        *,
        focal: float | None = None,
        labels: np.ndarray | None = None,
        depth: np.ndarray | None = None,
        instances: np.ndarray | None = None,
        **extra,
    ) -> None:
        """Write one frame.

        Args:
            stem: file name without suffix.
            image: uint8 [H, W, 3] RGB.
            focal: fx in pixels at this resolution.
            labels: uint8 [H, W] train ids.
            depth: float32 [H, W] metres.
            instances: [H, W] ids below 65536.
            extra: further JSON values for ``frames.jsonl``.
        """
        arrays = {
            'images': image,
            'labels': labels,
            'depth': None if depth is None else metres_to_centimetres(depth),
            'instances': None if instances is None else instances.astype(np.uint16),
        }
        for kind, array in arrays.items():
            if array is not None:
                (self.path / kind).mkdir(exist_ok=True)
                write_png(self.path / kind / f'{stem}.png', array)
        height, width = image.shape[:2]
        self._records.append(FrameRecord(stem, f'images/{stem}.png', width, height, focal, extra))

    def __exit__(self, exception_type, *_):
        if exception_type is None:
            write_frames(self.path / 'frames.jsonl', self._records)
            write_atomically(self.path / 'dataset.yaml', yaml.safe_dump(self._info, sort_keys=False))


def read_frames(path: Path) -> list[FrameRecord]:
    """Read ``frames.jsonl``.

    Raises:
        FamdaError: missing, or a line that is no frame; tells its number.
    """
    try:
        lines = path.read_text(encoding='utf-8').split('\n')
    except (OSError, ValueError) as error:
        raise FamdaError(f"'{path}' is missing or damaged ({error})") from error
    frames = []
    for number, line in enumerate(lines, 1):
        try:
            frames += [FrameRecord(**json.loads(line))] if line.strip() else []
        except json.JSONDecodeError as error:
            reason = f'{error.msg} at column {error.colno}'
            raise FamdaError(f"'{path}', line {number} is damaged ({reason}); mend or delete that line") from error
        except TypeError as error:
            raise FamdaError(f"'{path}', line {number} is damaged ({error}); mend or delete that line") from error
    return frames


def write_frames(path: Path, frames: Iterable[FrameRecord]) -> None:
    """Write ``frames.jsonl``."""
    write_atomically(path, ''.join(json.dumps(asdict(frame)) + '\n' for frame in frames))
