# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the demo: masks and depth in colour, and the comparison for the front page.

A *row* is one frame: ``{'name': str, 'image': RGB, 'source_only': OUTPUT,
'famda': OUTPUT, 'ground_truth': OUTPUT}`` with ``OUTPUT = {'labels': uint8 [H, W],
'depth': float32 [H, W] metres}``.
"""
from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from famda_ros.files import write_atomically
from famda_ros.student.colorize import BEYOND_RANGE_RGB, color_mask, overlay
from famda_ros.student.label_space import LabelSpace
from famda_train.pictures.depth_colors import TICKS_M, depth_picture, depth_position, depth_scale

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


def encode_png(picture: np.ndarray) -> bytes:
    """Return the bytes of a PNG of uint8 RGB."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, 'PNG', optimize=True)
    return buffer.getvalue()


def comparison_picture(
    rows: Sequence[Mapping[str, Any]], space: LabelSpace, cell_width: int = 360, columns: Sequence[str] = COLUMNS
) -> np.ndarray:
    """Draw camera | source only | FAMDA | ground truth, masks above depth, with both legends.

    Args:
        rows: see the module; all frames of one size.
        space: label space of the masks.
        cell_width: wanted width of one picture; frames are enlarged by a whole number.
        columns: which of :data:`COLUMNS`; photographs that may not be shown are left out.

    Returns:
        uint8 RGB.
    """
    height, width = rows[0]['image'].shape[:2]
    factor = max(1, round(cell_width / width))
    cell_w, cell_h = width * factor, height * factor
    gap, margin, head, foot = 6, 24, 34, 96
    step = 2 * cell_h + gap + 22
    width = 2 * margin + len(columns) * (cell_w + gap) - gap
    canvas = Image.new('RGB', (width, margin + head + len(rows) * step + foot), 'white')
    draw = ImageDraw.Draw(canvas)

    def paste(picture: np.ndarray, column: int, top: int) -> None:
        crisp = Image.fromarray(picture).resize((cell_w, cell_h), Image.Resampling.NEAREST)
        canvas.paste(crisp, (margin + column * (cell_w + gap), top))

    for column, key in enumerate(columns):
        draw.text((margin + column * (cell_w + gap), margin), TITLES[key], (28, 32, 38), font=_font(19))
    for number, row in enumerate(rows):
        top = margin + head + number * step
        for column, key in enumerate(columns):
            if key == 'image':
                pair = row['image'], overlay(row['image'], row['famda']['labels'], space)
            else:
                pair = color_mask(row[key]['labels'], space), depth_picture(row[key]['depth'])
            for picture, place in zip(pair, (top, top + cell_h + gap), strict=True):
                paste(picture, column, place)
    _draw_legends(canvas, rows, space, margin, canvas.height - foot + 8)
    return np.asarray(canvas)


def write_comparison(
    path: str | Path, rows: Sequence[Mapping[str, Any]], space: LabelSpace, columns: Sequence[str] = COLUMNS
) -> None:
    """Write :func:`comparison_picture` as PNG."""
    write_atomically(path, encode_png(comparison_picture(rows, space, columns=columns)))


def _draw_legends(canvas: Image.Image, rows: Sequence[Mapping[str, Any]], space: LabelSpace, left: int, top: int):
    draw, font, ink = ImageDraw.Draw(canvas), _font(15), (60, 66, 74)
    x = left
    for index in present_classes(rows, space):
        draw.rectangle((x, top + 3, x + 15, top + 18), fill=space.colors[index])
        draw.text((x + 22, top + 1), space.classes[index], ink, font=font)
        x += 22 + round(draw.textlength(space.classes[index], font=font)) + 20
    bar_width = 420
    canvas.paste(Image.fromarray(depth_scale(bar_width, 14)), (left, top + 36))
    for metres in TICKS_M:
        position = left + round(depth_position(metres) * (bar_width - 1))
        anchor = 'la' if metres == TICKS_M[0] else 'ra' if metres == TICKS_M[-1] else 'ma'
        draw.text((position, top + 54), f'{metres} m', ink, font=font, anchor=anchor)
    draw.rectangle((left + bar_width + 24, top + 36, left + bar_width + 39, top + 50), fill=BEYOND_RANGE_RGB)
    draw.text((left + bar_width + 46, top + 33), 'beyond range or unknown', ink, font=font)


def _font(size: int):
    return ImageFont.load_default(size)
