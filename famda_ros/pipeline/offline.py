# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Run a student over a recording and write its outputs as a bag, without a ROS graph."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import STORAGE_SUFFIXES, BagFrame, count_frames, iter_frames, recordings_in
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.messages.camera_info import Intrinsics, intrinsics_of, namespace_of, shape_fault
from famda_ros.messages.compressed_image import JPEG_SIGNATURE
from famda_ros.messages.exif import HEAD_BYTES, turned_fault
from famda_ros.messages.frame_index import (
    INDEX,
    FrameRecord,
    focal_at,
    picture_fault,
    read_frame_index,
    read_picture,
)
from famda_ros.messages.image_messages import MalformedImage, encode_image
from famda_ros.pipeline.drift import DomainState, DriftMonitor
from famda_ros.pipeline.outputs import missing_topics
from famda_ros.student.camera_geometry import shape_warning
from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.runtime import STAGES, Prediction, Student
from famda_ros.topics import (
    CAMERA_INFO,
    COLOR,
    COMPRESSED,
    CONFIDENCE,
    DEPTH,
    DEPTH_COMPRESSED,
    LABELS,
    MASK,
    RECORDED_TOPICS,
)

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.ppm', '.tif', '.tiff')
FOLDER_TOPIC = '/image'
FOLDER_FRAME_ID = 'camera_optical'
FOLDER_PERIOD_NS = 100_000_000
"""Images of a folder have no time: they are stamped 10 Hz apart, beginning at 1 s."""

Entry = tuple[Path, FrameRecord | None]
"""An image of a folder and what a frame folder's index says about it."""

DepthForm = Literal['float', 'millimetres']
"""How a bag holds depth: 32FC1 as the node sends it, or a PNG of whole millimetres."""


class _Tally:
    """What a run has done, and what was wrong with its images."""

    def __init__(self) -> None:
        self.frames = 0
        self.malformed: list[MalformedImage] = []
        self.losses: list[str] = []
        self.calibration: Counter[str] = Counter()
        self.domains: dict[str, dict[str, Any]] = {}
        self._milliseconds = dict.fromkeys(STAGES, 0.0)

    def add(self, prediction: Prediction, domain: DomainState) -> None:
        """Count a frame that was perceived and written."""
        self.frames += 1
        for stage in STAGES:
            self._milliseconds[stage] += prediction.times_ms[stage]
        seen = self.domains.get(domain.state, {'frames': 0})
        self.domains[domain.state] = {'frames': seen['frames'] + 1, 'reason': domain.reason}

    def numbers(self, seconds: float) -> dict[str, Any]:
        """Return what :func:`perceive` returns about frames and time."""
        return {
            'frames': self.frames,
            'malformed': len(self.malformed),
            'malformed_images': [str(fault) for fault in self.malformed],
            'losses': self.losses,
            'calibration': dict(self.calibration),
            'seconds': round(seconds, 3),
            'fps': round(self.frames / seconds, 2),
            'milliseconds': {stage: round(value / self.frames, 3) for stage, value in self._milliseconds.items()},
        }


