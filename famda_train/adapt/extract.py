# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings cut into a frame folder: the frames that show something, and something new.

Every image that is looked at leaves a line in ``candidates.jsonl``, so that a run that was killed goes on where it
stopped and ends as it would have.  What is left of them is decided at the end, from these lines alone.
"""
from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of, write_atomically
from famda_ros.messages.camera_info import changed_fault
from famda_ros.messages.compressed_image import JPEG_SIGNATURE, read_header
from famda_ros.messages.frame_index import FrameRecord, focal_fault, read_picture, write_frame_index
from famda_ros.messages.image_messages import MalformedImage, encode_image
from famda_ros.student.runtime import Student
from famda_train.adapt.extract_recordings import Listeners, RecordedImage, Recording, part_of
from famda_train.adapt.frame_selection import (
    HASH_SIDE,
    Measures,
    SeenViews,
    blurred,
    choose_k_centre,
    is_black,
    is_same_view,
    measure,
)
from famda_train.resumable_folder import ResumableFolder

STATE_FILE, CANDIDATES = 'extract.json', 'candidates.jsonl'
BLACK, STANDING, DUPLICATE, BLURRED, MALFORMED, NOT_CHOSEN = (
    'black', 'standing', 'near-duplicate', 'blurred', 'malformed', 'not chosen',
)  # fmt: skip
SLOT_TOLERANCE = 0.05
"""Of the time between two frames that are taken: cameras do not keep their rate to the millisecond."""
DEFAULT_RATE = 2.0
FEW = 2
"""Times ``count``: of no more images all are looked at."""
SHARE_WEIGHT = 4.0
"""How much the shares of classes count beside the pooled features, when frames are chosen."""

SAME_FOCALS = 0.01
"""fx and fy that differ by no more are of square pixels."""

OnProgress = Callable[[int, int], object]


@dataclass(frozen=True)
class ExtractSettings:
    """What decides which frames are taken.

    Attributes:
        topic: image topic of bags; None = the only one of each.
        start_s, stop_s: part of each recording, seconds after its first image; stop_s None = to its end.
        rate: frames a second that are looked at; 0 = all; None = DEFAULT_RATE, or all where they are few.
        count: most frames to keep; 0 = all that are left.
        focal: fx in pixels at the width of the recording, for recordings that do not say; None = unknown.
        model: student whose class shares help to choose; None = only what the frames look like.
    """

    topic: str | None = None
    start_s: float = 0.0
    stop_s: float | None = None
    rate: float | None = None
    count: int = 400
    focal: float | None = None
    model: str | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            FamdaError: names the option.
        """
        if self.rate is not None and not (math.isfinite(self.rate) and self.rate >= 0):
            raise FamdaError(f'--rate must be a number of frames a second, 0 = all, not {self.rate}')
        if self.count < 0:
            raise FamdaError(f'--count must be 1 or more, 0 = all, not {self.count}')
        if not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise FamdaError(f'--from must be seconds after the first image, not {self.start_s}')
        if self.stop_s is not None and not self.stop_s > self.start_s:
            raise FamdaError(f'--to must be seconds later than --from, not {self.stop_s}')
        if self.focal is not None and not (math.isfinite(self.focal) and self.focal > 0):
            raise FamdaError(f'--focal must be a number of pixels, not {self.focal}')


def extract(
    paths: Sequence[str | Path],
    out: str | Path,
    settings: ExtractSettings = ExtractSettings(),
    on_progress: OnProgress = lambda done, total: None,
) -> dict[str, Any]:
    """Cut recordings into one frame folder.

    Args:
        paths: bags (folder, .mcap, .db3, .bag), video files, folders of pictures.
        out: the frame folder; an interrupted run goes on.
        settings: which frames.
        on_progress: called with (images read, images in all).

    Returns:
        ``frames`` in the folder, ``images`` in the recordings, ``looked_at``, ``left_out`` (reason → number), ``focal``
        (number of frames that have one), ``recordings`` (each with ``path``, ``images``, ``frames``), ``losses``
        (sentences about what could not be read), ``calibration`` (sentence → times), ``out``.

    Raises:
        FamdaError: nothing can be read, no frame is left, or ``out`` holds something else or frames of other settings.
    """
    settings.check()
    if not paths:
        raise FamdaError('name a recording: a bag, a video or a folder of pictures')
    return _Extraction(paths, Path(out), settings, on_progress).run()


