# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of a few scored frames: what was seen, said and true, and where it was wrong."""
from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from famda_ros.files import write_atomically
from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import IGNORE
from famda_train.evaluation.depth import valid_depth
from famda_train.evaluation.evaluate import ScoredFrame
from famda_train.evaluation.protocol import Protocol
from famda_train.evaluation.scoring_space import ScoringSpace
from famda_train.pictures.depth_colors import TICKS_M, depth_picture, depth_position, depth_scale
from famda_train.pictures.student_comparison import BEYOND_RANGE_RGB, encode_png

WRONG_RGB, RIGHT_RGB, NOT_SCORED_RGB = (214, 60, 50), (226, 232, 226), (0, 0, 0)
WORST_ERROR = 0.5
"""Relative depth error at the end of the colours."""
GAP, MARGIN, HEAD = 6, 20, 26


def label_errors(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB: wrong pixels red, right ones pale, unlabelled ones black.

    Args:
        labels, truth: uint8 [H, W] train ids of one label space; 255 in the truth = not scored.
    """
    picture = np.where((labels == truth)[..., None], np.array(RIGHT_RGB, np.uint8), np.array(WRONG_RGB, np.uint8))
    picture[truth == IGNORE] = NOT_SCORED_RGB
    return picture


def depth_errors(depth: np.ndarray, truth: np.ndarray, protocol: Protocol) -> np.ndarray:
    """Return uint8 [H, W, 3] RGB of abs(depth - truth) / truth: dark = 0, bright = 50 % and more.

    Depth is taken as predicted, without the protocol's scaling; pixels outside its range are black.
    """
    valid = valid_depth(truth, protocol)
    with np.errstate(invalid='ignore', divide='ignore'):
        error = np.abs(np.nan_to_num(depth, nan=np.inf) - truth) / truth
    shade = 1 + 254 * np.clip(np.where(valid, error, 0), 0, WORST_ERROR) / WORST_ERROR
    picture = cv2.applyColorMap(shade.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1].copy()
    picture[~valid] = NOT_SCORED_RGB
    return picture


def frame_pictures(frame: ScoredFrame, ground: ScoringSpace | None, protocol: Protocol) -> dict[str, np.ndarray]:
    """Return {title: uint8 RGB} of one frame; what has no truth is left out.

    Args:
        frame: prediction and truth.
        ground: label space of the labels' scores; None = labels are not scored.
        protocol: how depth is scored.
    """
    pictures = {'camera': frame.image}
    if ground is not None and frame.true_labels is not None:
        labels, truth = ground.prediction_table[frame.labels], ground.ground_truth_table[frame.true_labels]
        pictures['labels'] = color_mask(labels, ground.space)
        pictures['true labels'] = color_mask(truth, ground.space)
        pictures['wrong labels'] = label_errors(labels, truth)
    pictures['depth'] = depth_picture(frame.depth)
    if frame.true_depth is not None:
        pictures['true depth'] = depth_picture(frame.true_depth)
        pictures[f'depth error, 0 to {WORST_ERROR:.0%}'] = depth_errors(frame.depth, frame.true_depth, protocol)
    return pictures


def comparison(
    frames: Sequence[ScoredFrame], ground: ScoringSpace | None, protocol: Protocol, title: str, cell_width: int = 320
) -> np.ndarray:
    """Draw one row per frame.

    Args:
        frames: at least one.
        ground, protocol: as for :func:`frame_pictures`.
        title: stands above, with the protocol's name.
        cell_width: width of one picture in pixels.

    Returns:
        uint8 RGB.
    """
    rows = [frame_pictures(frame, ground, protocol) for frame in frames]
    heights = [round(cell_width * frame.image.shape[0] / frame.image.shape[1]) for frame in frames]
    columns = len(rows[0])
    width = 2 * MARGIN + columns * cell_width + (columns - 1) * GAP
    top = MARGIN + 2 * HEAD
    canvas = Image.new('RGB', (width, top + sum(heights) + len(rows) * GAP + 2 * HEAD + MARGIN), 'white')
    draw, ink = ImageDraw.Draw(canvas), (28, 32, 38)
    draw.text((MARGIN, MARGIN), f'protocol {protocol.name}: {title}', ink, font=ImageFont.load_default(17))
    for column, name in enumerate(rows[0]):
        left = MARGIN + column * (cell_width + GAP)
        draw.text((left, MARGIN + HEAD), name, ink, font=ImageFont.load_default(15))
    for row, height in zip(rows, heights, strict=True):
        for column, (name, picture) in enumerate(row.items()):
            resample = Image.Resampling.BILINEAR if name == 'camera' else Image.Resampling.NEAREST
            cell = Image.fromarray(picture).resize((cell_width, height), resample)
            canvas.paste(cell, (MARGIN + column * (cell_width + GAP), top))
        top += height + GAP
    _draw_legend(canvas, ground, top + 4)
    return np.asarray(canvas)


def write_comparison(
    path: str | Path, frames: Sequence[ScoredFrame], ground: ScoringSpace | None, protocol: Protocol, title: str
) -> None:
    """Write :func:`comparison` as PNG."""
    write_atomically(path, encode_png(comparison(frames, ground, protocol, title)))


def _draw_legend(canvas: Image.Image, ground: ScoringSpace | None, top: int) -> None:
    draw, font, ink = ImageDraw.Draw(canvas), ImageFont.load_default(13), (60, 66, 74)
    x = MARGIN
    classes = () if ground is None else zip(ground.space.classes, ground.space.colors, strict=True)
    for name, color in classes:
        draw.rectangle((x, top + 2, x + 12, top + 14), fill=color)
        draw.text((x + 17, top), name, ink, font=font)
        x += 17 + math.ceil(draw.textlength(name, font=font)) + 14
    bar, top = 300, top + HEAD
    canvas.paste(Image.fromarray(depth_scale(bar, 10)), (MARGIN, top))
    for metres in TICKS_M:
        anchor = 'la' if metres == TICKS_M[0] else 'ra' if metres == TICKS_M[-1] else 'ma'
        draw.text((MARGIN + depth_position(metres) * (bar - 1), top + 12), f'{metres} m', ink, font=font, anchor=anchor)
    draw.rectangle((MARGIN + bar + 20, top, MARGIN + bar + 32, top + 10), fill=BEYOND_RANGE_RGB)
    draw.text((MARGIN + bar + 38, top - 3), 'beyond range', ink, font=font)