def perceive(
    source: str | Path,
    model: str | Path,
    out: str | Path,
    topic: str | None = None,
    threads: int = 0,
    provider: str = 'cpu',
    on_progress: Callable[[int, int], None] | None = None,
    on_outputs: Callable[[BagFrame, Prediction, LabelSpace], None] | None = None,
    depth: DepthForm = 'float',
    with_images: bool = False,
) -> dict[str, Any]:
    """Run a student over every image of a recording.

    The bag ``out`` gets, in the camera's namespace and with the header of the image:
    ``segmentation/mask``, ``segmentation/confidence``, ``segmentation/color``,
    ``depth/image`` (or ``depth/image/compressedDepth``), as far as the student gives them, ``camera_info`` where the
    recording has one, once the latched ``segmentation/labels``, and on request the image itself.

    Args:
        source: bag (folder, .mcap, .db3), frame folder or folder of images.
        model: student .onnx file.
        out: bag to write; must not exist.
        topic: image topic; None = the only one of the bag.
        threads: CPU threads per inference; 0 = one per core.
        provider: what the student runs on, see :class:`famda_ros.student.runtime.Student`.
        on_progress: called with (frames done, frames in all).
        on_outputs: called with every image, its prediction, and the label space.
        depth: how the bag holds depth: ``float``, 32FC1; or ``millimetres``, a PNG, see
            :func:`famda_ros.messages.depth_image.compress_depth`.
        with_images: write the images, too, below their topic: as the recording holds them where it holds image files,
            else as PNG.

    Returns:
        ``frames``, ``malformed`` (left out), ``malformed_images`` (why, each in a sentence), ``losses`` (sentences
        about files that are cut off and are read as far as they are whole, images that are stored turned, and 16-bit
        images that hold 12 bits), ``calibration`` (what is wrong with it, sentence → number of frames or messages),
        ``seconds``, ``fps`` (reading and writing included), ``milliseconds`` (mean of each stage of the student),
        ``provider``, ``model``, ``missing`` (which topics there are not, as the student cannot fill them, in a
        sentence), ``bag``; ``domain``: what the drift monitor thought, state → ``frames`` and ``reason``,
        see :mod:`famda_ros.pipeline.drift`.

    Raises:
        FamdaError: the source has no images, the model is no student, or ``out`` exists.
    """
    student, tally = Student(model, threads, provider), _Tally()
    monitor = DriftMonitor(student.card)
    total, frames = open_source(
        source, topic, tally.malformed.append, lambda sentence: tally.calibration.update([sentence]),
        tally.losses.append,
    )  # fmt: skip
    custom_data = {
        'famda_version': __version__,
        'model': student.card.name,
        'weights_sha256': student.card.weights_sha256,
        'source': str(source),
    }
    start = time.perf_counter()
    with BagWriter(out, custom_data, compress=True) as bag:
        for frame in frames:
            try:
                prediction = student.predict(frame.image, frame.focal, fy=frame.fy)
            except MalformedImage as error:
                tally.malformed.append(MalformedImage(f'stamp {frame.stamp_ns}: {error}'))
                continue
            if sentence := _focal_warning(frame, student):
                tally.calibration[sentence] += 1
            time_ns = frame.stamp_ns if frame.time_ns is None else frame.time_ns
            domain = monitor.update(frame.image, prediction, 1e-9 * time_ns, camera_of(frame))
            with bag.at(time_ns):
                if not tally.frames:
                    labels_topic = f'{namespace_of(frame.topic)}/{LABELS}'
                    bag.write_string(labels_topic, frame.stamp_ns, student.card.labels_json(), latched=True)
                write_outputs(bag, frame, prediction, student, depth, with_images)
            if on_outputs:
                on_outputs(frame, prediction, student.card.label_space)
            tally.add(prediction, domain)
            if on_progress:
                on_progress(tally.frames, total)
        if not tally.frames:
            reason = f': {tally.malformed[0]}' if tally.malformed else ''
            raise FamdaError(f"'{source}' has no image that can be read{reason}")
    return {
        **tally.numbers(time.perf_counter() - start),
        'provider': student.provider,
        'model': student.card.name,
        'missing': missing_topics(student.card, RECORDED_TOPICS),
        'bag': str(out),
        'domain': tally.domains,
    }


def camera_of(frame: BagFrame) -> Intrinsics | None:
    """Return the pinhole camera of a frame, looking through the middle where only its focal length is known."""
    height, width = frame.image.shape[:2]
    if (known := intrinsics_of(frame.camera_info, width, height)) is not None:
        return known
    if frame.focal is None:
        return None
    return dataclasses.replace(Intrinsics.centred(frame.focal, width, height), fy=frame.fy or frame.focal)


def _focal_warning(frame: BagFrame, student: Student) -> str:
    """Return in one sentence why the metres of a frame are not those of its camera; '' = they are."""
    height, width = frame.image.shape[:2]
    if frame.focal is None:
        if student.card.focal is None:
            return ''
        return f"no calibration: metres are for the model's focal length, {student.card.focal:g} network pixels"
    return shape_fault(frame.camera_info, width, height) or shape_warning(
        student.card, width, height, frame.focal, frame.fy
    )


def write_outputs(
    bag: BagWriter,
    frame: BagFrame,
    prediction: Any,
    student: Student,
    depth: DepthForm = 'float',
    with_images: bool = False,
) -> None:
    """Write all outputs of one frame with the frame's header; see :func:`perceive`."""
    namespace, header = namespace_of(frame.topic), (frame.stamp_ns, frame.frame_id)
    if with_images:
        data, form = (frame.encoded, frame.format) if frame.encoded else (encode_image(frame.image, '.png'), 'png')
        bag.write_compressed_bytes(f'{frame.topic.removesuffix(COMPRESSED)}{COMPRESSED}', *header, data, form)
    bag.write_mono8(f'{namespace}/{MASK}', *header, prediction.labels)
    if prediction.confidence is not None:
        bag.write_mono8(f'{namespace}/{CONFIDENCE}', *header, prediction.confidence)
    bag.write_image(f'{namespace}/{COLOR}', *header, color_mask(prediction.labels, student.card.label_space))
    if prediction.depth is not None and depth == 'millimetres':
        bag.write_compressed_depth(f'{namespace}/{DEPTH_COMPRESSED}', *header, prediction.depth)
    elif prediction.depth is not None:
        bag.write_depth(f'{namespace}/{DEPTH}', *header, prediction.depth)
    info_topic = f'{namespace}/{CAMERA_INFO}'
    if frame.camera_info is not None:
        stamp = dataclasses.replace(
            frame.camera_info.header.stamp, sec=frame.stamp_ns // 10**9, nanosec=frame.stamp_ns % 10**9
        )
        head = dataclasses.replace(frame.camera_info.header, stamp=stamp, frame_id=frame.frame_id)
        bag.write_message(info_topic, frame.stamp_ns, dataclasses.replace(frame.camera_info, header=head))
    elif frame.focal is not None:
        height, width = frame.image.shape[:2]
        bag.write_camera_info(info_topic, *header, width, height, frame.focal, frame.fy)


