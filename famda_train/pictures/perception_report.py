# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a perceived recording: one HTML file that needs nothing else."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from famda_ros.student.colorize import overlay
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.runtime import Prediction
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.learning_curves import learning_curves
from famda_train.pictures.report_page import Panel, ShownFrame, depth_legend, render_page

SHOWN, SHOWN_WIDTH = 6, 480


class PerceptionReport:
    """Looks at every frame as it is perceived, and keeps the pictures of those with the least confidence.

    Attributes:
        frames: how many it has seen.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._space: LabelSpace | None = None
        self._pixels = np.zeros(256, np.int64)
        self._curves: dict[str, list[tuple[int, float]]] = {'mean confidence': [], 'median depth': []}
        self._kept: list[tuple[tuple[float, int], ShownFrame]] = []

    def add(self, name: str, image: np.ndarray, prediction: Prediction, space: LabelSpace) -> None:
        """Look at a frame.

        Args:
            name: of the frame.
            image: uint8 [H, W, 3] RGB.
            prediction: at the image's size.
            space: label space of the prediction.
        """
        labels, confidence, depth = prediction.labels, prediction.confidence, prediction.depth
        assert labels is not None
        self._space = space
        self._pixels += np.bincount(labels.ravel(), minlength=256)
        mean_confidence = 0.0 if confidence is None else float(confidence.mean()) / 255
        if confidence is not None:
            self._curves['mean confidence'].append((self.frames, mean_confidence))
        if depth is not None and (known := depth[np.isfinite(depth)]).size:
            self._curves['median depth'].append((self.frames, float(np.median(known))))
        key = mean_confidence, self.frames  # of equal ones the first
        if len(self._kept) < SHOWN or key < self._kept[-1][0]:
            note = '' if confidence is None else f'mean confidence {100 * mean_confidence:.0f} %'
            self._kept.append((key, ShownFrame(name, note, _panels(image, prediction, space))))
            self._kept.sort(key=lambda kept: kept[0])
            del self._kept[SHOWN:]
        self.frames += 1

    def render(
        self, student: str, recording: str, facts: Mapping[str, str], sentences: Sequence[str], command: str
    ) -> str:
        """Return the report as one self-contained HTML page.

        Args:
            student: name of its file.
            recording: name of what was perceived.
            facts: numbers of the run, as text.
            sentences: what there is to say.
            command: that made it.
        """
        space = self._space
        assert space is not None
        shares = 100 * self._pixels[: len(space)] / max(1, self._pixels.sum())
        return render_page(
            Path(__file__).parent / 'templates' / 'perception.html',
            subject=f'{student} on {recording}',
            headline=f'{self.frames} frames of {recording}, as {student} sees them.',
            facts=facts,
            sentences=sentences,
            frames=[frame for _, frame in self._kept],
            classes=list(zip(space.classes, space.colors, strict=True)),
            depth=depth_legend() if self._curves['median depth'] else None,
            shares={name: [float(share)] for name, share in zip(space.classes, shares, strict=True)},
            curves=learning_curves(self._curves),
            commands=[('This page', command)],
        )


def _panels(image: np.ndarray, prediction: Prediction, space: LabelSpace) -> list[Panel]:
    """Return the mask and the depth over the camera image, and the confidence; of what there is."""
    assert prediction.labels is not None
    camera = _small(image)
    panels = [Panel('mask', _small(overlay(image, prediction.labels, space)), before=camera)]
    if prediction.depth is not None:
        panels.append(Panel('depth', _small(depth_picture(prediction.depth)), before=camera))
    if prediction.confidence is not None:
        grey = np.repeat(prediction.confidence[..., None], 3, axis=2)
        panels.append(Panel('confidence: dark = unsure', _small(grey)))
    return panels


def _small(picture: np.ndarray) -> np.ndarray:
    """Return a picture no wider than it is shown."""
    width = min(SHOWN_WIDTH, picture.shape[1])
    return cv2.resize(
        picture, (width, max(1, round(picture.shape[0] * width / picture.shape[1]))), interpolation=cv2.INTER_AREA
    )
