# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a click, a stroke and an accepted suggestion make of a frame's labels: pure functions on arrays.

A click takes the whole mask at its place (as LabOR, arXiv 2108.05570, shows, a few such places an image come near full
labels).  A further click on the same mask takes what a decoder finds at its place inside it (Segment Anything,
arXiv 2304.02643); without one, or where that finds no part, a superpixel, and at the third click a smaller one.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from famda_ros.student.label_space import IGNORE
from famda_ros.student.resize import resize_image, resize_nearest
from famda_train.teachers.felzenszwalb import Felzenszwalb

WHOLE = Felzenszwalb(scale=100, min_size=100)
"""In place of masks where there is no mask."""
SPLITS = Felzenszwalb(scale=30, min_size=40), Felzenszwalb(scale=8, min_size=12)
"""What a mask falls apart into at the second click, and at the third."""

LARGEST_PART, SMALLEST_PART = 0.9, 12
"""A part of a mask has at most this share of the pixels that it is split from, and at least so many pixels."""

MOST_PIXELS = 300_000
"""Superpixels of a larger image are those of a smaller copy: a frame is there within a second."""


class Painted(NamedTuple):
    """What is labelled of a frame.

    Attributes:
        labels: uint8 [H, W] train ids; 255 = not labelled.
        clicks: uint8 [H, W], how many clicks have taken a pixel, one inside the other.
    """

    labels: np.ndarray
    clicks: np.ndarray


def unlabelled(height: int, width: int) -> Painted:
    """Return a frame of which nothing is labelled."""
    return Painted(np.full((height, width), IGNORE, np.uint8), np.zeros((height, width), np.uint8))


def cut(image: np.ndarray, segments: np.ndarray | None = None) -> np.ndarray:
    """Return the pieces that the first, second and third click on a place take.

    Args:
        image: uint8 [H, W, 3] RGB.
        segments: uint16 [h, w] masks, 0 = no mask; None = superpixels in their place.

    Returns:
        int32 [3, H, W] ids from 0, no id in two levels; a piece lies in one piece of the level before.
    """
    height, width = image.shape[:2]
    whole = np.zeros((height, width), np.int64)
    if segments is not None:
        whole = resize_nearest(segments, width, height).astype(np.int64)
    if not whole.all():
        whole = np.where(whole > 0, whole, _superpixels(image, WHOLE) + whole.max())
    levels, first = [_numbered(whole)], 0
    for split in SPLITS:
        finer = _superpixels(image, split)
        levels.append(_numbered(levels[-1].astype(np.int64) * (finer.max() + 1) + finer))
    for level in levels:
        level += first
        first = int(level.max()) + 1
    return np.stack(levels)


def _superpixels(image: np.ndarray, teacher: Felzenszwalb) -> np.ndarray:
    """Return int64 [H, W] ids from 1."""
    height, width = image.shape[:2]
    scale = min(1.0, (MOST_PIXELS / (height * width)) ** 0.5)
    small = resize_image(image, max(1, round(scale * width)), max(1, round(scale * height)))
    return resize_nearest(teacher(small), width, height).astype(np.int64)


def _numbered(ids: np.ndarray) -> np.ndarray:
    return np.unique(ids, return_inverse=True)[1].reshape(ids.shape).astype(np.int32)


def next_pieces(levels: np.ndarray, painted: Painted) -> np.ndarray:
    """Return int32 [H, W], the id of the piece that the next click on a pixel takes where no decoder splits.

    Args:
        levels: of :func:`cut`.
        painted: what is labelled.
    """
    level = np.minimum(painted.clicks, len(levels) - 1).astype(np.intp)
    return np.take_along_axis(levels, level[None], 0)[0]


def taken(
    levels: np.ndarray, painted: Painted, x: int, y: int, whole: bool = False, masks: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Return what a click on a place takes.

    Args:
        levels: of :func:`cut`.
        painted: what is labelled.
        x, y: column and row of a pixel.
        whole: take the whole mask, even if it was split.
        masks: bool [M, H, W], what a decoder finds at this pixel; None = superpixels split.

    Returns:
        (bool [H, W], how many clicks will have taken these pixels, one inside the other).
    """
    before = 0 if whole else int(painted.clicks[y, x])
    if before == 0:
        return levels[0] == levels[0, y, x], 1
    if masks is not None and (part := _part(levels, painted, x, y, masks)) is not None:
        return part, min(before + 1, 255)
    level = min(before, len(levels) - 1)
    return (levels[level] == levels[level, y, x]) & (painted.clicks >= level), level + 1


def _part(levels: np.ndarray, painted: Painted, x: int, y: int, masks: np.ndarray) -> np.ndarray | None:
    """Return the smallest of some masks inside what was taken as the pixel was, with its label; None = there is none.

    The smallest, since a model's larger answers are often the mask that is to be split, and what lies around it.
    """
    inside = levels[0] == levels[0, y, x]
    inside &= (painted.labels == painted.labels[y, x]) & (painted.clicks == painted.clicks[y, x])
    parts = [mask & inside for mask in masks if mask[y, x]]
    sizes = [int(part.sum()) for part in parts]
    good = [place for place, size in enumerate(sizes) if SMALLEST_PART <= size <= LARGEST_PART * inside.sum()]
    return parts[min(good, key=sizes.__getitem__)] if good else None


def click(
    levels: np.ndarray, painted: Painted, x: int, y: int, label: int, whole: bool = False,
    masks: np.ndarray | None = None,
) -> Painted:  # fmt: skip
    """Give what a click on a place takes a class.

    Args:
        levels, painted, x, y, whole, masks: as of :func:`taken`.
        label: train id; 255 takes the label away.
    """
    piece, clicked = taken(levels, painted, x, y, whole, masks)
    labels, clicks = painted.labels.copy(), painted.clicks.copy()
    labels[piece], clicks[piece] = label, clicked
    return Painted(labels, clicks)


def stroke(painted: Painted, points: Sequence[tuple[float, float]], radius: float, label: int) -> Painted:
    """Draw a line with a round brush.

    Args:
        painted: what is labelled.
        points: (x, y) of its corners in pixels, one or more.
        radius: of the brush, pixels.
        label: train id; 255 = the eraser.
    """
    labels = painted.labels.copy()
    corners = np.round(np.asarray(points, np.float64)).astype(np.int32)
    thickness = max(1, round(2 * radius))
    cv2.polylines(labels, [corners.reshape(-1, 1, 2)], False, label, thickness)
    for x, y in (corners[0], corners[-1]):
        cv2.circle(labels, (int(x), int(y)), max(0, round(radius)), label, cv2.FILLED)
    return Painted(labels, painted.clicks.copy())


def accept(painted: Painted, suggestion: np.ndarray) -> Painted:
    """Take a suggestion for all pixels that are not labelled.

    Args:
        painted: what is labelled.
        suggestion: uint8 [H, W] train ids; 255 = none.
    """
    return Painted(np.where(painted.labels == IGNORE, suggestion, painted.labels), painted.clicks.copy())
