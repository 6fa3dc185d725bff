# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Score anything that turns an image into labels and depth."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.data.frame_folder import FrameFolder
from famda_train.evaluation.depth import DepthMeter
from famda_train.evaluation.protocol import get_protocol
from famda_train.evaluation.segmentation import SegmentationMeter

Predict = Callable[[np.ndarray, 'float | None'], 'tuple[np.ndarray, np.ndarray]']
"""(uint8 [H, W, 3] RGB, focal in pixels or None) -> (labels uint8 [H, W], depth float32 [H, W] metres)."""


def evaluate(
    predict: Predict,
    folder: FrameFolder,
    protocol: str = 'metric',
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run ``predict`` over a frame folder and score it.

    Args:
        predict: gives labels in the label space of the folder and depth for the focal it is handed.
        folder: frames with labels, depth or both; only what is there is scored.
        protocol: name of the protocol.
        progress: called after every frame with (frames done, frames in all).

    Returns:
        ``protocol``, ``frames``, ``label_space``; with labels ``miou`` and ``iou``
        (class name -> percent, None for a class in neither truth nor prediction);
        with depth ``abs_rel``, ``sq_rel`` (m), ``rmse`` (m), ``rmse_log`` and
        ``delta1``, ``delta2``, ``delta3`` (percent).  Everything fits into JSON.

    Raises:
        FamdaError: nothing to score, or a prediction that has not the size of its frame.
    """
    rules = get_protocol(protocol)
    space = folder.label_space
    segmentation = SegmentationMeter(len(space)) if space is not None and folder.has('labels') else None
    depth = DepthMeter(rules) if folder.has('depth') else None
    if segmentation is None and depth is None:
        raise FamdaError(f"'{folder.path}' has neither labels nor depth to score against")
    for index, frame in enumerate(folder.frames):
        labels, metres = predict(folder.image(index), frame.focal)
        try:
            if segmentation is not None:
                segmentation.update(labels, folder.labels(index))
            if depth is not None:
                depth.update(metres, folder.depth(index))
        except ValueError as error:
            raise FamdaError(f"frame '{frame.stem}' of '{folder.path}': {error}") from error
        if progress is not None:
            progress(index + 1, len(folder))
    result: dict[str, Any] = {
        'protocol': rules.name,
        'frames': len(folder),
        'label_space': space.name if segmentation is not None and space is not None else None,
    }
    if segmentation is not None and space is not None:
        result['miou'] = _json_number(segmentation.miou())
        iou = segmentation.iou().tolist()
        result['iou'] = {name: _json_number(value) for name, value in zip(space.classes, iou, strict=True)}
    if depth is not None:
        result.update({name: _json_number(value) for name, value in depth.compute().items()})
    return result


def _json_number(value: float) -> float | None:
    return None if math.isnan(value) else value
