# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of every frame's labels on disk, so that a killed process loses nothing, the way back included.

::

    FRAMES/labels/STEM.png                          what data sets read; not there while nothing is labelled
    FRAMES/annotations/index.jsonl                  a line per action: stem, action, step
    FRAMES/annotations/steps/STEM/000007.png        uint16: labels + 256 x clicks
"""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import writing_to
from famda_ros.messages.frame_index import load_json
from famda_ros.student.label_space import IGNORE
from famda_train.annotate.painting import Painted, unlabelled
from famda_train.datasets.frame_folder import read_values, write_png

FOLDER = 'annotations'
KEPT_STEPS = 60
"""Steps that can be taken back; what was there at the beginning is always kept."""

_writing = partial(writing_to, cure='make room, or get the right to write there')


class History:
    """What was done to the frames of a folder, and the labels that came of it.

    Labels that somebody else wrote are a step like any other: they can be painted over, and come back with undo.

    Args:
        frames: the frame folder.
    """

    def __init__(self, frames: Path):
        self._labels, self._folder = frames / 'labels', frames / FOLDER
        with _writing(self._folder):
            self._folder.mkdir(exist_ok=True)
            self._labels.mkdir(exist_ok=True)
        self._steps: dict[str, tuple[int, int]] = {}
        for line in self._lines():
            stem, step = line['stem'], line['step']
            self._steps[stem] = step, self._steps.get(stem, (step, step))[0]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who writes.

        Raises:
            FamdaError: somebody else does.
        """
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FamdaError(
                    f"another famda annotate works on '{self._folder.parent}'; use its page, or end it first"
                ) from None
            for stale in (*self._folder.rglob('.*.tmp*'), *self._labels.glob('.*.tmp*')):
                stale.unlink(missing_ok=True)
            self._cut_unfinished_line()
            yield
        finally:
            os.close(folder)

    def current(self, stem: str, height: int, width: int) -> Painted:
        """Return what is labelled of a frame; labels that were changed elsewhere become its newest step.

        Raises:
            FamdaError: a file is damaged, or has another size.
        """
        path = self._labels / f'{stem}.png'
        found = read_values(path, np.uint8) if path.is_file() else unlabelled(height, width).labels
        if found.shape != (height, width):
            raise FamdaError(f"'{path}' is {found.shape[1]}x{found.shape[0]}, its image {width}x{height}; remove it")
        if stem not in self._steps:
            if (found != IGNORE).any():  # written elsewhere: kept as the beginning
                self._write_step(stem, 0, 'found', Painted(found, np.zeros_like(found)))
            return Painted(found, np.zeros_like(found))
        step, before = self._steps[stem]
        painted = self._read_step(stem, step, found.shape)
        if np.array_equal(painted.labels, found):
            return painted
        if np.array_equal(self._read_step(stem, before, found.shape).labels, found):  # killed before labels/ followed
            self._write_labels(stem, painted.labels)
            return painted
        painted = Painted(found, np.zeros_like(found))
        self.add(stem, 'found', painted)
        return painted

    def labelled_share(self, stem: str) -> float:
        """Return the share of a frame's pixels that are labelled, 0..1."""
        path = self._labels / f'{stem}.png'
        return float((read_values(path, np.uint8) != IGNORE).mean()) if path.is_file() else 0.0

    def add(self, stem: str, action: str, painted: Painted) -> None:
        """Make a frame's labels those of a further step; what was taken back before is gone.

        Raises:
            FamdaError: the disk is full, for example; the labels that there are stay whole.
        """
        if stem not in self._steps:
            self._write_step(stem, 0, 'begin', unlabelled(*painted.labels.shape))
        step = self._steps[stem][0] + 1
        for number in self._numbers(stem):
            if number >= step or 0 < number < step - KEPT_STEPS:
                self._step_path(stem, number).unlink()
        self._write_step(stem, step, action, painted)
        self._write_labels(stem, painted.labels)

    def move(self, stem: str, by: int) -> bool:
        """Take the last step back (``by`` = -1), or take it again (1); tell whether there was one."""
        if not self.can_move(stem, by):
            return False
        step = self._steps[stem][0] + by
        shape = self._read_step(stem, step).labels
        with _writing(self._folder):
            self._write_line(stem, 'undo' if by < 0 else 'redo', step)
        self._write_labels(stem, shape)
        return True

    def can_move(self, stem: str, by: int) -> bool:
        """Tell whether there is a step back (``by`` = -1), or one that was taken back (1)."""
        return stem in self._steps and self._steps[stem][0] + by in self._numbers(stem)

    def _numbers(self, stem: str) -> set[int]:
        return {int(path.stem) for path in (self._folder / 'steps' / stem).glob('*.png') if path.stem.isdigit()}

    def _step_path(self, stem: str, step: int) -> Path:
        return self._folder / 'steps' / stem / f'{step:06d}.png'

    def _read_step(self, stem: str, step: int, shape: tuple[int, ...] | None = None) -> Painted:
        path = self._step_path(stem, step)
        stored = read_values(path, np.uint16)
        if shape is not None and stored.shape != shape:
            raise FamdaError(f"'{path}' has another size than the image; remove '{path.parent}'")
        return Painted((stored & 255).astype(np.uint8), (stored >> 8).astype(np.uint8))

    def _write_step(self, stem: str, step: int, action: str, painted: Painted) -> None:
        path = self._step_path(stem, step)
        with _writing(self._folder):
            if step == 0:  # steps without a line are of nobody
                shutil.rmtree(path.parent, ignore_errors=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, painted.labels.astype(np.uint16) | painted.clicks.astype(np.uint16) << 8)
            self._write_line(stem, action, step)

    def _write_line(self, stem: str, action: str, step: int) -> None:
        with open(self._folder / 'index.jsonl', 'a', encoding='utf-8') as index:
            index.write(json.dumps({'stem': stem, 'action': action, 'step': step}) + '\n')
        self._steps[stem] = step, self._steps.get(stem, (step, step))[0]

    def _write_labels(self, stem: str, labels: np.ndarray) -> None:
        path = self._labels / f'{stem}.png'
        with _writing(self._labels):
            if (labels == IGNORE).all():
                path.unlink(missing_ok=True)
            else:
                write_png(path, labels)

    def _cut_unfinished_line(self) -> None:
        path = self._folder / 'index.jsonl'
        content = path.read_bytes() if path.exists() else b''
        whole = content.rfind(b'\n') + 1
        if whole < len(content):
            with _writing(self._folder):
                os.truncate(path, whole)

    def _lines(self) -> Iterator[dict]:
        path = self._folder / 'index.jsonl'
        content = path.read_bytes() if path.exists() else b''
        for number, line in enumerate(content[: content.rfind(b'\n') + 1].splitlines(), 1):
            try:
                entry = load_json(line)
                if not (isinstance(entry['stem'], str) and type(entry['step']) is int and entry['step'] >= 0):
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                raise FamdaError(f"'{path}', line {number} is damaged; delete that line") from None
            yield entry
