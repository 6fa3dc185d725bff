# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A frame folder that a person labels: frames in order, their pieces, and actions on their labels."""
from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.student.label_space import IGNORE, LabelSpace, get_label_space, reference
from famda_train.annotate.history import History
from famda_train.annotate.painting import Painted, accept, click, cut, next_pieces, stroke, taken, unlabelled
from famda_train.annotate.splitting import Splitter
from famda_train.annotate.suggestions import Suggestions, most_informative_first
from famda_train.datasets.frame_folder import FrameFolder, read_info, read_yaml
from famda_train.label_store.label_store import LabelStore

KEPT_FRAMES = 12
"""Frames whose pieces are kept in memory."""
THUMBNAIL_WIDTH = 160
MOST_POINTS, MOST_RADIUS = 20_000, 500

Kept = TypeVar('Kept')


class BadAction(FamdaError):
    """An action that no page of this program sends."""


@dataclass(frozen=True)
class FrameState:
    """What a page shows of a frame.

    Attributes:
        labels: uint8 [H, W] train ids; 255 = not labelled.
        suggestion: uint8 [H, W], what the student predicts; 255 = nothing.
        pieces: int32 [H, W], what the next click takes; where one was before and a decoder splits, see
            :meth:`Annotator.part`.
        split: bool [H, W], where that is.
        undo, redo: whether there is a step back, and forth.
    """

    labels: np.ndarray
    suggestion: np.ndarray
    pieces: np.ndarray
    split: np.ndarray
    undo: bool
    redo: bool

    @property
    def labelled(self) -> float:
        """Share of the pixels that are labelled, 0..1."""
        return float((self.labels != IGNORE).mean())


def open_folder(path: str | Path, space: str | None) -> FrameFolder:
    """Open a frame folder to label it; a folder without a label space gets it.

    Args:
        path: the folder.
        space: label space, a name or a YAML file; None = that of the folder.

    Raises:
        FamdaError: no frame folder, no frames, no label space, or two different ones.
    """
    card = Path(path) / 'dataset.yaml'
    if not card.is_file():
        raise FamdaError(f"'{path}' is no frame folder: it has no dataset.yaml; make one with famda extract")
    there, wanted = read_info(card)['label_space'], None if space is None else get_label_space(space)
    if there is None and wanted is None:
        raise FamdaError(f"'{path}' does not say which classes there are; name them with --space FILE.yaml")
    if there is not None and wanted is not None and there != wanted.name:
        raise FamdaError(f"'{path}' is labelled in {there}, not in {wanted.name}; leave out --space")
    if there is None and wanted is not None:
        info = read_yaml(card) | {'label_space': reference(wanted)}
        try:
            write_atomically(card, yaml.safe_dump(info, sort_keys=False))
        except OSError as error:
            raise FamdaError(f"cannot write '{card}' ({error.strerror}); get the right to write there") from error
    data = FrameFolder(path)
    if not len(data):
        raise FamdaError(f"'{path}' holds no frames; make some with famda extract")
    return data


def mask_store(data: FrameFolder, name: str | None) -> LabelStore | None:
    """Return a store of masks; without a name the only one, or None where there is none.

    Raises:
        FamdaError: there is no such store, or there are several and no name.
    """
    names = [there for role, there in LabelStore.names(data.store) if role == 'masks']
    if name is None and len(names) > 1:
        raise FamdaError(f"'{data.path}' has several stores of masks; choose one with --masks: {', '.join(names)}")
    name = name or (names[0] if names else None)
    return None if name is None else LabelStore.open(data.store, 'masks', name)