def open_source(
    source: str | Path,
    topic: str | None,
    on_malformed: Callable[[MalformedImage], None],
    on_calibration: Callable[[str], None],
    on_loss: Callable[[str], None],
) -> tuple[int, Iterator[BagFrame]]:
    """Return (number of frames, the frames) of a bag, a frame folder or a folder of images."""
    path = Path(source)
    if not path.exists():
        raise FamdaError(f"'{source}' does not exist; give a bag or a folder of images")
    if path.is_file() or (path / 'metadata.yaml').is_file() or recordings_in(path):
        return count_frames(path, topic), iter_frames(path, topic, on_malformed, on_calibration, on_loss)
    if topic is not None:
        raise FamdaError(f"'{source}' is a folder of images, which has no topics; leave --topic out")
    if (path / INDEX).is_file() or (path / 'dataset.yaml').is_file():
        entries: list[Entry] = [(path / record.image, record) for record in read_frame_index(path)]
        if not entries:
            raise FamdaError(f"'{source}' holds no frames; copy or write them again")
    else:
        entries = _image_folder(path)
        if not entries:
            raise FamdaError(f"'{source}' {_without_pictures(path)}")
    return len(entries), _read_images(entries, on_malformed, on_loss)


def _image_folder(path: Path) -> list[Entry]:
    """Return the images of a folder by name; not the hidden files that file managers leave beside them."""
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and not f.name.startswith('.'))
    return [(file, None) for file in files]


def _without_pictures(path: Path) -> str:
    """Return what a folder is in which there is neither bag nor image."""
    if not any(path.iterdir()):
        return 'is empty; give a bag or a folder of images'
    below = next((f for f in sorted(path.rglob('*')) if f.suffix.lower() in (*IMAGE_SUFFIXES, *STORAGE_SUFFIXES)), None)
    if below is not None:
        return f"has images or recordings only in folders below it; give one of them, such as '{below.parent}'"
    if packed := next(iter(sorted(path.glob('*.zstd'))), None):
        return f'is a compressed bag without metadata.yaml; unpack its files: zstd -d {packed}'
    return 'is neither a bag nor a folder with images; check the path'


def _read_images(
    entries: list[Entry], on_malformed: Callable[[MalformedImage], None], on_loss: Callable[[str], None]
) -> Iterator[BagFrame]:
    """Yield the images of a folder with focal and stamp of their records; those without are stamped 10 Hz apart."""
    stems = Counter(file.stem for file, _ in entries)
    recorded: list[Any] = [record and record.extra.get('stamp_ns') for _, record in entries]
    unstamped = recorded.count(None)
    if 0 < unstamped < len(entries):
        on_loss(f'{unstamped} of {len(entries)} frames have no stamp_ns: none is used, and all are stamped 10 Hz apart')
    for index, (file, record) in enumerate(entries):
        try:
            rgb = read_picture(file)
        except FamdaError as error:
            on_malformed(MalformedImage(str(error)))
            continue
        height, width = rgb.shape[:2]
        focal, stamp_ns = None, 10**9 + index * FOLDER_PERIOD_NS
        if record is not None:
            if fault := picture_fault(record, file, width, height):
                raise FamdaError(fault)
            focal, stamp_ns = focal_at(record, width), stamp_ns if unstamped else recorded[index]
        with file.open('rb') as opened:
            data = opened.read(-1 if file.suffix.lower() in ('.jpg', '.jpeg') else HEAD_BYTES)
        if turned := turned_fault(data[:HEAD_BYTES], f"'{file}'"):
            on_loss(turned)
        # Of two files with one stem each keeps its whole name.
        name = record.stem if record is not None else file.stem if stems[file.stem] == 1 else file.name
        file_of_it: dict[str, Any] = {'encoded': data, 'format': 'jpeg'} if data.startswith(JPEG_SIGNATURE) else {}
        yield BagFrame(stamp_ns, FOLDER_FRAME_ID, FOLDER_TOPIC, rgb, focal, name=name, **file_of_it)
