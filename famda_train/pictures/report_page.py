# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What all reports share: their parts, one style sheet, and pages that need nothing else.

A report is a template that extends ``page.html`` and is put together of the macros in ``parts.html``.
"""
from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np

from famda_ros.messages.image_messages import encode_image
from famda_ros.student.colorize import BEYOND_RANGE_RGB
from famda_train.pictures.depth_colors import TICKS_M, depth_position, depth_scale
from famda_train.pictures.grid import encode_png

PARTS_FOLDER = Path(__file__).parent / 'templates'
JPEG_GAIN = 3
"""A picture is kept to the pixel (PNG) unless JPEG makes it so many times smaller."""


class Panel(NamedTuple):
    """A picture of a frame, or two below a line that is drawn over them.

    Attributes:
        title: what it shows.
        picture: uint8 [H, W, 3] RGB.
        before: another of the same size, seen left of the line; None = there is no line.
    """

    title: str
    picture: np.ndarray
    before: np.ndarray | None = None


class ShownFrame(NamedTuple):
    """A frame with its pictures, and a word about it."""

    name: str
    note: str
    panels: Sequence[Panel]


class Row(NamedTuple):
    """A row of a table of numbers."""

    name: str
    cells: Sequence[str]
    meaning: str = ''
    marked: bool = False


class DepthLegend(NamedTuple):
    """What the colours of depth mean: a bar, (metres, percent of the bar) pairs, and the colour of no depth."""

    scale: np.ndarray
    ticks: Sequence[tuple[int, float]]
    beyond: tuple[int, int, int]


def depth_legend() -> DepthLegend:
    """Return the legend of :func:`~famda_train.pictures.depth_colors.depth_picture`."""
    return DepthLegend(
        depth_scale(256, 1), [(metres, 100 * depth_position(metres)) for metres in TICKS_M], BEYOND_RANGE_RGB
    )


def render_page(template: Path, **values: Any) -> str:
    """Return a report as one HTML page that loads nothing; whatever it is given is escaped.

    Args:
        template: extends ``page.html``.
        values: what it names.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, PARTS_FOLDER]),
        autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    templates.filters |= {
        'number': format_number, 'bar_width': _bar_width, 'picture_uri': _picture_uri, 'css_color': _css_color,
    }  # fmt: skip
    return templates.get_template(template.name).render(**values)


def format_number(value: Any, digits: int) -> str:
    """Return a number with ``digits`` decimals; an en dash when there is none."""
    if value is None or not math.isfinite(value):
        return '–'
    return f'{value:.{digits}f}'


def _bar_width(percent: float | None) -> str:
    """Return the width of a bar in percent, 0 where the value is unknown."""
    return f'{0.0 if percent is None or not math.isfinite(percent) else min(max(percent, 0.0), 100.0):.1f}'


def _picture_uri(picture: np.ndarray) -> str:
    png, jpeg = encode_png(picture), encode_image(picture, '.jpg', 90)
    kind, data = ('jpeg', jpeg) if len(jpeg) * JPEG_GAIN < len(png) else ('png', png)
    return f'data:image/{kind};base64,' + base64.b64encode(data).decode('ascii')


def _css_color(color: tuple[int, int, int]) -> str:
    return '#{:02x}{:02x}{:02x}'.format(*color)
