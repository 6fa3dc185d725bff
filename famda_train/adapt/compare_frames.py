# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The frames that two students are compared on, and what one student says about all of them."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import BagFrame
from famda_ros.messages.frame_index import INDEX
from famda_ros.pipeline.even_spread import is_chosen
from famda_ros.pipeline.offline import FOLDER_PERIOD_NS, FOLDER_TOPIC, open_source
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.label_space import IGNORE
from famda_ros.student.model_card import ModelCard
from famda_ros.student.resize import resize_image, resize_nearest
from famda_ros.student.runtime import Prediction
from famda_train.adapt.compare_students import RawStudent
from famda_train.adapt.compare_terms import mask_information, nuclear_norm, temporal_agreement
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.label_maps import table_between
from famda_train.evaluation.evaluate import score_frames, scored_indices, scores_of
from famda_train.export.temperature import Pixels, fit_temperature, joined
from famda_train.label_store.label_store import LabelStore
from famda_train.teachers.felzenszwalb import Felzenszwalb

ROWS = 400
"""Rows of the softmax per frame."""
DEPTHS = 400
"""Pixels per frame whose depth is compared."""
MOST_GAP_NS = 500_000_000
"""Pictures further apart do not follow each other."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SeenFrame:
    """A frame at about the size that students see it.

    Attributes:
        name: what files about it are called.
        image: uint8 [H, W, 3] RGB.
        focal, fy: in pixels of this image; None = unknown, and square pixels.
        segments: uint16 [H, W] class-agnostic masks; 0 = no mask.
        later: the next picture, where it follows at once.
    """

    name: str
    image: np.ndarray
    focal: float | None
    fy: float | None
    segments: np.ndarray
    later: np.ndarray | None


def read_frames(
    source: str | Path, card: ModelCard, count: int, topic: str | None = None, progress: Progress | None = None
) -> list[SeenFrame]:
    """Read frames of a recording, evenly spread.

    Masks are those of the folder's label store if there is one, else superpixels.

    Args:
        source: bag, frame folder or folder of images.
        card: of the student whose network size they are brought to.
        count: how many.
        topic: image topic of a bag; None = the only one.
        progress: called with (pictures read, pictures in all).

    Raises:
        FamdaError: nothing there, or no picture that can be read.
    """
    total, pictures = open_source(source, topic, _leave_out, _leave_out, _leave_out)
    store, cut = mask_store(source), Felzenszwalb()
    frames: list[SeenFrame] = []
    waiting: tuple | None = None
    for index, frame in enumerate(pictures):
        height, width = frame.image.shape[:2]
        wide, high = network_size(card, width, height, frame.focal / frame.fy if frame.focal and frame.fy else 1.0)
        image = resize_image(frame.image, wide, high)
        if waiting is not None:
            before, stamp_ns = waiting
            follows = 0 < frame.stamp_ns - stamp_ns <= MOST_GAP_NS and image.shape == before.image.shape
            follows = follows and not made_up(frame, index)
            frames.append(before if not follows else SeenFrame(**{**vars(before), 'later': image}))
            waiting = None
        if is_chosen(index, count, total):
            segments = store.read_segments(frame.name) if store and frame.name in store else cut(image)
            focal = frame.focal and frame.focal * wide / width
            fy = frame.fy and frame.fy * high / height
            seen = SeenFrame(frame.name, image, focal, fy, resize_nearest(segments, wide, high), None)
            waiting = seen, frame.stamp_ns
        if progress is not None:
            progress(index + 1, total)
    if waiting is not None:
        frames.append(waiting[0])
    if not frames:
        raise FamdaError(f"'{source}' has no picture that can be read; record it again, or give another")
    if len({frame.image.shape for frame in frames}) > 1:
        raise FamdaError(f"the pictures of '{source}' have several shapes; compare on those of one camera at a time")
    return frames


def made_up(frame: BagFrame, index: int) -> bool:
    """Tell whether the stamp of a folder's picture is no time, but given to it as to its place."""
    return frame.topic == FOLDER_TOPIC and frame.stamp_ns == 10**9 + index * FOLDER_PERIOD_NS


def mask_store(source: str | Path) -> LabelStore | None:
    """Return the first store of masks of a frame folder; None = there is none."""
    path = Path(source)
    names = [name for role, name in LabelStore.names(path) if role == 'masks'] if (path / INDEX).is_file() else []
    return LabelStore.open(path, 'masks', sorted(names)[0]) if names else None


def _leave_out(_fault: object) -> None:
    """Pictures that cannot be read are no reason not to compare on the others."""


