# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the demo: masks and depth in colour, and the comparison for the front page.

A *row* is one frame: ``{'name': str, 'image': RGB, 'source_only': OUTPUT,
'famda': OUTPUT, 'ground_truth': OUTPUT}`` with ``OUTPUT = {'labels': uint8 [H, W],
'depth': float32 [H, W] metres}``.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.files import write_atomically
from famda_ros.student.colorize import color_mask, overlay
from famda_ros.student.label_space import LabelSpace
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.grid import draw_grid, encode_png

OUTPUTS = ('source_only', 'famda', 'ground_truth')
COLUMNS = ('image', *OUTPUTS)
TITLES = {'image': 'camera', 'source_only': 'source only', 'famda': 'FAMDA', 'ground_truth': 'ground truth'}


def present_classes(rows: Iterable[Mapping[str, Any]], space: LabelSpace) -> list[int]:
    """Return the train ids that occur in any mask of the rows, in order."""
    seen = np.zeros(256, bool)
    for row in rows:
        for output in OUTPUTS:
            seen[np.unique(row[output]['labels'])] = True
    return np.flatnonzero(seen[: len(space)]).tolist()


def comparison_picture(
    rows: Sequence[Mapping[str, Any]], space: LabelSpace, cell_width: int = 360, columns: Sequence[str] = COLUMNS
) -> np.ndarray:
    """Draw camera | source only | FAMDA | ground truth, masks above depth, with both legends.

    Args:
        rows: see the module; all frames of one size.
        space: label space of the masks.
        cell_width: wanted width of one picture in pixels; frames are scaled up by a whole number.
        columns: which of :data:`COLUMNS`; photographs that may not be shown are left out.

    Returns:
        uint8 RGB.
    """
    factor = max(1, round(cell_width / rows[0]['image'].shape[1]))
    lines = []
    for row in rows:
        pairs = [_pair(row, key, space) for key in columns]
        for line in zip(*pairs, strict=True):
            lines.append([picture.repeat(factor, axis=0).repeat(factor, axis=1) for picture in line])
    classes = [(space.classes[index], space.colors[index]) for index in present_classes(rows, space)]
    return draw_grid([TITLES[key] for key in columns], lines, group=2, classes=classes)


def _pair(row: Mapping[str, Any], key: str, space: LabelSpace) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper and the lower picture of a column: mask and depth, or the image and FAMDA's mask over it."""
    if key == 'image':
        return row['image'], overlay(row['image'], row['famda']['labels'], space)
    return color_mask(row[key]['labels'], space), depth_picture(row[key]['depth'])


def write_comparison(
    path: str | Path, rows: Sequence[Mapping[str, Any]], space: LabelSpace, columns: Sequence[str] = COLUMNS
) -> None:
    """Write :func:`comparison_picture` as PNG."""
    write_atomically(path, encode_png(comparison_picture(rows, space, columns=columns)))
