# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of a few frames of a target, whole or by clicks, as a person might make them; simulated from the truth."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from famda_ros.student.label_space import IGNORE
from famda_train.annotate.painting import click, cut, unlabelled
from famda_train.bench.rows import Training
from famda_train.datasets.checks import sample_indices
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.frame_folder import FrameFolderWriter

Masks = Callable[[str], np.ndarray]
"""Stem of a frame → its uint16 [H, W] masks."""


def write_few_labels(frames: Dataset, training: Training, masks: Masks, out: Path) -> None:
    """Write the frames that a training has labels of, evenly spread over the target, as a frame folder.

    Args:
        frames: of the target, all with their true labels.
        training: with ``labels``, and perhaps ``clicks``.
        masks: what a click takes.
        out: the folder.
    """
    space = frames.label_space
    assert space is not None
    info = {'name': f'{frames.info["name"]}, {training.labels} labelled', 'origin': frames.info['origin']}
    with FrameFolderWriter(out, label_space=space.name, licence=frames.info.get('licence'), **info) as writer:
        for index in sample_indices(len(frames), training.labels):
            frame, image, labels = frames.frames[index], frames.image(index), frames.labels(index)
            if training.clicks is not None:
                labels = clicked(image, masks(frame.stem), labels, training.clicks)
            writer.add(frame.stem, image, focal=frame.focal, labels=labels)


def clicked(image: np.ndarray, segments: np.ndarray, truth: np.ndarray, clicks: int) -> np.ndarray:
    """Return what so many clicks on a frame label: each gives a whole mask the class of most of its pixels.

    The largest masks of every class come first, then the second largest, as by somebody who labels what there is to
    see and then goes on.

    Args:
        image: uint8 [H, W, 3] RGB.
        segments: uint16 [H, W] masks; where there is none, superpixels are clicked.
        truth: uint8 [H, W] train ids; 255 = unknown.
        clicks: at most so many.

    Returns:
        uint8 [H, W] train ids; 255 = not labelled.
    """
    levels, known = cut(image, segments), truth != IGNORE
    votes = np.zeros((int(levels[0].max()) + 1, IGNORE), np.int64)
    np.add.at(votes, (levels[0][known], truth[known]), 1)
    labels, sizes = votes.argmax(1), votes.max(1)
    seen: dict[int, int] = {}
    ranked: list[tuple[int, int, int]] = []
    for piece in np.argsort(-sizes, kind='stable').tolist():
        if sizes[piece]:
            label = int(labels[piece])
            seen[label] = seen.get(label, 0) + 1
            ranked.append((seen[label], len(ranked), piece))
    painted = unlabelled(*truth.shape)
    for _, _, piece in sorted(ranked)[:clicks]:
        y, x = np.argwhere(levels[0] == piece)[0].tolist()
        painted = click(levels, painted, x, y, int(labels[piece]))
    return painted.labels
