# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What all reports share: one style sheet, and pages that need nothing else."""
from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from famda_ros.messages.image_messages import encode_image
from famda_train.pictures.grid import encode_png

STYLE_FOLDER = Path(__file__).parent / 'templates'


def report_templates(folder: Path) -> jinja2.Environment:
    """Return the templates of a folder, and ``report.css``; whatever they are given is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, STYLE_FOLDER]),
        autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    templates.filters |= {
        'number': format_number, 'bar_width': _bar_width, 'data_uri': _data_uri, 'photo_uri': _photo_uri,
        'css_color': _css_color,
    }  # fmt: skip
    return templates


def format_number(value: Any, digits: int) -> str:
    """Return a number with ``digits`` decimals; an en dash when there is none."""
    if value is None or not math.isfinite(value):
        return '–'
    return f'{value:.{digits}f}'


def _bar_width(percent: float | None) -> str:
    """Return the width of a bar in percent, 0 where the value is unknown."""
    return f'{0.0 if percent is None or not math.isfinite(percent) else min(max(percent, 0.0), 100.0):.1f}'


def _data_uri(picture: np.ndarray) -> str:
    return 'data:image/png;base64,' + base64.b64encode(encode_png(picture)).decode('ascii')


def _photo_uri(picture: np.ndarray) -> str:
    return 'data:image/jpeg;base64,' + base64.b64encode(encode_image(picture, '.jpg', 90)).decode('ascii')


def _css_color(color: tuple[int, int, int]) -> str:
    return '#{:02x}{:02x}{:02x}'.format(*color)