class Annotator:
    """The frames, and what is done to their labels; every action is on disk when it returns.

    Args:
        data: the frame folder, with its label space.
        masks: store of the masks that a click takes; None = superpixels.
        model: student file that fills in first; None = nobody does.
        stems: these frames alone, in this order; () = all, most informative first.
        progress: called with (what is done, done, in all).
        splitter: what splits masks at further clicks; None = superpixels do.

    Attributes:
        frames: places of the shown frames in the folder, in the order in which they are shown.
    """

    def __init__(
        self,
        data: FrameFolder,
        masks: LabelStore | None = None,
        model: str | Path | None = None,
        stems: Sequence[str] = (),
        progress: Callable[[str, int, int], None] = lambda what, done, total: None,
        splitter: Splitter | None = None,
    ):
        assert data.label_space is not None
        self.data, self._masks, self._splitter, self.space = data, masks, splitter, data.label_space
        self.history = History(data.path)
        self._suggestions = (
            None if model is None else Suggestions(data, model, self.space, lambda *n: progress('suggestions', *n))
        )
        places = {frame.stem: place for place, frame in enumerate(data.frames)}
        if unknown := [stem for stem in stems if stem not in places]:
            raise FamdaError(f"'{data.path}' has no frame '{unknown[0]}'; its frames.jsonl names them")
        self.frames = (
            [places[stem] for stem in dict.fromkeys(stems)]
            if stems
            else most_informative_first(data, self._suggestions, lambda *n: progress('order of frames', *n))
        )
        self._cuts: OrderedDict[int, np.ndarray] = OrderedDict()
        self._thumbnails: dict[int, bytes] = {}
        self._writing, self._cutting, self._keeping = threading.Lock(), threading.Lock(), threading.Lock()

    def session(self) -> dict[str, Any]:
        """Return what a page must know at first, for JSON."""
        stems = [self.data.frames[place].stem for place in self.frames]
        return {
            'folder': str(self.data.path),
            'space': _described(self.space),
            'masks': 'superpixels' if self._masks is None else self._masks.path.name,
            'splitter': None if self._splitter is None else self._splitter.name,
            'suggested': self._suggestions is not None,
            'frames': [{'stem': stem, 'labelled': self.history.labelled_share(stem)} for stem in stems],
        }

    def image_path(self, index: int) -> Path:
        """Return the file of a frame's image."""
        return self.data.path / self.data.frames[self.frames[index]].image

    def image(self, index: int) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB."""
        return self.data.image(self.frames[index])

    def thumbnail(self, index: int) -> bytes:
        """Return a small picture of a frame, a JPEG file."""
        if index not in self._thumbnails:
            image = self.image(index)
            height = max(1, round(image.shape[0] * THUMBNAIL_WIDTH / image.shape[1]))
            small = cv2.resize(image, (THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_AREA)
            self._thumbnails[index] = cv2.imencode('.jpg', cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()
        return self._thumbnails[index]

    def state(self, index: int) -> FrameState:
        """Return what is labelled of a frame, what is suggested, and what the next click takes."""
        levels = self._levels(index)
        with self._writing:
            return self._state(index, levels, self._painted(index, levels))

    def part(self, index: int, values: Mapping[str, Any]) -> np.ndarray:
        """Return bool [H, W], what the next click on a place takes.

        Args:
            index: of the shown frame.
            values: {x, y}, of a pixel.

        Raises:
            BadAction: no such pixel.
        """
        levels = self._levels(index)
        x, y = _place(values, *levels.shape[1:])
        masks = self._masks_at(index, levels, x, y)
        with self._writing:
            return taken(levels, self._painted(index, levels), x, y, masks=masks)[0]

    def act(self, index: int, action: str, values: Mapping[str, Any]) -> FrameState:
        """Change the labels of a frame; they are on disk when this returns.

        Args:
            index: of the shown frame.
            action: click {x, y, label, whole}, stroke {points, radius, label}, accept {}, clear {}, undo {}, redo {}.
            values: of the action.

        Raises:
            BadAction: no such action, or values that cannot be; nothing is changed.
            FamdaError: the disk is full, for example.
        """
        levels, stem = self._levels(index), self._stem(index)
        height, width = levels.shape[1:]
        masks = None
        if action == 'click':
            x, y = _place(values, height, width)
            label, whole = self._label(values), values.get('whole') is True
            masks = None if whole else self._masks_at(index, levels, x, y)  # others write while it is asked
        with self._writing:
            painted = self._painted(index, levels)
            if action in ('undo', 'redo'):
                self.history.move(stem, -1 if action == 'undo' else 1)
                return self._state(index, levels, self._painted(index, levels))
            if action == 'click':
                painted = click(levels, painted, x, y, label, whole, masks)
            elif action == 'stroke':
                points = _points(values.get('points'), width, height)
                painted = stroke(painted, points, _number(values, 'radius', 0.5, MOST_RADIUS), self._label(values))
            elif action == 'accept':
                painted = accept(painted, self._suggestion(index, height, width))
            elif action == 'clear':
                painted = unlabelled(height, width)
            else:
                raise BadAction(f"there is no action '{action}'")
            self.history.add(stem, action, painted)
            if action == 'click' and self._splitter is not None:  # the next click may split
                self._splitter.look_at(index, lambda: self.image(index))
            return self._state(index, levels, painted)

    def _masks_at(self, index: int, levels: np.ndarray, x: int, y: int) -> np.ndarray | None:
        """Return what the decoder finds at a pixel that a click has taken; None = it is not to be asked."""
        if self._splitter is None:
            return None
        with self._writing:
            clicks = self._painted(index, levels).clicks
        return self._splitter.masks(index, lambda: self.image(index), x, y) if clicks[y, x] else None

    def _label(self, values: Mapping[str, Any]) -> int:
        label = values.get('label')
        if type(label) is not int or not (0 <= label < len(self.space) or label == IGNORE):
            raise BadAction(f'the label must be a class of {self.space.name}, or 255, not {label!r}')
        return label

    def _stem(self, index: int) -> str:
        return self.data.frames[self.frames[index]].stem

    def _painted(self, index: int, levels: np.ndarray) -> Painted:
        painted = self.history.current(self._stem(index), *levels.shape[1:])
        if (known := int(np.where(painted.labels == IGNORE, 0, painted.labels).max())) >= len(self.space):
            raise FamdaError(f"the labels of frame '{self._stem(index)}' hold {known}, which {self.space.name} has not")
        return painted

    def _state(self, index: int, levels: np.ndarray, painted: Painted) -> FrameState:
        suggestion = self._suggestion(index, *levels.shape[1:])
        back, forth = (self.history.can_move(self._stem(index), by) for by in (-1, 1))
        split = (painted.clicks > 0) & (self._splitter is not None)
        return FrameState(painted.labels, suggestion, next_pieces(levels, painted), split, back, forth)

    def _suggestion(self, index: int, height: int, width: int) -> np.ndarray:
        if self._suggestions is None:
            return unlabelled(height, width).labels
        return self._suggestions.labels(self.frames[index], height, width)

    def _levels(self, index: int) -> np.ndarray:
        kept = self._kept(index)
        if kept is None:
            with self._cutting:  # one at a time; frames that are kept do not wait for it
                kept = self._kept(index)
                if kept is None:
                    kept = self._cut(index)
        return kept

    def _kept(self, index: int) -> np.ndarray | None:
        with self._keeping:
            if index in self._cuts:
                self._cuts.move_to_end(index)
            return self._cuts.get(index)

    def _cut(self, index: int) -> np.ndarray:
        stem, segments = self._stem(index), None
        if self._masks is not None and stem in self._masks:
            segments = self._masks.read_segments(stem)
        levels = cut(self.image(index), segments)
        with self._keeping:
            self._cuts[index] = levels
            while len(self._cuts) > KEPT_FRAMES:
                self._cuts.popitem(last=False)
        return levels


def _described(space: LabelSpace) -> dict[str, Any]:
    return {'name': space.name, 'classes': list(space.classes), 'colors': [list(color) for color in space.colors]}


def _number(values: Mapping[str, Any], key: str, least: float, most: float) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise BadAction(f'{key} must be {least:g} to {most:g}, not {value!r}')
    return value


def _place(values: Mapping[str, Any], height: int, width: int) -> tuple[int, int]:
    """Return column and row of a pixel."""
    return int(_number(values, 'x', 0, width - 1)), int(_number(values, 'y', 0, height - 1))


def _points(values: Any, width: int, height: int) -> list[tuple[float, float]]:
    if not (isinstance(values, list) and 0 < len(values) <= MOST_POINTS):
        raise BadAction(f'a stroke has 1 to {MOST_POINTS} points')
    points = []
    for point in values:
        if not (isinstance(point, list) and len(point) == 2):
            raise BadAction(f'a point of a stroke is [x, y], not {point!r}')
        named = dict(zip('xy', point, strict=True))
        points.append((_number(named, 'x', -width, 2 * width), _number(named, 'y', -height, 2 * height)))
    return points
