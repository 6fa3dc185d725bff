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
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path, make_output_folder, write_atomically
from famda_ros.messages.compressed_image import read_header
from famda_ros.messages.frame_index import (
    FrameRecord,
    decode_file,
    read_frame_index,
    read_picture,
    record_fault,
    write_frame_index,
)
from famda_ros.strict_yaml import parse_yaml
from famda_ros.student.depth_units import centimetres_to_metres, metres_to_centimetres
from famda_ros.student.label_space import (
    IGNORE,
    LABEL_SPACES,
    SUFFIXES,
    LabelSpace,
    get_label_space,
    parse_label_space,
    reference,
    register,
)
from famda_train.datasets.checks import check_ids, check_view
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.label_maps import projection

PNG_HEADER_BYTES = 33
"""Signature and IHDR."""


def read_png(path: Path) -> np.ndarray:
    """Read a PNG as stored: RGB, or a single channel, uint8 or uint16.  Images are read by ``read_picture``."""
    array = decode_file(path)
    return cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if array.ndim == 3 else array


def read_values(path: Path, dtype: type[np.generic]) -> np.ndarray:
    """Read a single-channel PNG, [H, W] of ``dtype``.

    Raises:
        FamdaError: missing, damaged, or encoded otherwise.
    """
    array = read_png(path)
    if fault := few_bits_fault(path):
        raise FamdaError(fault)
    if array.ndim != 2 or array.dtype != dtype:
        found = f'{array.dtype} with {1 if array.ndim == 2 else array.shape[2]} channels'
        raise FamdaError(f"'{path}' is {found} instead of {np.dtype(dtype)} in one channel; write it again")
    return array


def few_bits_fault(path: Path) -> str | None:
    """Return a sentence where a grey PNG has fewer than 8 bits a pixel: decoders spread its values over 0 to 255."""
    with open(path, 'rb') as file:
        header = read_header(file.read(PNG_HEADER_BYTES))
    if header is None or header.channels != 1 or header.bits >= 8:
        return None
    return (
        f"'{path}' has {header.bits} bits a pixel, so that 1 would be read as {255 // (2**header.bits - 1)}; write it "
        'again with 8 bits'
    )


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
    PARTLY_LABELLED = True

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
        self.info: dict[str, Any] = read_info(self.path / 'dataset.yaml')
        self.frames = read_frame_index(self.path)
        name = self.info['label_space']
        self._stored_space = None if name is None else get_label_space(name)
        self._space = self._stored_space
        if self._stored_space is None and any((self.path / 'labels').glob('*.png')):
            raise FamdaError(
                f"'{self.path}' has labels/ but no label space; say in its dataset.yaml what the ids mean, for example "
                f"'label_space: flat7' (or {', '.join(name for name in LABEL_SPACES if name != 'flat7')})"
            )
        self._projection: np.ndarray | None = None
        if label_space and name and label_space != name:
            self._projection = projection(name, label_space)
            self._space = get_label_space(label_space)
            self.info['label_space'] = label_space

    @property
    def label_space(self) -> LabelSpace | None:
        """Label space of :meth:`labels`; None when the folder is unlabelled."""
        return self._space

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Tell whether there are ``dataset.yaml`` and ``frames.jsonl``."""
        return (path / 'dataset.yaml').is_file() and (path / 'frames.jsonl').is_file()

    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""
        return read_picture(self.path / self.frames[index].image)

    def labels(self, index: int) -> np.ndarray:
        """Return uint8 [H, W] train ids; 255 = ignore.

        Raises:
            FamdaError: missing, damaged, or ids that the label space does not define.
        """
        labels = read_values(self.ground_truth_path('labels', index), np.uint8)
        space = self._stored_space
        assert space is not None
        check_ids(labels, [*range(len(space)), IGNORE], self._named(index), space.name)
        return labels if self._projection is None else self._projection[labels]

    def depth(self, index: int) -> np.ndarray:
        """Return float32 [H, W] metres; NaN = unknown, +inf = beyond range."""
        return centimetres_to_metres(read_values(self.ground_truth_path('depth', index), np.uint16))

    def instances(self, index: int) -> np.ndarray:
        """Return uint16 [H, W] ids of single things; 0 = none."""
        return read_values(self.ground_truth_path('instances', index), np.uint16)

    def has(self, kind: str) -> bool:
        """Tell whether the folder has ``labels``, ``depth`` or ``instances`` of any frame."""
        paths = (self.ground_truth_path(kind, index) for index in range(len(self)))
        return (self.path / kind).is_dir() and any(path.is_file() for path in paths)

    def has_at(self, kind: str, index: int) -> bool:
        """Tell whether the folder has ``labels``, ``depth`` or ``instances`` of a frame."""
        return self.ground_truth_path(kind, index).is_file()

    def ground_truth_path(self, kind: str, index: int) -> Path:
        """Return the file that holds a frame's ground truth, there or not."""
        return self.path / kind / f'{self.frames[index].stem}.png'

    def stray_files(self, kind: str) -> list[Path]:
        """Return files in the folder of a kind of ground truth that belong to no frame, hidden ones aside."""
        names = {f'{frame.stem}.png' for frame in self.frames}
        folder = self.path / kind
        files = folder.iterdir() if folder.is_dir() else ()
        return sorted(file for file in files if file.name not in names and not file.name.startswith('.'))

    def _named(self, index: int) -> str:
        return f"frame '{self.frames[index].stem}' of '{self.path}'"


