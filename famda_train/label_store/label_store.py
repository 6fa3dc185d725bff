# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The label store: cached teacher outputs beside the frames they belong to.

::

    FRAMES/teachers/masks-felzenszwalb/{teacher.json,index.jsonl,000000.png,...}
    FRAMES/teachers/depth-street-world/{teacher.json,index.jsonl,000000.png,000000.reliability.png,...}

Arrays become pictures in :mod:`famda_train.label_store.label_picture`; the ``kind`` of
a depth store says whether its values are metres (``depth``) or affine-invariant ``disparity``.
"""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically, writing_to
from famda_ros.messages.frame_index import load_json, stem_fault
from famda_train.datasets.frame_folder import read_values
from famda_train.label_store.label_picture import LEVELS, LabelPicture, dequantise, encode_depth, encode_segments

ROLES = ('masks', 'depth')
KINDS = {'masks': ('segments',), 'depth': ('depth', 'disparity')}
"""Role → what its values can mean."""
NOT_ABOUT_VALUES = ('licence', 'note')
"""Keys of an identity that two teachers with the same outputs may differ in."""
STORE_NAME = r'\w[\w.-]*'
FARTHEST = 1e30
"""No scale and no offset of depth or disparity is as large; float32 ends at 3e38."""

_writing = partial(
    writing_to,
    cure='make room and run famda label again: it continues where it stopped, what is in the store is whole',
    not_allowed=(
        "get the right to write there; for a data set in its owner's layout, --options.store FOLDER keeps the store "
        'elsewhere'
    ),
)


def _no_store(path: Path, role: str, name: str) -> str:
    made = ' or '.join(name for there, name in LabelStore.names(path.parents[1]) if there == role) or 'none yet'
    return (
        f"there is no store '{path.name}' in '{path.parent}'; make it with famda label and --{role} {name} (famda "
        f'teachers list names the teachers), or take --data.{role} null; stores of {role} there: {made}'
    )


class LabelStore:
    """Outputs of one teacher for one frame folder.

    An entry counts only when its line stands in ``index.jsonl``, which is appended after
    its pictures are whole: a killed run resumes and loses the image in hand, no more.

    Attributes:
        damaged_lines: numbers of lines of the index that are none; see ``lenient`` of :meth:`open`.
    """

    def __init__(self, path: Path, identity: dict[str, Any], lenient: bool = False):
        self.path, self.identity = path, identity
        self.damaged_lines: list[int] = []
        self._index = self._read_index(path.name.partition('-')[0], lenient)
        if self.damaged_lines and not lenient:
            raise FamdaError(
                f"'{path / 'index.jsonl'}', line {self.damaged_lines[0]} is damaged; run famda label with --verify, "
                'which drops it, and label again'
            )

    @classmethod
    def create(cls, frames: str | Path, role: str, identity: dict[str, Any]) -> LabelStore:
        """Open or begin the store of a teacher.

        Args:
            frames: frame folder.
            role: ``masks`` or ``depth``.
            identity: JSON description of the teacher, with its ``name``.

        Raises:
            FamdaError: a store of that name was made by another teacher or settings, nobody knows by which
                (``teacher.json`` is gone), or it cannot be written.
        """
        if not re.fullmatch(STORE_NAME, identity['name']):
            raise FamdaError(f"'{identity['name']}' cannot be the name of a folder; take letters, digits, '-' and '.'")
        path = cls._path(frames, role, identity['name'])
        card = path / 'teacher.json'
        if _lost_its_card(path):
            raise FamdaError(_no_card(path))
        with _writing(path):
            path.mkdir(parents=True, exist_ok=True)
            if not card.exists():
                write_atomically(card, json.dumps(identity, indent=2) + '\n')
        # What JSON makes of an identity is compared: tuples are lists there.
        if difference := first_difference(_read_card(card, role), json.loads(json.dumps(identity))):
            raise FamdaError(
                f"'{path}' was made by another teacher or other settings ({difference}); give the new store a name of "
                f'its own (--{role}-options.name NAME), or delete it to label again'
            )
        return cls(path, identity)

    @classmethod
    def open(cls, frames: str | Path, role: str, name: str, lenient: bool = False) -> LabelStore:
        """Open an existing store for reading.

        Args:
            frames: frame folder.
            role: ``masks`` or ``depth``.
            name: of the store.
            lenient: leave damaged lines of the index out instead of refusing them.

        Raises:
            FamdaError: there is none, or it is damaged.
        """
        path = cls._path(frames, role, name)
        if not (path / 'teacher.json').is_file():
            raise FamdaError(_no_card(path) if _lost_its_card(path) else _no_store(path, role, name))
        return cls(path, _read_card(path / 'teacher.json', role), lenient)

    @staticmethod
    def names(frames: str | Path) -> list[tuple[str, str]]:
        """Return (role, name) of the stores that there are, masks first; those that lost their card are among them."""
        folders = (Path(frames) / 'teachers').glob('*/')
        stores = [path for path in folders if (path / 'teacher.json').exists() or _lost_its_card(path)]
        parts = sorted(path.name.partition('-')[::2] for path in stores)
        return sorted((part for part in parts if part[0] in ROLES), key=lambda part: ROLES.index(part[0]))

    @staticmethod
    def _path(frames: str | Path, role: str, name: str) -> Path:
        return Path(frames) / 'teachers' / f'{role}-{name}'

    @property
    def kind(self) -> str:
        """What the values mean: ``segments``, ``depth`` or ``disparity``."""
        return self.identity['kind']

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """The index: stem → its line."""
        return self._index

    def __contains__(self, stem: str) -> bool:
        return stem in self._index

    def write(self, stem: str, label: LabelPicture, image_crc32: str | None = None) -> None:
        """Add an entry.

        Args:
            stem: of the frame.
            label: its pictures and numbers.
            image_crc32: checksum of the image that was labelled; None = it is on no disk.

        Raises:
            FamdaError: the disk is full, for example, or the stem is no file name; the entries that there are
                stay whole.
        """
        if fault := stem_fault(stem):
            raise FamdaError(f"'{self.path}': {fault}")
        entry = {'stem': stem, **label.parameters, 'crc32': f'{checksum(label.picture, label.reliability):08x}'}
        if image_crc32 is not None:
            entry['image_crc32'] = image_crc32
        with _writing(self.path):
            if label.reliability is not None:
                write_atomically(self.reliability_path(stem), label.reliability)
            write_atomically(self.picture_path(stem), label.picture)
            with open(self.path / 'index.jsonl', 'a', encoding='utf-8') as index:
                index.write(json.dumps(entry) + '\n')
        self._index[stem] = entry

    def write_segments(self, stem: str, segments: np.ndarray) -> None:
        """Store mask ids, integers [H, W] below 65536."""
        self.write(stem, encode_segments(segments))

    def write_depth(self, stem: str, values: np.ndarray, reliability: np.ndarray | None = None) -> None:
        """Store metres or disparity, float [H, W], NaN = unknown, and how far to trust them, float [H, W] 0 to 1."""
        self.write(stem, encode_depth(values, reliability))

    def read_segments(self, stem: str) -> np.ndarray:
        """Return uint16 [H, W]; 0 = no mask."""
        self._entry(stem)
        return read_values(self.picture_path(stem), np.uint16)

    def read_depth(self, stem: str) -> np.ndarray:
        """Return float32 [H, W] in the units of :attr:`kind`; NaN = unknown."""
        entry = self._entry(stem)
        return dequantise(read_values(self.picture_path(stem), np.uint16), entry['scale'], entry['offset'])

    def read_reliability(self, stem: str) -> np.ndarray | None:
        """Return float32 [H, W], 0 to 1 in steps of 1/255; None = the teacher gave none."""
        if not self._entry(stem).get('reliability'):
            return None
        return read_values(self.reliability_path(stem), np.uint8).astype(np.float32) / 255

    def picture_path(self, stem: str) -> Path:
        """Return the file of a frame's masks or depth."""
        return self.path / f'{stem}.png'

    def reliability_path(self, stem: str) -> Path:
        """Return the file of a frame's reliability."""
        return self.path / f'{stem}.reliability.png'

    def files(self, stem: str) -> list[str]:
        """Return the names of the files of an entry."""
        names = [self.picture_path(stem).name]
        return [*names, self.reliability_path(stem).name] if self._entry(stem).get('reliability') else names

    def missing(self, stems: Iterable[str]) -> list[int]:
        """Return the positions of those stems that have no entry, or of whose pictures one is gone."""
        there = {file.name for file in os.scandir(self.path)}
        return [i for i, stem in enumerate(stems) if stem not in self._index or not there.issuperset(self.files(stem))]

    @contextlib.contextmanager
    def locked(self) -> Iterator[LabelStore]:
        """Be the only one who writes; what a killed run left half written is removed.

        Raises:
            FamdaError: somebody else is writing.
        """
        folder = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FamdaError(f"another famda label writes to '{self.path}'; wait until it has ended") from None
            for stale in self.path.glob('.*.tmp*'):
                stale.unlink(missing_ok=True)
            self._cut_unfinished_line()
            yield self
        finally:
            os.close(folder)  # and with it the lock

    def drop(self, stems: Iterable[str]) -> None:
        """Take entries, and damaged lines, out of the index; these frames are labelled again by the next run."""
        for stem in stems:
            self._index.pop(stem, None)
        self.damaged_lines = []
        self.tidy()

    def tidy(self) -> None:
        """Write the index in the order of stems, so that an interrupted store ends like any other."""
        lines = ''.join(json.dumps(self._index[stem]) + '\n' for stem in sorted(self._index))
        path = self.path / 'index.jsonl'
        if not path.exists() or path.read_text(encoding='utf-8') != lines:
            with _writing(self.path):
                write_atomically(path, lines)

    def mb_per_1000_frames(self) -> float | None:
        """Return the size of the entries' pictures, in 10^6 bytes per 1,000 frames; None = there are none."""
        if not self._index:
            return None
        own = {name for stem in self._index for name in self.files(stem)}
        sizes = sum(file.stat().st_size for file in os.scandir(self.path) if file.name in own)
        return sizes / len(self._index) / 1000

    def _entry(self, stem: str) -> dict[str, Any]:
        if stem not in self._index:
            raise FamdaError(f"'{self.path}' has no entry for frame {stem}; run famda label again to complete it")
        return self._index[stem]

    def _cut_unfinished_line(self) -> None:
        """Cut off what a kill left of the index' last line; needs no space on the disk."""
        path = self.path / 'index.jsonl'
        if path.exists():
            content = path.read_bytes()
            whole = content.rfind(b'\n') + 1
            if whole < len(content):
                with _writing(self.path):
                    os.truncate(path, whole)

    def _read_index(self, role: str, lenient: bool) -> dict[str, dict[str, Any]]:
        """Return stem → entry of all finished lines; reads only."""
        path = self.path / 'index.jsonl'
        if not path.exists():
            return {}
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FamdaError(f"'{path}' cannot be read ({error.strerror}); get the right to read it") from error
        entries = {}
        for number, line in enumerate(content[: content.rfind(b'\n') + 1].splitlines(), 1):
            try:
                entry = load_json(line)
                if line_fault(entry) or (not lenient and values_fault(entry, role)):
                    raise ValueError
                entries[entry['stem']] = entry
            except ValueError:
                self.damaged_lines.append(number)
        return entries


