# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Does a student predict the same wherever it runs?  Measured on frames that travel in the model file."""
from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from famda_ros.errors import FamdaError

PROBES_KEY = 'famda_probes'
"""Key of the ONNX metadata with the probe frames: a JSON list of JPEG images in Base64."""

JPEG_QUALITY = 90

NEAREST_M = 0.01
"""Differences of depth are relative to at least this."""

Outputs = Mapping[str, np.ndarray]
"""``labels`` and, where the student gives them, ``confidence`` and ``depth``, at network size, as
:meth:`famda_ros.student.runtime.Student.run` returns them."""


@dataclass(frozen=True)
class Limits:
    """How far the outputs may be apart.

    Attributes:
        labels: smallest share of pixels with equal labels, 0..1.
        confidence: largest mean difference of confidence, 0..1.
        depth: largest mean relative difference of depth, 0..1.
    """

    labels: float = 0.98
    confidence: float = 0.02
    depth: float = 0.02


@dataclass(frozen=True)
class Agreement:
    """How far two ways to run a student are apart; attributes as of :class:`Limits`, and ``frames``.

    None = the student gives no confidence, or no depth.
    """

    frames: int
    labels: float
    confidence: float | None
    depth: float | None

    def fault(self, limits: Limits) -> str:
        """Return what is beyond the limits and by how much, '' if nothing is."""
        faults = []
        if not self.labels >= limits.labels:
            faults.append(f'{100 * self.labels:.2f} % of the labels agree (needed {100 * limits.labels:g} %)')
        for name in ('confidence', 'depth'):
            have, most = getattr(self, name), getattr(limits, name)
            if have is not None and not have <= most:
                faults.append(f'{name} differs by {100 * have:.2f} % (allowed {100 * most:g} %)')
        return ' and '.join(faults)

    def __str__(self) -> str:
        parts = [f'{100 * self.labels:.3f} % of the labels agree']
        if self.confidence is not None:
            parts.append(f'confidence differs by {100 * self.confidence:.3f} %')
        if self.depth is not None:
            verb = 'differs ' if self.confidence is None else ''
            parts.append(f'depth {verb}by {100 * self.depth:.3f} %')
        return f'{", ".join(parts)} ({self.frames} frames)'


def compare(
    reference: Callable[[np.ndarray], Outputs], other: Callable[[np.ndarray], Outputs], frames: Iterable[np.ndarray]
) -> Agreement:
    """Run two ways on frames and measure how far apart they are.

    Args:
        reference, other: map uint8 [h, w, 3] at network size to outputs.
        frames: at network size.

    Raises:
        FamdaError: there are no frames.
    """
    rows = []
    for frame in frames:
        ours, theirs = reference(frame), other(frame)
        row = {'labels': np.mean(theirs['labels'] == ours['labels'])}
        if 'confidence' in ours:
            row['confidence'] = np.mean(np.abs(theirs['confidence'].astype(np.float32) - ours['confidence'])) / 255
        if 'depth' in ours:
            apart = np.abs(theirs['depth'] - ours['depth'])
            row['depth'] = np.mean(apart / np.maximum(ours['depth'], NEAREST_M))
        rows.append(row)
    if not rows:
        raise FamdaError('parity needs at least one frame; give a frame folder with images')
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return Agreement(len(rows), means['labels'], means.get('confidence'), means.get('depth'))


def encode_probes(frames: Sequence[np.ndarray]) -> str:
    """Return the metadata text for uint8 [h, w, 3] RGB frames."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    images = [cv2.imencode('.jpg', frame[..., ::-1], quality)[1] for frame in frames]
    return json.dumps([base64.b64encode(image.tobytes()).decode() for image in images])


def decode_probes(text: str) -> list[np.ndarray]:
    """Return the frames of a metadata text, uint8 [h, w, 3] RGB.

    Raises:
        FamdaError: damaged.
    """
    try:
        data = [np.frombuffer(base64.b64decode(item, validate=True), np.uint8) for item in json.loads(text)]
        frames = [cv2.imdecode(item, cv2.IMREAD_COLOR) for item in data]
    except (ValueError, TypeError, cv2.error) as error:
        raise FamdaError('the probe frames of the model are damaged; export it again') from error
    whole = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames if frame is not None]
    if len(whole) < len(frames):
        raise FamdaError('the probe frames of the model are damaged; export it again')
    return whole