class _Extraction:
    """A run: what is read, what was found out so far."""

    def __init__(self, paths: Sequence[str | Path], out: Path, settings: ExtractSettings, on_progress: OnProgress):
        self._settings, self._on_progress = settings, on_progress
        self._losses: list[str] = []
        self._calibration: Counter[str] = Counter()
        tell = Listeners(self._tell_loss, lambda sentence: self._calibration.update([sentence]))
        self._recordings = self._open(paths, tell)
        identity = {
            **asdict(settings),
            'model': settings.model and sha256_of(settings.model),
            'recordings': [[str(path), _size_of(Path(path))] for path in paths],
        }
        self._folder = ResumableFolder(out, STATE_FILE, identity, {'result': None})
        (out / 'images').mkdir(exist_ok=True)
        self._out, self._candidates = out, out / CANDIDATES
        self._lines = _read_lines(self._candidates)
        self._views = SeenViews()
        self._read = 0

    def _tell_loss(self, sentence: str) -> None:
        if sentence not in self._losses:
            self._losses.append(sentence)

    def _open(self, paths: Sequence[str | Path], tell: Listeners) -> list[Recording | None]:
        """Open what can be opened; None for a recording that cannot, beside others that can."""
        opened: list[Recording | None] = []
        faults: list[FamdaError] = []
        for path in paths:
            try:
                opened.append(Recording(path, self._settings.topic, tell))
            except FamdaError as error:
                opened.append(None)
                faults.append(error)
        if len(faults) == len(paths):
            raise faults[0]
        for fault in faults:
            self._tell_loss(f'left out: {fault}')
        return opened

    def run(self) -> dict[str, Any]:
        if result := self._folder.state['result']:
            self._candidates.unlink(missing_ok=True)
            return result
        for line in self._lines:
            self._take_note(line)
            if 'left_out' not in line:
                self._views.add(_measures_of(line))
        with self._candidates.open('a', encoding='utf-8') as journal:
            for index, recording in enumerate(self._recordings):
                if recording is not None:
                    for line in self._look_at(index, recording):
                        journal.write(json.dumps(line) + '\n')
                        journal.flush()
                        self._lines.append(line)
                        self._take_note(line)
        result = self._finish()
        self._folder.state['result'] = result
        self._folder.save()
        self._candidates.unlink()
        return result

    def _take_note(self, line: dict[str, Any]) -> None:
        """Take note of what a line says is wrong with its image."""
        if loss := line.get('loss'):
            self._tell_loss(loss)
        if fault := line.get('calibration'):
            self._calibration.update([fault])

    def _look_at(self, index: int, recording: Recording) -> Iterator[dict[str, Any]]:
        """Yield a line for every image that is due and was not looked at by an earlier run."""
        earlier = [line for line in self._lines if line['recording'] == index]
        done = earlier[-1]['number'] if earlier else -1
        kept = [line for line in earlier if 'left_out' not in line]
        last = _measures_of(kept[-1]) if kept else None
        widths = _focal_widths(FrameRecord(**kept[-1]['record'])) if kept else None
        for number, image in self._due(recording):
            if number <= done:
                continue
            line: dict[str, Any] = {'recording': index, 'number': number}
            try:
                found = measure(image.preview())
            except MalformedImage as error:
                yield {**line, 'left_out': MALFORMED, 'loss': f"'{recording.path}': image {number}: {error}"}
                continue
            if reason := self._reason_against(found, last):
                yield {**line, 'left_out': reason}
                continue
            try:
                stem, focal = f'{index:03d}_{number:06d}', self._settings.focal
                record, fault = write_picture(self._out, stem, image, recording, focal)
            except MalformedImage as error:
                yield {**line, 'left_out': MALFORMED, 'loss': f"'{recording.path}': image {number}: {error}"}
                continue
            before, widths = widths, _focal_widths(record)
            last, fault = found, fault or changed_fault(before, widths) or None
            self._views.add(found)
            yield {**line, 'record': asdict(record), 'calibration': fault, **_line_of(found)}

    def _due(self, recording: Recording) -> Iterator[tuple[int, RecordedImage]]:
        """Yield (number in the recording, image) of the part that is wanted, at the rate that is wanted."""
        start, stop = self._settings.start_s, self._settings.stop_s
        total, slot = sum(r.count for r in self._recordings if r is not None), None
        rate = self._rate(total)
        for number, seconds, image in part_of(self._counted(recording.images(), total), start, stop):
            if rate and not recording.pictures:
                now = math.floor((seconds - start) * rate + SLOT_TOLERANCE)
                if now == slot:
                    continue
                slot = now
            yield number, image

    def _counted(self, images: Iterable[RecordedImage], total: int) -> Iterator[RecordedImage]:
        """Yield the images, and report each as read."""
        for image in images:
            self._read += 1
            self._on_progress(min(self._read, total) if total else self._read, total)
            yield image

    def _rate(self, images: int) -> float:
        if self._settings.rate is not None:
            return self._settings.rate
        few = 0 < images <= FEW * self._settings.count
        return 0.0 if few else DEFAULT_RATE

    def _reason_against(self, found: Measures, last: Measures | None) -> str:
        """Return why a frame is left out; '' = it is not."""
        if is_black(found):
            return BLACK
        if last is not None and is_same_view(found, last):
            return STANDING
        return DUPLICATE if self._views.has(found) else ''

    def _finish(self) -> dict[str, Any]:
        """Decide which frames stay, remove the others, write the index and return the result."""
        frames = [line for line in self._lines if 'left_out' not in line]
        reasons = Counter(line['left_out'] for line in self._lines if 'left_out' in line)
        sharp: list[dict[str, Any]] = []
        for index in range(len(self._recordings)):
            own = [line for line in frames if line['recording'] == index]
            sharp += [line for line, blur in zip(own, blurred([f['sharpness'] for f in own]), strict=True) if not blur]
        reasons[BLURRED] = len(frames) - len(sharp)
        chosen = self._choose(sharp)
        reasons[NOT_CHOSEN] = len(sharp) - len(chosen)
        left_out = {reason: count for reason, count in reasons.items() if count}
        if not chosen:
            counts = ', '.join(f'{count} {reason}' for reason, count in left_out.items()) or 'no image was looked at'
            for line in frames:
                (self._out / line['record']['image']).unlink(missing_ok=True)
            (self._out / 'images').rmdir()
            self._candidates.unlink()
            (self._out / STATE_FILE).unlink()
            why = self._losses[0] if self._losses else 'give other recordings'
            raise FamdaError(f'no frame is left ({counts}); {why}')
        records = [_record_of(line) for line in chosen]
        for left in {line['record']['image'] for line in frames} - {record.image for record in records}:
            (self._out / left).unlink(missing_ok=True)
        write_frame_index(self._out, records)
        origin = f'recordings: {", ".join(dict.fromkeys(record.extra["bag"] for record in records))}'
        info = {'name': self._out.name, 'label_space': None, 'origin': origin}
        write_atomically(self._out / 'dataset.yaml', yaml.safe_dump(info, sort_keys=False))
        return {
            'frames': len(records),
            'images': self._read,
            'looked_at': len(self._lines),
            'left_out': left_out,
            'focal': sum(record.focal is not None for record in records),
            'recordings': [
                {'path': str(r.path), 'images': r.count, 'frames': sum(line['recording'] == index for line in chosen)}
                for index, r in enumerate(self._recordings)
                if r is not None
            ],
            'losses': self._losses,
            'calibration': dict(self._calibration),
            'out': str(self._out),
        }

    def _choose(self, frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return as many frames as are wanted, those that cover all others."""
        if not self._settings.count or len(frames) <= self._settings.count:
            return frames
        features = np.array([line['features'] for line in frames], np.float32)
        features = (features - features.mean(axis=0)) / max(float(features.std()), 1e-6) / math.sqrt(features.shape[1])
        if self._settings.model:
            student = Student(self._settings.model)
            shares = np.array([self._class_shares(student, _record_of(line)) for line in frames], np.float32)
            features = np.hstack([features, SHARE_WEIGHT * np.sqrt(shares)])
        return [frames[index] for index in choose_k_centre(features, self._settings.count)]

    def _class_shares(self, student: Student, record: FrameRecord) -> np.ndarray:
        labels = student.predict(read_picture(self._out / record.image), record.focal).labels
        assert labels is not None  # every student predicts them
        return np.bincount(labels.ravel(), minlength=256)[: len(student.card.label_space)] / labels.size


def _size_of(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob('*') if file.is_file()]
    return sum(file.stat().st_size for file in files)


def write_picture(
    folder: Path, stem: str, image: RecordedImage, recording: Recording, focal: float | None
) -> tuple[FrameRecord, str | None]:
    """Write the picture of a frame into a frame folder, as it was recorded where that is JPEG or PNG.

    Args:
        folder: with ``images/``.
        stem: name of the frame.
        image: of the recording.
        recording: where it comes from.
        focal: fx in pixels at the width of the recording, where it does not say; None = unknown.

    Returns:
        Its record, and what is wrong with its calibration, whose focal length is left out where it cannot be; None =
        nothing.

    Raises:
        MalformedImage: it cannot be read.
    """
    data = image.encoded or encode_image(image.decode(), '.png')
    header = read_header(data)
    if header is None:
        raise MalformedImage('its picture has no size')
    width, height = header.width, header.height
    name = f'images/{stem}{".jpg" if data.startswith(JPEG_SIGNATURE) else ".png"}'
    write_atomically(folder / name, data)
    fx, fy = image.focal_at(width, height) or (focal, None)
    if fault := focal_fault(fx, width):
        fx, fy = None, None
    else:
        fault = image.shape_fault_at(width, height) or None
    extra: dict[str, Any] = {'bag': recording.path.name, 'topic': image.topic, 'stamp_ns': image.stamp_ns}
    if not 0 <= image.stamp_ns < 2**63:
        del extra['stamp_ns']
    if fy is not None and fx is not None and abs(fy / fx - 1) > SAME_FOCALS:
        extra['fy'] = fy
    extra['sha256'] = hashlib.sha256(data).hexdigest()
    return FrameRecord(stem, name, width, height, fx, extra), fault


def _focal_widths(record: FrameRecord) -> float | None:
    """Return the focal length of a frame in widths of its image; None = unknown."""
    return record.focal and record.focal / record.width


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal, and cut off a last one that is not."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b'\n') + 1]
    if whole != data:
        write_atomically(path, whole)
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError as error:
        raise FamdaError(f"'{path}' is damaged; remove '{path.parent}' and extract again") from error


def _line_of(found: Measures) -> dict[str, Any]:
    return {
        'brightness': round(found.brightness, 2),
        'sharpness': round(found.sharpness, 2),
        'peak': found.peak,
        'hash': np.packbits(found.difference_hash).tobytes().hex(),
        'thumbnail': [round(float(value), 2) for value in found.thumbnail],
        'features': [round(float(value), 4) for value in found.features],
    }


def _measures_of(line: dict[str, Any]) -> Measures:
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(line['hash']), np.uint8))[: HASH_SIDE**2].astype(bool)
    arrays = (np.array(line[key], np.float32) for key in ('thumbnail', 'features'))
    return Measures(line['brightness'], line['sharpness'], line['peak'], bits, *arrays)


def _record_of(line: dict[str, Any]) -> FrameRecord:
    record = FrameRecord(**line['record'])
    measured = {'brightness': line['brightness'], 'sharpness': line['sharpness']}
    return FrameRecord(**{**asdict(record), 'extra': {**record.extra, **measured}})