def line_fault(entry: Any) -> str | None:
    """Return in words why the value of a line of an index is no entry; None = it is one."""
    return stem_fault(entry.get('stem')) if isinstance(entry, dict) else 'it is no object'


def values_fault(entry: Mapping[str, Any], role: str) -> str | None:
    """Return in words which values of an entry cannot be; None = all can.

    Args:
        entry: a line of an index.
        role: ``masks`` or ``depth``.
    """
    if role == 'masks':
        masks = entry.get('masks')
        if isinstance(masks, int) and not isinstance(masks, bool) and 0 <= masks <= LEVELS:
            return None
        return f'the index says {masks!r} masks, which is no number of masks'
    scale, offset = entry.get('scale'), entry.get('offset')
    if _is_number(scale) and _is_number(offset) and scale > 0:
        return None
    return f'the index says scale {scale} and offset {offset}, which turn no picture into depth'


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -FARTHEST < value < FARTHEST


def checksum(picture: bytes, reliability: bytes | None = None) -> int:
    """Return the CRC-32 of the bytes of an entry's pictures, one after the other."""
    return zlib.crc32(reliability or b'', zlib.crc32(picture))


def _lost_its_card(path: Path) -> bool:
    """Tell whether a folder holds entries of a teacher that nobody knows any more."""
    if (path / 'teacher.json').exists():
        return False
    return (path / 'index.jsonl').exists() or any(not file.name.startswith('.') for file in path.glob('*.png'))


