# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of a few scored frames: image, prediction and ground truth, and where they differ."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from famda_ros.files import write_atomically
from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import IGNORE
from famda_train.evaluation.depth import valid_depth
from famda_train.evaluation.evaluate import ScoredFrame
from famda_train.evaluation.protocol import Protocol
from famda_train.evaluation.scoring_space import ScoringSpace
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.grid import draw_grid, encode_png, stacked
from famda_train.pictures.reliability_diagram import reliability_diagram

WRONG_RGB, RIGHT_RGB, NOT_SCORED_RGB = (214, 60, 50), (226, 232, 226), (0, 0, 0)
WORST_ERROR = 0.5
"""Relative depth error at the end of the colours."""


def label_errors(labels: np.ndarray, ground_truth: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB: wrong pixels red, right ones pale, unlabelled ones black.

    Args:
        labels, ground_truth: uint8 [H, W] train ids of one label space; 255 in the ground truth = not scored.
    """
    right = (labels == ground_truth)[..., None]
    picture = np.where(right, np.array(RIGHT_RGB, np.uint8), np.array(WRONG_RGB, np.uint8))
    picture[ground_truth == IGNORE] = NOT_SCORED_RGB
    return picture


def depth_errors(depth: np.ndarray, ground_truth: np.ndarray, protocol: Protocol) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB of abs(depth - ground truth) / ground truth: dark = 0, bright = 50 % and more.

    Depth is taken as predicted, without the protocol's scaling; pixels outside its range are black.
    """
    valid = valid_depth(ground_truth, protocol)
    with np.errstate(invalid='ignore', divide='ignore'):
        error = np.abs(np.nan_to_num(depth, nan=np.inf) - ground_truth) / ground_truth
    shade = 1 + 254 * np.clip(np.where(valid, error, 0), 0, WORST_ERROR) / WORST_ERROR
    picture = cv2.applyColorMap(shade.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1].copy()
    picture[~valid] = NOT_SCORED_RGB
    return picture


def depth_error_title() -> str:
    """Return what :func:`depth_errors` shows."""
    return f'depth error, 0 to {WORST_ERROR:.0%}'


def frame_pictures(frame: ScoredFrame, scoring: ScoringSpace | None, protocol: Protocol) -> dict[str, np.ndarray]:
    """Return {title: uint8 RGB} of one frame; what has no ground truth is left out.

    Args:
        frame: prediction and ground truth.
        scoring: label space in which labels are scored; None = labels are not scored.
        protocol: how depth is scored.
    """
    pictures = {'camera': frame.image}
    if scoring is not None and frame.true_labels is not None:
        labels = scoring.prediction_table[frame.labels]
        ground_truth = scoring.ground_truth_table[frame.true_labels]
        pictures['labels'] = color_mask(labels, scoring.space)
        pictures['true labels'] = color_mask(ground_truth, scoring.space)
        pictures['wrong labels'] = label_errors(labels, ground_truth)
    if frame.depth is not None:
        pictures['depth'] = depth_picture(frame.depth)
    if frame.depth is not None and frame.true_depth is not None:
        pictures['true depth'] = depth_picture(frame.true_depth)
        pictures[depth_error_title()] = depth_errors(frame.depth, frame.true_depth, protocol)
    return pictures


def comparison(
    frames: Sequence[ScoredFrame], scoring: ScoringSpace | None, protocol: Protocol, title: str, cell_width: int = 320
) -> np.ndarray:
    """Draw one row per frame.

    Args:
        frames: at least one.
        scoring, protocol: as for :func:`frame_pictures`.
        title: the text above, after the protocol's name.
        cell_width: width of one picture in pixels.

    Returns:
        uint8 RGB.
    """
    rows = [frame_pictures(frame, scoring, protocol) for frame in frames]
    cells = [[_cell(name, picture, cell_width) for name, picture in row.items()] for row in rows]
    classes = [] if scoring is None else list(zip(scoring.space.classes, scoring.space.colors, strict=True))
    return draw_grid(list(rows[0]), cells, title=f'protocol {protocol.name}: {title}', classes=classes)


def write_comparison(
    path: str | Path,
    frames: Sequence[ScoredFrame],
    scoring: ScoringSpace | None,
    protocol: Protocol,
    title: str,
    calibration: Mapping[str, Any] | None = None,
) -> None:
    """Write :func:`comparison` as PNG, with :func:`reliability_diagram` below where there is ``calibration``."""
    picture = comparison(frames, scoring, protocol, title)
    if calibration is not None:
        picture = stacked(picture, reliability_diagram(calibration))
    write_atomically(path, encode_png(picture))


def _cell(name: str, picture: np.ndarray, width: int) -> np.ndarray:
    """Return a picture at the width of a cell; only the camera's colours are mixed."""
    resample = Image.Resampling.BILINEAR if name == 'camera' else Image.Resampling.NEAREST
    size = width, round(width * picture.shape[0] / picture.shape[1])
    return np.asarray(Image.fromarray(picture).resize(size, resample))
