# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One temperature per student, so that a confidence of 80 % is right four times in five, also where it looks different.

Logits over a temperature change confidence and no label (Guo et al., arXiv 1706.04599).  Fitted at home alone, a
student stays too sure in another light; so it is fitted on shifted frames as well (Tomani et al., arXiv 2012.10988):
copies that are blurred, noisy, dark or hazy, and other domains.

Not so a student that was adapted without labels: its normalisation statistics are those of a place that has none, and
labelled frames of elsewhere that are shifted on top are further off than the place itself.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from famda_ros.errors import FamdaError
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.label_space import IGNORE, LabelSpace
from famda_ros.student.model_card import ModelCard
from famda_ros.student.resize import resize_image, resize_nearest
from famda_train.datasets.checks import checked_image, checked_layer
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.label_maps import table_between
from famda_train.evaluation.confidence import LEVELS, confidence_counts, reliability
from famda_train.models.student_graph import StudentGraph, finer_logits, scale2x

FRAMES = 40
"""Frames of each data set, evenly spread."""
PIXELS = 2000
"""Random pixels of each frame."""
RANGE = (0.3, 5.0)
"""Temperatures that are looked at."""


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels of one set of frames, as the student decides them.

    Attributes:
        logits: float32 [N, C].
        published: int64 [N], the label that the student gives.
        ground_truth: int64 [N].
    """

    logits: np.ndarray
    published: np.ndarray
    ground_truth: np.ndarray


@dataclass(frozen=True)
class Temperature:
    """What a student's logits are to be divided by, and what that brings.

    Attributes:
        value: 1 = nothing.
        ece: for :attr:`famda_ros.student.model_card.ModelCard.ece`.
    """

    value: float
    ece: dict[str, Any]


def blurred(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 [H, W, 3] out of focus: a deviation of 2 % of the height."""
    return cv2.GaussianBlur(image, (0, 0), 0.02 * image.shape[0])


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 [H, W, 3] with the noise of a small sensor: a deviation of 14 % of the range."""
    return _bytes(image + rng.normal(0, 0.14 * 255, image.shape))


def dark(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 [H, W, 3] at a seventh of the light, with the noise that comes with it."""
    return _bytes(0.15 * image + rng.normal(0, 0.02 * 255, image.shape))