def _no_card(path: Path) -> str:
    return (
        f"'{path}' holds entries, but its teacher.json is gone, so that nobody knows which teacher made them; "
        'put it back, or delete the folder and label again'
    )


def first_difference(made: Any, wanted: Any, path: str = '') -> str | None:
    """Return in words where two identities differ in what decides the values; None = nowhere."""
    if not (isinstance(made, dict) and isinstance(wanted, dict)):
        return None if made == wanted else f'{path} is {json.dumps(made)} there, {json.dumps(wanted)} here'
    for key in sorted({*made, *wanted}):
        if not path and key in NOT_ABOUT_VALUES:
            continue
        where = f'{path}.{key}'.lstrip('.')
        if (key in made) != (key in wanted):
            present, value = ('there', made[key]) if key in made else ('here', wanted[key])
            return f'only {present}, {where} is {json.dumps(value)}'
        if difference := first_difference(made[key], wanted[key], where):
            return difference
    return None


def _read_card(path: Path, role: str) -> dict[str, Any]:
    try:
        card = load_json(path.read_bytes())
        fault = card_fault(card, role)
        if fault is None and path.parent.name != f'{role}-{card["name"]}':
            fault = f"its name is {card['name'][:40]!r}"
        if fault:
            raise ValueError(fault)
        return card
    except (OSError, ValueError) as error:
        raise FamdaError(f"'{path}' is damaged ({error}); delete its folder and label again") from error


def card_fault(card: Any, role: str) -> str | None:
    """Return in words why a value cannot be the identity of a teacher in a role; None = it can."""
    if not (isinstance(card, dict) and isinstance(card.get('kind'), str)):
        return 'it describes no teacher'
    if card['kind'] not in KINDS[role]:
        return f"its kind is {card['kind'][:40]!r}, a store of {role} holds {' or '.join(KINDS[role])}"
    name, licence = card.get('name'), card.get('licence')
    if not (isinstance(name, str) and re.fullmatch(STORE_NAME, name)):
        return 'its name is none'
    if not isinstance(card.get('settings', {}), dict):
        return 'its settings are none'
    if not isinstance(licence.get('weights', '') if isinstance(licence, dict) else licence or '', str):
        return 'its licence is none'
    return None