class FrameFolderWriter:
    """Write a frame folder; use as a context manager.

    Frames are on disk as soon as they are added; ``frames.jsonl`` and
    ``dataset.yaml`` are written at the end, so a folder that was cut short is
    recognised as unfinished instead of being read as a small one, and can be
    written again.  A finished folder is never overwritten: the outputs of teachers
    for its frames would be taken for those of the new ones.

    Raises:
        FamdaError: the folder cannot be written, holds finished frames, or there is no such label space.
    """

    def __init__(self, path: str | Path, *, name: str, label_space: str | None = None, origin: str = '', **info):
        self.path = make_output_folder(path)
        if (self.path / 'dataset.yaml').exists():
            raise FamdaError(f"'{path}' holds frames already; remove it or choose another --out")
        self._space = get_label_space(label_space) if label_space is not None else None
        space = None if self._space is None else reference(self._space)
        self._info = {'name': name, 'label_space': space, 'origin': origin, **info}
        self._records: dict[str, FrameRecord] = {}

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
            stem: file name without suffix, no other frame's.
            image: uint8 [H, W, 3] RGB.
            focal: fx in pixels at this resolution; None = unknown.
            labels: uint8 [H, W] train ids of the label space; 255 = ignore.
            depth: float [H, W] metres.
            instances: integers [H, W], ids below 65536.
            extra: further JSON values for ``frames.jsonl``.

        Raises:
            FamdaError: something else than that, or the disk is full; nothing is written then.
        """
        self._check_arrays(stem, image, labels, depth, instances)
        height, width = image.shape[:2]
        record = FrameRecord(stem, f'images/{stem}.png', width, height, focal, extra)
        self._check_record(record)
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
        self._records[stem] = record

    def _check_record(self, record: FrameRecord) -> None:
        fault = record_fault(record)
        if fault is None and record.stem in self._records:
            fault = f"the stem '{record.stem}' was added already; give every frame a stem of its own"
        try:
            json.dumps(record.extra, allow_nan=False)
        except (TypeError, ValueError) as error:
            fault = fault or f'further values must be JSON ({error})'
        if fault:
            raise FamdaError(f"'{self.path}': {fault}")

    def _check_arrays(self, stem: str, image, labels, depth, instances) -> None:
        where = f"frame '{stem}' of '{self.path}'"
        if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3):
            raise FamdaError(f'{where}: the image is {_described(image)} instead of uint8 [H, W, 3]; see read_picture')
        wanted = {'labels': (labels, 'u'), 'depth': (depth, 'f'), 'instances': (instances, 'iu')}
        for kind, (array, types) in wanted.items():
            if array is None:
                continue
            if not (isinstance(array, np.ndarray) and array.dtype.kind in types and array.ndim == 2):
                raise FamdaError(f'{where}: the {kind} are {_described(array)}, see FrameFolderWriter.add')
            check_view(array, image, kind, stem)
        if labels is not None:
            if self._space is None:
                raise FamdaError(f'{where} has labels, but the folder no label space; give label_space')
            if labels.dtype != np.uint8:
                raise FamdaError(f'{where}: the labels are {_described(labels)} instead of uint8 [H, W]')
            check_ids(labels, [*range(len(self._space)), IGNORE], where, self._space.name)
        if instances is not None and not 0 <= instances.min() <= instances.max() <= np.iinfo(np.uint16).max:
            raise FamdaError(f'{where}: ids of instances must be 0 to 65535')

    def __exit__(self, exception_type, *_):
        if exception_type is None:
            write_frame_index(self.path, self._records.values())
            write_atomically(self.path / 'dataset.yaml', yaml.safe_dump(self._info, sort_keys=False))


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    Raises:
        FamdaError: unreadable, no YAML, or a key that stands twice.
    """
    try:
        return parse_yaml(path.read_text(encoding='utf-8'))
    except Exception as error:  # the parser raises many kinds, AttributeError among them
        reason = ' '.join(str(error).split())
        raise FamdaError(f"'{path}' is damaged ({reason}); write it again") from error


def read_info(path: Path) -> dict[str, Any]:
    """Read ``dataset.yaml``.

    Returns:
        Its values; ``name``, ``origin``, ``licence`` as text where they are there, and ``label_space``, the name of
        one that is known from now on, or None.

    Raises:
        FamdaError: unreadable, no YAML, or values that cannot be.
    """
    info = read_yaml(path)
    if not isinstance(info, dict):
        raise FamdaError(f"'{path}' is damaged (no names with values); write it again")
    for key in ('name', 'origin', 'licence'):
        value = info.get(key)
        if isinstance(value, (dict, list, set, bytes)):
            raise FamdaError(f"'{path}' is damaged ({key} must be a text); write it again")
        if value is not None:
            info[key] = str(value)
    space = info.setdefault('label_space', None)
    if space is not None and not isinstance(space, (str, dict)):
        raise FamdaError(f"'{path}' is damaged (label_space must be a name, a definition or null); write it again")
    if isinstance(space, str) and Path(space).suffix.lower() not in SUFFIXES and space not in LABEL_SPACES:
        known = ', '.join(LABEL_SPACES)
        raise FamdaError(
            f"'{path}' names an unknown label space {space[:40]!r}; choose one of {known}, or the YAML file of your own"
        )
    if isinstance(space, dict):
        info['label_space'] = register(parse_label_space(space, f"'{path}', label_space,"), f"'{path}'").name
    elif space is not None:
        info['label_space'] = get_label_space(space, path.parent).name
    return info


def _described(array: Any) -> str:
    return f'{array.dtype} {list(array.shape)}' if isinstance(array, np.ndarray) else type(array).__name__
