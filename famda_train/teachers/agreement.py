# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How far a depth teacher agrees with itself: readings of the image, its mirror image and a smaller copy."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import torch

from famda_train.pseudo_labels.depth_alignment import fit_robustly, match_statistics
from famda_train.pseudo_labels.reliability import agreement

Views = Literal['none', 'mirror', 'scale', 'both']
"""With which readings the first is compared: of the mirror image, of a smaller network input."""

SMALLER = 0.75
"""Size of the network input of the second reading, as a multiple of the first's."""

TOLERANCE = 0.1
"""Difference at which reliability has fallen to 1/e; see :func:`reliability`."""


class Read(Protocol):
    """How a teacher reads images of one size; scale is that of its network input."""

    def __call__(self, images: list[np.ndarray], focal: float | None, scale: float) -> list[np.ndarray]:
        """Return float32 [H, W] for each uint8 [H, W, 3]."""
        ...


def reliability(readings: Sequence[np.ndarray], kind: str, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return how far the first reading is confirmed by the one that contradicts it most.

    Metres: exp(-|log ratio| / tolerance).  Disparities are first brought to the first reading
    by a robust scale and shift; then exp(-|difference| / (tolerance * spread)), where the spread is
    the first reading's mean distance from its median.

    Args:
        readings: float [H, W] of one image, two or more; NaN = unknown.
        kind: ``depth`` or ``disparity``.
        tolerance: relative difference at which the result is 1/e.

    Returns:
        float32 [H, W] in 0..1; 0 where a reading is unknown.
    """
    first, *others = (torch.from_numpy(np.array(reading, np.float32))[None] for reading in readings)
    agree = _same_metres if kind == 'depth' else _same_disparity
    return torch.stack([agree(first, other, tolerance)[0] for other in others]).amin(0).numpy()


def _same_metres(first: torch.Tensor, other: torch.Tensor, tolerance: float) -> torch.Tensor:
    return agreement(first, other, tolerance)


def _same_disparity(first: torch.Tensor, other: torch.Tensor, tolerance: float) -> torch.Tensor:
    known = torch.isfinite(first) & torch.isfinite(other)
    # In units of their own spread, so that neither their scale nor rounding matters.
    first, other = (match_statistics(reading, known, 0.0, 1.0) for reading in (first, other))
    scale, shift = fit_robustly(other, first, known & torch.isfinite(first) & torch.isfinite(other))
    difference = (scale[:, None, None] * other + shift[:, None, None] - first).abs()
    weight = torch.exp(-difference / tolerance).nan_to_num(0.0)  # NaN: an image without differences in depth
    return torch.where(known & (scale > 0)[:, None, None], weight, 0.0)


def match_median(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return metres times the factor that makes their median ratio to a reference 1.

    Args:
        values, reference: float32 [H, W] metres; what is not finite or not positive is left out.
    """
    known = np.isfinite(values) & np.isfinite(reference) & (values > 0) & (reference > 0)
    return values * np.float32(np.median(reference[known] / values[known])) if known.any() else values


def read_views(
    read: Read, image: np.ndarray, focal: float | None, kind: str, views: Views
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (the plain reading of an image, float32 [H, W]; its reliability, [H, W] in 0..1, None without views).

    A network that sees a smaller picture may take everything for farther away: metres of the
    smaller input are brought to the first reading by one factor before they are compared.
    """
    images = [image, np.ascontiguousarray(image[:, ::-1])] if views in ('mirror', 'both') else [image]
    first, *others = read(images, focal, 1.0)
    others = [reading[:, ::-1] for reading in others]
    if views in ('scale', 'both'):
        smaller = read([image], focal, SMALLER)[0]
        others.append(match_median(smaller, first) if kind == 'depth' else smaller)
    return first, reliability([first, *others], kind) if others else None
