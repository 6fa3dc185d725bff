# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in rows and columns with captions, and a legend of classes and depth below."""
from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from famda_ros.student.colorize import BEYOND_RANGE_RGB
from famda_train.pictures.depth_colors import TICKS_M, depth_position, depth_scale

GAP, GROUP_GAP, MARGIN, HEAD = 6, 22, 20, 26
"""Pixels between cells, between groups of rows, around the grid, and of a line of text above it."""
LEGEND = 2 * HEAD + GAP
"""Height of the legend, pixels."""
SCALE_WIDTH, SCALE_HEIGHT, SWATCH = 300, 10, 12
INK, QUIET_INK = (28, 32, 38), (60, 66, 74)

NamedColor = tuple[str, tuple[int, int, int]]


def draw_grid(
    captions: Sequence[str],
    rows: Sequence[Sequence[np.ndarray]],
    *,
    title: str = '',
    group: int = 1,
    classes: Sequence[NamedColor] | None = None,
) -> np.ndarray:
    """Draw rows of pictures below the captions of their columns.

    Args:
        captions: one per column.
        rows: one picture per column, uint8 RGB [H, W, 3], each at the size of its cell: one height in a row, one
            width in all.
        title: a line above the captions; empty = none.
        group: number of rows that belong together; a wider gap follows them.
        classes: name and colour of the classes in the legend, which shows the colours of depth as well;
            None = no legend.

    Returns:
        uint8 RGB.
    """
    tops, bottom = _row_tops([row[0].shape[0] for row in rows], MARGIN + HEAD * (1 + bool(title)), group)
    cell_width = rows[0][0].shape[1]
    lefts = [MARGIN + column * (cell_width + GAP) for column in range(len(captions))]
    height = bottom + (GAP + LEGEND if classes is not None else 0) + MARGIN
    canvas = Image.new('RGB', (lefts[-1] + cell_width + MARGIN, height), 'white')
    draw = ImageDraw.Draw(canvas)
    if title:
        draw.text((MARGIN, MARGIN), title, INK, font=ImageFont.load_default(17))
    for left, caption in zip(lefts, captions, strict=True):
        draw.text((left, tops[0] - HEAD), caption, INK, font=ImageFont.load_default(15))
    for top, row in zip(tops, rows, strict=True):
        for left, picture in zip(lefts, row, strict=True):
            canvas.paste(Image.fromarray(picture), (left, top))
    if classes is not None:
        _draw_legend(canvas, classes, bottom + GAP)
    return np.asarray(canvas)


def stacked(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Lay one picture below another, both uint8 RGB; white fills what the narrower one lacks."""
    width = max(above.shape[1], below.shape[1])
    parts = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in (above, below)]
    return np.concatenate(parts)


def encode_png(picture: np.ndarray) -> bytes:
    """Return the bytes of a PNG of uint8 RGB."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, 'PNG', optimize=True)
    return buffer.getvalue()


def _row_tops(heights: Sequence[int], top: int, group: int) -> tuple[list[int], int]:
    """Return where every row begins, and where the last one ends, pixels from above."""
    tops = []
    for number, height in enumerate(heights, 1):
        tops.append(top)
        top += height + (GAP if number % group else GROUP_GAP if group > 1 else GAP)
    return tops, tops[-1] + heights[-1]


def _draw_legend(canvas: Image.Image, classes: Sequence[NamedColor], top: int) -> None:
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    left = MARGIN
    for name, color in classes:
        draw.rectangle((left, top + 2, left + SWATCH, top + 2 + SWATCH), fill=color)
        draw.text((left + SWATCH + 5, top), name, QUIET_INK, font=font)
        left += SWATCH + 5 + math.ceil(draw.textlength(name, font=font)) + 14
    top += HEAD
    canvas.paste(Image.fromarray(depth_scale(SCALE_WIDTH, SCALE_HEIGHT)), (MARGIN, top))
    for metres in TICKS_M:
        anchor = 'la' if metres == TICKS_M[0] else 'ra' if metres == TICKS_M[-1] else 'ma'
        place = MARGIN + depth_position(metres) * (SCALE_WIDTH - 1), top + SWATCH
        draw.text(place, f'{metres} m', QUIET_INK, font=font, anchor=anchor)
    left = MARGIN + SCALE_WIDTH + 20
    draw.rectangle((left, top, left + SWATCH, top + SCALE_HEIGHT), fill=BEYOND_RANGE_RGB)
    draw.text((left + SWATCH + 6, top - 3), 'beyond range or unknown', QUIET_INK, font=font)
