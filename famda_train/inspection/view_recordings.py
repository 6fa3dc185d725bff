# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings to see: camera images, and what a node or ``famda perceive`` has answered."""
from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import BagFrame, read_messages, topics_of
from famda_ros.messages.bag_types import CAMERA_INFO as CAMERA_INFO_TYPE
from famda_ros.messages.bag_types import COMPRESSED_IMAGE, DIAGNOSTICS, IMAGE, STRING, stamp_ns_of
from famda_ros.messages.camera_info import Intrinsics, intrinsics_of, namespace_of
from famda_ros.messages.compressed_image import JPEG_SIGNATURE
from famda_ros.messages.depth_image import decompress_depth, image_to_depth
from famda_ros.messages.image_messages import MalformedImage, compressed_to_rgb, image_to_array, image_to_rgb
from famda_ros.pipeline.offline import open_source
from famda_ros.student.label_space import LabelSpace
from famda_ros.topics import CAMERA_INFO, CONFIDENCE, DEPTH, DEPTH_COMPRESSED, LABELS, MASK
from famda_train.inspection.viewing import Faults, Layer, ViewFrame, ViewSource

ANSWERS = 'answers'
WAITING = 16
"""So many frames wait for their other messages: a node answers later than the next images come."""


def recording_source(path: str | Path, topic: str | None, faults: Faults) -> ViewSource:
    """Return the camera images of a bag or a folder of images, as ``famda perceive`` reads them.

    Raises:
        FamdaError: no recording, no images, or several image topics and ``topic`` is None.
    """
    total, frames = open_source(path, topic, faults.on_malformed, faults.on_calibration, faults.losses.append)
    return ViewSource(Path(path).name, total, {}, {}, map(_view_frame, frames))


def _view_frame(frame: BagFrame) -> ViewFrame:
    height, width = frame.image.shape[:2]
    camera = intrinsics_of(frame.camera_info, width, height)
    if camera is None and frame.focal is not None:
        camera = Intrinsics.centred(frame.focal, width, height)
    shown = _as_shown(frame.encoded or b'', frame.format)
    return ViewFrame(frame.name, frame.stamp_ns, frame.image, shown, camera)


def _as_shown(data: bytes, form: str) -> bytes | None:
    """Return a compressed image where it looks as its pixels are: no colour mosaic, no exchanged colours."""
    plain = data.startswith(JPEG_SIGNATURE) and not form.startswith('bayer') and 'compressed rgb' not in form
    return data if plain else None


@dataclass(frozen=True)
class _Topics:
    """Topics of one camera: what they hold → name; what lacks is not in it."""

    names: Mapping[str, str]
    compressed_image: bool

    @property
    def of_a_frame(self) -> set[str]:
        return set(self.names) & {'image', 'labels', 'confidence', 'depth', 'packed_depth'}


def masks_of(path: str | Path) -> list[str]:
    """Return the mask topics of a bag, which say that it holds answers; [] for what is no bag."""
    return sorted(t for t, (kind, _) in topics_of(path).items() if kind == IMAGE and t.endswith(f'/{MASK}'))


def answers_source(path: str | Path, topic: str | None, faults: Faults) -> ViewSource:
    """Return what a bag holds of one camera: masks, confidence, depth, and the images where they are in it.

    Args:
        path: of the bag.
        topic: mask topic; None = the only one.
        faults: gets messages that cannot be read.

    Raises:
        FamdaError: no bag, or several cameras and ``topic`` is None.
    """
    topics, masks = topics_of(path), masks_of(path)
    if topic is None and len(masks) > 1:
        raise FamdaError(
            f"the bag '{path}' has answers of {len(masks)} cameras ({', '.join(masks)}); choose one: --topic {masks[0]}"
        )
    if topic is not None and topic not in masks:
        raise FamdaError(f"the bag '{path}' has answers, but not the mask topic '{topic}'; it has {', '.join(masks)}")
    mask = topic or masks[0]
    found = _topics_beside(mask, topics)
    space = _label_space(path, found.names.get('space'))
    parts = [part for part in ('labels', 'confidence') if part in found.names]
    parts += ['depth'] if found.of_a_frame & {'depth', 'packed_depth'} else []
    return ViewSource(
        name=Path(path).name,
        total=topics[mask][1],
        parts={ANSWERS: tuple(parts)},
        spaces={ANSWERS: space} if space else {},
        frames=_answered(path, found, faults),
        has_images='image' in found.names,
    )


def _topics_beside(mask: str, topics: Mapping[str, tuple[str, int]]) -> _Topics:
    namespace = mask.removesuffix(f'/{MASK}')
    wanted = {
        'labels': (f'{namespace}/{MASK}', IMAGE),
        'confidence': (f'{namespace}/{CONFIDENCE}', IMAGE),
        'depth': (f'{namespace}/{DEPTH}', IMAGE),
        'packed_depth': (f'{namespace}/{DEPTH_COMPRESSED}', COMPRESSED_IMAGE),
        'camera': (f'{namespace}/{CAMERA_INFO}', CAMERA_INFO_TYPE),
        'space': (f'{namespace}/{LABELS}', STRING),
        'diagnostics': ('/diagnostics', DIAGNOSTICS),
    }
    names = {what: name for what, (name, kind) in wanted.items() if topics.get(name, ('', 0))[0] == kind}
    if 'depth' in names:
        names.pop('packed_depth', None)
    images = sorted(
        (kind == IMAGE, name)
        for name, (kind, count) in topics.items()
        if kind in (IMAGE, COMPRESSED_IMAGE) and count and namespace_of(name) == namespace
    )
    if images:  # the compressed one first: it is smaller
        names['image'] = images[0][1]
    return _Topics(names, bool(images) and not images[0][0])


