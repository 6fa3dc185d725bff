# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which size the network sees a camera at, and which focal length it has there.

The network sees the whole image with square pixels, no bars: its height and width follow the camera.  A monocular
network reads distance from size in the image, so metres are right only if both directions are scaled alike.
"""
from __future__ import annotations

import math
from functools import lru_cache
from typing import Protocol

from famda_ros.messages.image_messages import MalformedImage

SQUARE_TOLERANCE = 0.02
"""Pixels count as square where fx and fy, both at the network's size, differ by no more than this share."""
WORST_STRETCH = 0.03
"""More than that is warned of; at stride 16 and 320x240 pixels no camera comes to it (nearly square ones: 0.024)."""
MOST_ELONGATED = 8.0
"""Images that are longer than this many times their other side are refused."""
BUDGET_RANGE = (0.6, 1.7)
"""Least and largest number of network pixels, relative to the card's ``pixels``."""
SHAPE_WEIGHT = 20.0
"""How much a deviation from square pixels counts against one from the pixel budget, where no size has both."""


class NetworkShape(Protocol):
    """What is needed of a model card; see :class:`famda_ros.student.model_card.ModelCard`."""

    @property
    def network_width(self) -> int: ...
    @property
    def network_height(self) -> int: ...
    @property
    def pixels(self) -> int: ...
    @property
    def stride(self) -> int: ...


def network_size(card: NetworkShape, width: int, height: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Return (width, height) in pixels at which the network sees an image.

    It sees about the card's ``pixels``; of smaller images as many as they have, but no fewer than it was trained for.

    Args:
        card: of the student; with ``stride`` 0 its file has one fixed shape, which is returned.
        width, height: of the image, pixels.
        pixel_aspect: fx / fy of the camera; 1 = square pixels.

    Raises:
        MalformedImage: the image is smaller than one stride, or more elongated than :data:`MOST_ELONGATED`.
    """
    if not card.stride:
        return card.network_width, card.network_height
    if min(width, height) < card.stride:
        raise MalformedImage(
            f'an image of {width}x{height} pixels is smaller than the {card.stride} pixels that the student needs at '
            'least; send larger images'
        )
    shape = width / height / pixel_aspect
    if not 1 / MOST_ELONGATED <= shape <= MOST_ELONGATED:
        raise MalformedImage(
            f'an image of {width}x{height} pixels is too elongated (1:{max(shape, 1 / shape):.0f}, at most '
            f'1:{MOST_ELONGATED:g}); cut it, and say so in the roi of camera_info'
        )
    trained = card.network_width * card.network_height
    budget = min(card.pixels, max(width * height, trained))  # to enlarge an image shows nothing more
    if budget == trained and abs(math.log(card.network_width / card.network_height / shape)) <= SQUARE_TOLERANCE:
        return card.network_width, card.network_height
    return fitting_size(shape, budget, card.stride)


@lru_cache(maxsize=64)  # asked several times for every frame, of the same few cameras
def fitting_size(shape: float, pixels: int, stride: int) -> tuple[int, int]:
    """Return (width, height), multiples of ``stride``, of about ``pixels`` in all, with width / height near ``shape``.

    Of the sizes with square pixels (:data:`SQUARE_TOLERANCE`) within :data:`BUDGET_RANGE` it is the nearest to the
    budget; where there is none, the best compromise.
    """
    least, most = (math.log(bound) for bound in BUDGET_RANGE)
    rows: list[tuple[bool, float, int, int]] = []
    ideal = math.sqrt(pixels / shape)
    for high in range(stride, stride * (2 + math.ceil(2 * ideal / stride)), stride):
        wide = stride * max(1, round(high * shape / stride))
        apart, budget = abs(math.log(wide / high / shape)), math.log(wide * high / pixels)
        fits = apart <= SQUARE_TOLERANCE and least <= budget <= most
        rows.append((not fits, abs(budget) if fits else abs(budget) + SHAPE_WEIGHT * apart, wide, high))
    _, _, wide, high = min(rows)
    return wide, high


def network_focal(card: NetworkShape, width: int, height: int, fx: float, fy: float | None = None) -> float:
    """Return the focal length in pixels of the network's image.

    It is the vertical one: where a file of one fixed shape squeezes the image sideways, the distance that the network
    sees follows the height of things (measured on KITTI, docs/cameras.md).

    Args:
        card: of the student.
        width, height: of the camera's image, pixels.
        fx, fy: of the camera, pixels of its image; fy None = square pixels.
    """
    vertical = fx if fy is None else fy
    return vertical * network_size(card, width, height, fx / vertical)[1] / height


def shape_warning(card: NetworkShape, width: int, height: int, fx: float | None = None, fy: float | None = None) -> str:
    """Return in one sentence that the network does not see square pixels of an image; '' = it does."""
    pixel_aspect = fx / fy if fx and fy else 1.0
    wide, high = network_size(card, width, height, pixel_aspect)
    stretch = (wide / width) / (high / height) * pixel_aspect
    if abs(math.log(stretch)) <= WORST_STRETCH:
        return ''
    if card.stride:
        return (
            f'no network size of stride {card.stride} gives images of {width}x{height} square pixels: they are '
            f'{100 * (stretch - 1):+.0f} % wide'
        )
    return (
        f"the student's file has the one shape {wide}x{high}, which does not fit images of {width}x{height}: masks and "
        'metres are worse than they could be; a file with dynamic height and width follows the camera (famda export)'
    )