def hazy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return uint8 [H, W, 3] with a quarter of its contrast, on light grey."""
    return _bytes(0.25 * image + 0.75 * 200)


Shift = Callable[[np.ndarray, np.random.Generator], np.ndarray]
SHIFTS: tuple[Shift, ...] = (blurred, noisy, dark, hazy)


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image.round(), 0, 255).astype(np.uint8)


def find_temperature(
    graph: StudentGraph, card: ModelCard, home: Dataset, others: Sequence[Dataset] = (),
    progress: Callable[[int, int], None] | None = None, shifts: Sequence[Shift] = SHIFTS,
) -> Temperature:  # fmt: skip
    """Fit the temperature on the first half of the frames of every data set, and measure on the second half.

    Args:
        graph: with temperature 1.
        card: of the student.
        home: labelled frames such as it was trained for, but not trained on.
        others: labelled frames of other domains.
        progress: called after every frame with (frames done, frames in all).
        shifts: what copies of the frames of home look like; () for a student that was adapted without labels.

    Raises:
        FamdaError: a data set without labels, or with labels that are none of the student's; fewer than two frames.
    """
    jobs = [(home, None), *((home, shift) for shift in shifts), *((data, None) for data in others)]
    halves, done, total = [], 0, sum(min(FRAMES, len(data)) for data, _ in jobs)

    def counted() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    for number, (data, shift) in enumerate(jobs):
        rows = labelled_pixels(graph, card, data, shift, number, counted)
        half = len(rows) // 2
        halves.append((joined(rows[:half]), joined(rows[half:])))
    value = fit_temperature([first for first, _ in halves])
    before, after = ([calibration_error(second, t) for _, second in halves] for t in (1.0, value))
    ece: dict[str, Any] = {'home': {'before': before[0], 'after': after[0]}}
    if len(jobs) > 1:
        ece['shifted'] = {key: round(float(np.mean(e[1:])), 2) for key, e in (('before', before), ('after', after))}
    names = [data.info.get('name') or str(data.path) for data in (home, *others)]
    copies = [f'{names[0]}, {shift.__name__}' for shift in shifts]
    return Temperature(value, {**ece, 'data': {'home': names[0], 'shifted': [*copies, *names[1:]]}})


def labelled_pixels(
    graph: StudentGraph, card: ModelCard, data: Dataset, shift: Callable | None, seed: int, counted: Callable[[], None]
) -> list[Pixels]:
    """Return random labelled pixels of frames of a data set, one entry per frame.

    Raises:
        FamdaError: no labels that are the student's, or fewer than two frames that have some.
    """
    data.require('labels')
    table = _table(data, card.label_space)
    rng, rows = np.random.default_rng(seed), []
    for index in np.linspace(0, len(data) - 1, min(FRAMES, len(data))).round().astype(int).tolist():
        image = checked_image(data, index)
        if data.has_at('labels', index):
            ground_truth = table[checked_layer(data, 'labels', index, image)]
            size = network_size(card, image.shape[1], image.shape[0])
            small = resize_image(image, *size)
            seen = small if shift is None else shift(small, rng)
            rows.append(pixels_of(graph, seen, resize_nearest(ground_truth, *size), rng))
        counted()
    if sum(len(row.published) > 0 for row in rows) < 2:
        raise FamdaError(f"'{data.path}' has fewer than two frames with labels; a temperature needs some 20")
    return rows


def _table(data: Dataset, space: LabelSpace) -> np.ndarray:
    """Return uint8 [256]: train ids of the data to those of the student; 255 = no class there."""
    assert data.label_space is not None  # it has labels
    table = table_between(data.label_space, space)
    if table is None:
        raise FamdaError(
            f"the labels of '{data.path}' are in {data.label_space.name}, which says nothing in the student's "
            f'{space.name}; give --temperature labels that do'
        )
    return table


@torch.inference_mode()
def pixels_of(graph: StudentGraph, small: np.ndarray, ground_truth: np.ndarray, rng: np.random.Generator) -> Pixels:
    """Return random labelled pixels of one frame: uint8 [h, w, 3] and uint8 [h, w] at network size."""
    stride = graph.network.stride
    finer = finer_logits(graph.raw_outputs(torch.from_numpy(np.ascontiguousarray(small))[None])['segmentation'], stride)
    published = scale2x(finer.argmax(3).float())[0].numpy()
    rows, columns = np.nonzero(ground_truth != IGNORE)
    chosen = rng.choice(len(rows), min(PIXELS, len(rows)), replace=False)
    rows, columns = rows[chosen], columns[chosen]
    logits = finer[0].numpy()[rows // 2, columns // 2]
    return Pixels(logits, published[rows, columns].astype(np.int64), ground_truth[rows, columns].astype(np.int64))


def joined(rows: Sequence[Pixels]) -> Pixels:
    """Return the pixels of several frames together."""
    parts = zip(*((row.logits, row.published, row.ground_truth) for row in rows), strict=True)
    return Pixels(*(np.concatenate(part) for part in parts))


def fit_temperature(sets: Sequence[Pixels]) -> float:
    """Return the temperature with the least negative log-likelihood of the true labels, every set counting alike."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        return float(np.mean([_log_loss(pixels, float(np.exp(log_temperature))) for pixels in sets]))

    found = minimize_scalar(loss, bounds=np.log(RANGE), method='bounded', options={'xatol': 1e-3})
    return round(float(np.exp(found.x)), 3)


def _log_loss(pixels: Pixels, temperature: float) -> float:
    logits = torch.from_numpy(pixels.logits).double() / temperature
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(pixels.ground_truth)))


def calibration_error(pixels: Pixels, temperature: float) -> float:
    """Return the expected calibration error in points of the published confidence."""
    probability = (torch.from_numpy(pixels.logits) / temperature).softmax(1).numpy()
    confidence = probability[np.arange(len(probability)), pixels.published]
    levels = (confidence * (LEVELS - 1)).round().astype(np.uint8)
    return round(reliability(confidence_counts(levels, pixels.published == pixels.ground_truth))['ece'], 2)