def _label_space(path: str | Path, topic: str | None) -> LabelSpace | None:
    """Return the label space of the latched labels of a bag; None = it has none."""
    if topic is None:
        return None
    message = next((message for *_, message in read_messages(path, [topic], lambda _: None)), None)
    if message is None:
        return None
    try:
        values = json.loads(message.data)
        classes = sorted(values['classes'], key=lambda row: row['id'])
        red_green_blue = tuple((int(r), int(g), int(b)) for r, g, b in (row['color'] for row in classes))
        return LabelSpace(values['label_space'], tuple(row['name'] for row in classes), red_green_blue)
    except (ValueError, KeyError, TypeError) as error:
        raise FamdaError(
            f"'{path}', topic {topic}: the labels are no JSON of a label space ({error}); record it again"
        ) from error


@dataclass
class _Pending:
    """The messages of one stamp that have come."""

    parts: dict[str, Any] = field(default_factory=dict)
    encoded: bytes | None = None
    seen: set[str] = field(default_factory=set)


class _Assembly:
    """Puts the messages of a stamp together; yields a frame when it is whole, or when many newer ones have begun."""

    def __init__(self, path: str | Path, topics: _Topics, faults: Faults):
        self._path, self._topics, self._faults = path, topics, faults
        self._info: Any = None
        self._pending: OrderedDict[int, _Pending] = OrderedDict()
        self._scalars: dict[str, float] = {}
        self._messages: list[tuple[str, str]] = []
        self._done = 0

    def add(self, what: str, message: Any) -> Iterator[ViewFrame]:
        """Take a message; yield the frames that are complete by it."""
        if what == 'camera':
            self._info = message if intrinsics_of(message, 4, 3) else self._info
            return
        if what == 'diagnostics':
            self._take_diagnostics(message)
            return
        stamp = stamp_ns_of(message.header)
        pending = self._pending.setdefault(stamp, _Pending())
        pending.seen.add(what)
        try:
            pending.parts['depth' if what == 'packed_depth' else what] = self._decode(what, message)
            if what == 'image' and self._topics.compressed_image:
                pending.encoded = _as_shown(bytes(message.data), str(message.format))
        except MalformedImage as error:
            self._faults.on_malformed(f"'{self._path}', topic {self._topics.names[what]}, stamp {stamp}: {error}")
        if pending.seen >= self._topics.of_a_frame:
            yield self._frame(stamp, self._pending.pop(stamp))
        while len(self._pending) > WAITING:
            yield self._frame(*self._pending.popitem(last=False))

    def rest(self) -> Iterator[ViewFrame]:
        """Yield what is left at the end."""
        while self._pending:
            yield self._frame(*self._pending.popitem(last=False))

    def _decode(self, what: str, message: Any) -> np.ndarray:
        if what == 'image':
            return compressed_to_rgb(message) if self._topics.compressed_image else image_to_rgb(message)
        if what == 'packed_depth':
            return decompress_depth(message)
        if what == 'depth':
            return image_to_depth(message)
        if message.encoding not in ('mono8', '8UC1'):
            raise MalformedImage(f"encoding '{message.encoding}' is no mask; masks and confidence are mono8")
        return image_to_array(message).copy()

    def _take_diagnostics(self, message: Any) -> None:
        for status in message.status:
            for value in status.values:
                try:
                    number = float(value.value.split()[0])
                except (ValueError, IndexError):
                    continue
                if math.isfinite(number):
                    self._scalars[f'{status.name}/{value.key}'] = number
            if status.message:
                self._messages.append((status.name, status.message))

    def _frame(self, stamp: int, pending: _Pending) -> ViewFrame:
        parts = pending.parts
        array = next(iter(parts.values()), None)
        camera = None if array is None else intrinsics_of(self._info, array.shape[1], array.shape[0])
        image = parts.pop('image', None)
        scalars, self._scalars = self._scalars, {}
        messages, self._messages = tuple(self._messages), []
        name = f'{self._done:06d}_{stamp // 10**9}.{stamp % 10**9:09d}'
        self._done += 1
        layers = {ANSWERS: Layer(**parts)} if parts else {}
        return ViewFrame(name, stamp, image, pending.encoded, camera, layers, scalars, messages)


def _answered(path: str | Path, topics: _Topics, faults: Faults) -> Iterator[ViewFrame]:
    assembly = _Assembly(path, topics, faults)
    if camera := topics.names.get('camera'):  # it may be recorded after the first images
        infos = (info for *_, info in read_messages(path, [camera], lambda _: None, lambda *_: None))
        for info in infos:
            if intrinsics_of(info, 4, 3):
                list(assembly.add('camera', info))
                break
    what_of = {name: what for what, name in topics.names.items() if what != 'space'}
    messages = read_messages(
        path, list(what_of), faults.losses.append, lambda _topic, error: faults.on_malformed(error)
    )
    for name, _, _, message in messages:
        yield from assembly.add(what_of[name], message)
    yield from assembly.rest()
