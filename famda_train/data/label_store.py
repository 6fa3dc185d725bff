# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The label store: cached teacher outputs beside the frames they belong to.

::

    FRAMES/teachers/masks-felzenszwalb/{teacher.json,index.jsonl,000000.png,...}
    FRAMES/teachers/depth-street-world/{teacher.json,index.jsonl,000000.png,...}

Masks are uint16 ids.  Depth is uint16 with value * scale + offset per image, raw 0 =
unknown; ``kind`` says whether that is metres (``depth``) or affine-invariant
``disparity``.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_train.data.frame_folder import read_png, write_png

LEVELS = 65535
FINEST = 1e-9
"""Smallest step between levels; finer differences are none."""


def quantise(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Spread the finite values of an array over uint16 1..65535; 0 = unknown.

    Args:
        values: float [H, W]; NaN and inf are stored as unknown.

    Returns:
        (raw uint16 [H, W], scale, offset) with values = raw * scale + offset,
        exact to (max - min) / 131068.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint16), 1.0, 0.0
    low, high = float(values[finite].min()), float(values[finite].max())
    scale = max((high - low) / (LEVELS - 1), FINEST)
    offset = low - scale
    raw = np.round((np.where(finite, values, low).astype(np.float64) - offset) / scale)
    return np.where(finite, raw, 0).astype(np.uint16), scale, offset


def dequantise(raw: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Inverse of :func:`quantise`; float32 [H, W], NaN where raw is 0."""
    values = raw.astype(np.float32) * np.float32(scale) + np.float32(offset)
    values[raw == 0] = np.nan
    return values


def _no_store(path: Path, role: str, name: str) -> str:
    from famda_train.teachers.depth import DEPTH_TEACHERS  # teachers write stores, and so import this file
    from famda_train.teachers.masks import MASK_TEACHERS

    what, known = ('mask', list(MASK_TEACHERS)) if role == 'masks' else ('depth', list(DEPTH_TEACHERS))
    if name in known:
        return f"'{path}' does not exist; make it with famda label and --{role} {name}"
    return (
        f"there is no store '{path.name}' in '{path.parent}'; FAMDA has no {what} teacher '{name}' yet: "
        f'fill the store yourself (docs/adapt.md), take {" or ".join(known)}, or --data.{role} null'
    )


class LabelStore:
    """Outputs of one teacher for one frame folder.

    An entry counts only when its line stands in ``index.jsonl``, which is appended after
    its picture is whole: a killed run resumes and loses the image in hand, no more.
    """

    def __init__(self, path: Path, identity: dict[str, Any]):
        self.path, self.identity = path, identity
        self._index = self._read_index()

    @classmethod
    def create(cls, frames: str | Path, role: str, identity: dict[str, Any]) -> LabelStore:
        """Open or begin the store of a teacher.

        Args:
            frames: frame folder.
            role: ``masks`` or ``depth``.
            identity: JSON description of the teacher, with its ``name``.

        Raises:
            FamdaError: a store of that name was made by another teacher or settings.
        """
        path = cls._path(frames, role, identity['name'])
        path.mkdir(parents=True, exist_ok=True)
        card = path / 'teacher.json'
        if not card.exists():
            write_atomically(card, json.dumps(identity, indent=2) + '\n')
        elif json.loads(card.read_text()) != identity:
            raise FamdaError(f"'{path}' was made by another teacher or other settings; delete it to label again")
        return cls(path, identity)

    @classmethod
    def open(cls, frames: str | Path, role: str, name: str) -> LabelStore:
        """Open an existing store for reading.

        Raises:
            FamdaError: there is none.
        """
        path = cls._path(frames, role, name)
        if not (path / 'teacher.json').is_file():
            raise FamdaError(_no_store(path, role, name))
        return cls(path, json.loads((path / 'teacher.json').read_text()))

    @staticmethod
    def _path(frames: str | Path, role: str, name: str) -> Path:
        return Path(frames) / 'teachers' / f'{role}-{name}'

    @property
    def kind(self) -> str:
        """What the values mean: ``segments``, ``depth`` or ``disparity``."""
        return self.identity['kind']

    def __contains__(self, stem: str) -> bool:
        return stem in self._index

    def write_segments(self, stem: str, segments: np.ndarray) -> None:
        """Store mask ids, integers [H, W] below 65536."""
        if segments.max(initial=0) > LEVELS:
            raise ValueError(f'{stem}: {segments.max()} masks do not fit into 16 bits')
        self._write(stem, segments.astype(np.uint16), {'masks': int(segments.max(initial=0))})

    def write_depth(self, stem: str, values: np.ndarray) -> None:
        """Store metres or disparity, float [H, W]; NaN = unknown."""
        raw, scale, offset = quantise(values)
        self._write(stem, raw, {'scale': scale, 'offset': offset})

    def read_segments(self, stem: str) -> np.ndarray:
        """Return uint16 [H, W]; 0 = no mask."""
        self._entry(stem)
        return read_png(self.path / f'{stem}.png')

    def read_depth(self, stem: str) -> np.ndarray:
        """Return float32 [H, W] in the units of :attr:`kind`; NaN = unknown."""
        entry = self._entry(stem)
        return dequantise(read_png(self.path / f'{stem}.png'), entry['scale'], entry['offset'])

    def _entry(self, stem: str) -> dict[str, Any]:
        if stem not in self._index:
            raise FamdaError(f"'{self.path}' has no entry for frame {stem}; run famda label again to complete it")
        return self._index[stem]

    def _write(self, stem: str, array: np.ndarray, parameters: dict[str, Any]) -> None:
        write_png(self.path / f'{stem}.png', array)
        self._index[stem] = {'stem': stem, **parameters}
        with open(self.path / 'index.jsonl', 'a', encoding='utf-8') as index:
            index.write(json.dumps(self._index[stem]) + '\n')

    def _read_index(self) -> dict[str, dict[str, Any]]:
        path = self.path / 'index.jsonl'
        if not path.exists():
            return {}
        text = path.read_text()
        whole = text[: text.rfind('\n') + 1]
        if whole != text:  # the last line was cut short by a kill
            write_atomically(path, whole)
        return {entry['stem']: entry for entry in map(json.loads, whole.splitlines())}