@dataclass(frozen=True)
class Seen:
    """What one student says about all frames.

    Attributes:
        classes: how many it knows.
        nuclear_norm, mask_information: see :mod:`famda_train.adapt.compare_terms`.
        labels: uint8 [F, H, W].
        depth: float32 [F, n] metres of random pixels, the same for every student; NaN and inf among them; all NaN =
            the student gives none.
        temporal: of each frame with a later one the share of labels that are kept; NaN = no telling.
    """

    classes: int
    nuclear_norm: float
    mask_information: float
    labels: np.ndarray
    depth: np.ndarray
    temporal: np.ndarray


def look(
    student: RawStudent, frames: Sequence[SeenFrame], temperature: float = 1.0, progress: Progress | None = None
) -> Seen:
    """Run a student over the frames; random rows and pixels are the same at every call.

    Args:
        student: the student.
        frames: as :func:`read_frames` gives them.
        temperature: that its logits are divided by, see :func:`labelled_scores`.
        progress: called with (frames done, frames in all).
    """
    rng = np.random.default_rng(0)
    logits, labels, depth, temporal = [], [], [], []
    for done, frame in enumerate(frames, 1):
        raw = student.predict(frame.image, frame.focal, frame.fy)
        found = raw.prediction
        assert found.labels is not None
        metres = np.full(1, np.nan, np.float32) if found.depth is None else found.depth.ravel()
        rows = raw.logits.reshape(-1, raw.logits.shape[-1])
        places = rng.random(ROWS), rng.random(DEPTHS)
        logits.append(rows[(places[0] * len(rows)).astype(int)])
        depth.append(metres[(places[1] * metres.size).astype(int)])
        labels.append(found.labels)
        if frame.later is not None:
            later = student.predict(frame.later, frame.focal, frame.fy).prediction.labels
            assert later is not None
            temporal.append(temporal_agreement(frame.image, found.labels, frame.later, later))
        if progress is not None:
            progress(done, len(frames))
    classes, segments = len(student.card.label_space), np.stack([frame.segments for frame in frames])
    information = mask_information(np.stack(labels), segments, classes)
    return Seen(
        classes, nuclear_norm(np.concatenate(logits), temperature), information,
        np.stack(labels), np.stack(depth), np.array(temporal, float),
    )  # fmt: skip


@dataclass(frozen=True)
class LabelledScores:
    """What a student makes of labelled frames of another place.

    Attributes:
        miou: percent.
        temperature: that its logits must be divided by so that their confidence is calibrated there.
        found, there: float64 [C], shares of the classes among the labelled pixels: as predicted, and in truth; None =
            the labels say nothing in the student's label space.
    """

    miou: float
    temperature: float
    found: np.ndarray | None = None
    there: np.ndarray | None = None


def labelled_scores(student: RawStudent, data: Dataset, progress: Progress | None = None) -> LabelledScores:
    """Run a student over labelled frames.

    Raises:
        FamdaError: no labels, or none that can be scored.
    """
    data.require('labels')
    assert data.label_space is not None
    table = table_between(data.label_space, student.card.label_space)
    indices, rng, rows = iter(scored_indices(data, student.card.gives('depth'))), np.random.default_rng(0), []
    counts = np.zeros((2, len(student.card.label_space)))

    def predict(image: np.ndarray, focal: float | None) -> Prediction:
        raw, index = student.predict(image, focal), next(indices)
        if table is not None and data.has_at('labels', index):
            truth = resize_nearest(table[data.labels(index)], *raw.logits.shape[1::-1])
            known = truth != IGNORE
            for line, labels in zip(counts, (raw.logits.argmax(2)[known], truth[known]), strict=True):
                line += np.bincount(labels, minlength=len(line))
            places = np.argwhere(known)
            row, column = places[rng.integers(0, len(places), min(ROWS, len(places)))].T
            logits = raw.logits[row, column]
            rows.append(Pixels(logits, logits.argmax(1), truth[row, column].astype(np.int64)))
        return raw.prediction

    scores = score_frames(
        predict, data, 'metric', progress, student.card.label_space, student.card.gives('depth')
    )
    miou = scores_of(scores)['miou']
    if miou is None:
        raise FamdaError(f"'{data.path}' shows no class that can be scored; give other labelled frames")
    if not counts.any():
        return LabelledScores(miou, 1.0)
    found, there = counts / counts.sum(1, keepdims=True)
    return LabelledScores(miou, fit_temperature([joined(rows)]), found, there)
