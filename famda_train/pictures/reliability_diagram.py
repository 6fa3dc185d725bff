# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A reliability diagram: how often the label is right, by the student's confidence (Guo et al., arXiv 1706.04599)."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from famda_train.pictures.grid import HEAD, INK, MARGIN, QUIET_INK

SIDE, LEFT, BELOW = 280, 44, 40
"""Pixels: side of the square of percent times percent, room for its vertical and its horizontal axis."""
SHARES = 70
"""Height of the bars of shares, pixels."""
BAR_RGB, GAP_RGB, LINE_RGB, SHARE_RGB = (86, 130, 190), (224, 128, 110), (150, 155, 160), (170, 185, 205)
TICKS = (0, 20, 40, 60, 80, 100)


def reliability_diagram(calibration: Mapping[str, Any]) -> np.ndarray:
    """Draw accuracy over confidence, and below it how many pixels have that confidence.

    Args:
        calibration: as :func:`famda_train.evaluation.confidence.reliability` gives it.

    Returns:
        uint8 RGB; blue bars: accuracy; red: by how much the confidence is off; the diagonal: what it should be.
    """
    title = (
        f'confidence: ECE {calibration["ece"]:.1f} points, mean {calibration["confidence"]:.1f} %, '
        f'accuracy {calibration["accuracy"]:.1f} %'
    )
    top = MARGIN + HEAD
    width = MARGIN + LEFT + max(SIDE, 520) + MARGIN
    canvas = Image.new('RGB', (width, top + SIDE + BELOW + SHARES + MARGIN), 'white')
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    draw.text((MARGIN, MARGIN - 4), title, INK, font=ImageFont.load_default(15))
    left, bottom = MARGIN + LEFT, top + SIDE

    def x(percent: float) -> float:
        return left + percent / 100 * SIDE

    def y(percent: float) -> float:
        return bottom - percent / 100 * SIDE

    half = 100 / 15 / 2 - 0.4
    floor = bottom + BELOW + SHARES
    for one in calibration['bins']:
        confidence, accuracy = one['confidence'], one['accuracy']
        sides = max(x(0), x(confidence - half)), min(x(100), x(confidence + half))
        draw.rectangle((sides[0], y(accuracy), sides[1], bottom), fill=BAR_RGB)
        high, low = max(accuracy, confidence), min(accuracy, confidence)
        draw.rectangle((sides[0], y(high), sides[1], y(low)), fill=GAP_RGB)
        draw.rectangle((sides[0], floor - one['share'] / 100 * SHARES, sides[1], floor), fill=SHARE_RGB)
    draw.line((x(0), y(0), x(100), y(100)), fill=LINE_RGB, width=2)
    draw.rectangle((left, top, left + SIDE, bottom), outline=LINE_RGB)
    draw.line((left, floor, left + SIDE, floor), fill=LINE_RGB)
    for tick in TICKS:
        draw.text((x(tick), bottom + 4), f'{tick}', QUIET_INK, font=font, anchor='ma')
        draw.text((left - 6, y(tick)), f'{tick} %', QUIET_INK, font=font, anchor='rm')
    right = left + SIDE + 16
    words = (
        (BAR_RGB, 'pixels with the right label'),
        (GAP_RGB, 'distance to the confidence'),
        (SHARE_RGB, 'share of all pixels'),
    )
    for row, (color, text) in enumerate(words):
        above = top + 8 + row * HEAD
        draw.rectangle((right, above, right + 12, above + 12), fill=color)
        draw.text((right + 18, above - 1), text, QUIET_INK, font=font)
    draw.text((left + SIDE / 2, bottom + 20), 'confidence, %', QUIET_INK, font=font, anchor='ma')
    return np.asarray(canvas)
