# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Geometry of depth images: points and surface normals in camera axes (x right, y down, z forward)."""
from __future__ import annotations

import torch
from torch.nn import functional


def points_from_depth(
    depth: torch.Tensor,
    focal: torch.Tensor | float,
    cx: torch.Tensor | float | None = None,
    cy: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """Return float [B, 3, H, W]: the point in metres that each pixel sees.

    Args:
        depth: float [B, H, W] metres along the optical axis.
        focal: fx = fy in pixels at this size, one number or [B].
        cx, cy: principal point in pixels, one number or [B]; integer coordinates are pixel
            centres.  None = the centre of the image.
    """
    height, width = depth.shape[-2:]
    column = torch.arange(width, device=depth.device, dtype=depth.dtype)
    row = torch.arange(height, device=depth.device, dtype=depth.dtype)[:, None]
    focal, cx, cy = (
        torch.as_tensor(value, device=depth.device, dtype=depth.dtype).view(-1, 1, 1)
        for value in (focal, (width - 1) / 2 if cx is None else cx, (height - 1) / 2 if cy is None else cy)
    )
    return torch.stack([depth * (column - cx) / focal, depth * (row - cy) / focal, depth], dim=1)


def normals_from_depth(
    depth: torch.Tensor,
    focal: torch.Tensor | float,
    cx: torch.Tensor | float | None = None,
    cy: torch.Tensor | float | None = None,
    max_ratio: float = 1.25,
) -> torch.Tensor:
    """Return float [B, 3, H, W]: unit normals of the visible surface, pointing towards the camera.

    A pixel and its neighbours in a row, and in a column, span the surface.  A neighbour
    across a jump of depth is not used; at the edge of a thing the other one does.

    Args:
        depth: float [B, H, W] metres; NaN, +inf and values <= 0 have no surface.
        focal, cx, cy: see :func:`points_from_depth`.
        max_ratio: neighbours whose depths differ by a larger factor are on different surfaces.

    Returns:
        NaN where the pixel has no surface, or in its row or column no neighbour on it.
    """
    known = torch.isfinite(depth) & (depth > 0)
    points = points_from_depth(torch.where(known, depth, 1.0), focal, cx, cy)
    across, has_across = _tangent(points, known, 2, max_ratio)
    down, has_down = _tangent(points, known, 1, max_ratio)
    normal = functional.normalize(torch.linalg.cross(down, across, dim=1), dim=1, eps=1e-30)
    return torch.where((has_across & has_down)[:, None], normal, torch.nan)


def _tangent(
    points: torch.Tensor, known: torch.Tensor, axis: int, max_ratio: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (vector along one axis [B, 3, H, W], whether there is one [B, H, W]); axis 1 = down, 2 = right."""
    size = known.shape[axis] - 1
    depth = points[:, 2]
    first, second = depth.narrow(axis, 0, size), depth.narrow(axis, 1, size)
    usable = torch.maximum(first, second) <= max_ratio * torch.minimum(first, second)
    usable &= known.narrow(axis, 0, size) & known.narrow(axis, 1, size)
    step = torch.where(usable[:, None], points.diff(dim=axis + 1), 0.0)
    # Each pixel has the step to its successor and the one from its predecessor; both together are the
    # central difference.
    after, before = ((0, 1), (1, 0)) if axis == 2 else ((0, 0, 0, 1), (0, 0, 1, 0))
    vector = functional.pad(step, after) + functional.pad(step, before)
    return vector, functional.pad(usable, after) | functional.pad(usable, before)
