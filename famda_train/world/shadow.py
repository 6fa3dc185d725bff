# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Sun shadows: one shadow ray per pixel at half resolution."""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from famda_train.world.gbuffer import GBuffer
from famda_train.world.materials import Material
from famda_train.world.primitives import Kind, Role
from famda_train.world.raycast import cross_frustum, image_bounds

LEAF_TRANSMISSION = np.float32(0.3)
_CASTERS = (
    Role.FACADE, Role.CAR_BODY, Role.CAR_CABIN, Role.VAN, Role.PLAIN, Role.GLASSHOUSE, Role.CAB, Role.COACH,
    Role.CARGO,
)  # fmt: skip
_REACH = 60.0


def sun_transmission(g: GBuffer, direction: np.ndarray) -> np.ndarray:
    """Return float32 [H, W] share of the sun that reaches every pixel, soft at the edges.

    Args:
        g: the view.
        direction: float32 [3] unit vector towards the sun.
    """
    height, width = g.depth.shape
    point = g.point[:, ::2, ::2] + np.float32(0.06) * g.normal[:, ::2, ::2]
    shape = point.shape[1:]
    # Only what faces the sun needs a shadow ray.
    facing = np.tensordot(direction, g.normal[:, ::2, ::2], 1) > 0
    facing &= g.depth[::2, ::2] < 90
    light = np.ones(shape, np.float32)
    p = g.primitives
    offset = (p.center - np.array([g.camera.x, 0.0, g.camera.z])).astype(np.float32)
    casters = _casters(g, offset)
    for i, (r0, r1, c0, c1) in zip(casters.tolist(), _shaded_rectangles(g, casters, direction), strict=True):
        part = slice(r0, r1), slice(c0, c1)
        if r0 >= r1 or c0 >= c1 or not facing[part].any():
            continue
        dark = _crosses(p, i, offset[i], direction, *point[:, r0:r1, c0:c1])
        light[part] = np.where(dark, light[part] * LEAF_TRANSMISSION if p.role[i] == Role.LEAVES else 0, light[part])
    light[~facing] = 1
    return cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR)


def _shaded_rectangles(g: GBuffer, casters: np.ndarray, direction: np.ndarray) -> list[list[int]]:
    """Return rows and columns (row0, row1, column0, column1) of the half-size image that casters may darken."""
    p = g.primitives.take(casters)
    cos, sin = np.abs(np.cos(p.yaw)), np.abs(np.sin(p.yaw))
    top = np.maximum(p.center[:, 1] + p.half[:, 1], 0.0)
    center, half = p.center.copy(), p.half.astype(np.float64)
    center[:, 1] = half[:, 1] = top / 2
    for axis, reach in ((0, cos * p.half[:, 0] + sin * p.half[:, 2]), (2, sin * p.half[:, 0] + cos * p.half[:, 2])):
        run = -direction[axis] / max(direction[1], 1e-3) * top
        center[:, axis] += run / 2
        half[:, axis] = reach + np.abs(run) / 2
    swept = replace(p, center=center, half=half.astype(np.float32), yaw=np.zeros_like(p.yaw))
    row0, row1, column0, column1 = image_bounds(swept, g.camera, 0.3)[1].T
    return np.stack([row0 // 2, (row1 + 1) // 2, column0 // 2, (column1 + 1) // 2], 1).tolist()


def _casters(g: GBuffer, offset: np.ndarray) -> np.ndarray:
    p = g.primitives
    wide = ((p.kind == Kind.BOX) | (p.kind == Kind.FRUSTUM)) & np.isin(p.role, _CASTERS)
    wide &= p.material != Material.UNDERBODY
    wide &= (p.half.min(1) > 0.1) & (p.half[:, 1] > 0.12)
    leaves = p.role == Role.LEAVES
    reach = p.half.max(1) + 15
    near = (offset[:, 2] > -reach - 10) & (offset[:, 2] < _REACH)
    return np.flatnonzero((wide | leaves) & near)


def _crosses(p, i: int, center: np.ndarray, direction: np.ndarray, x, y, z) -> np.ndarray:
    """Return which rays from (x, y, z) towards the sun meet primitive i."""
    cos, sin = np.cos(p.yaw[i]), np.sin(p.yaw[i])
    ox, oy, oz = x - center[0], y - center[1], z - center[2]
    dx, dy, dz = direction
    if sin != 0:
        ox, oz = cos * ox - sin * oz, sin * ox + cos * oz
        dx, dz = cos * dx - sin * dz, sin * dx + cos * dz
    if p.kind[i] == Kind.BOX:
        enter, leave = np.zeros((), np.float32), np.full((), np.inf, np.float32)
        for o, d, h in zip((ox, oy, oz), (dx, dy, dz), p.half[i], strict=True):
            inverse = np.float32(1 / (d if abs(d) > 1e-6 else 1e-6))
            middle, reach = o * -inverse, abs(inverse) * h
            enter, leave = np.maximum(enter, middle - reach), np.minimum(leave, middle + reach)
        return leave > enter
    if p.kind[i] == Kind.FRUSTUM:
        enter, leave = cross_frustum((ox, oy, oz), (dx, dy, dz), p.half[i], p.taper[i])
        return leave > np.maximum(enter, 0)
    a, b, c = np.float32(1) / p.half[i]
    ox, oy, oz, dx, dy, dz = ox * a, oy * b, oz * c, dx * a, dy * b, dz * c
    along = ox * dx + oy * dy + oz * dz
    norm = dx * dx + dy * dy + dz * dz
    beyond = ox * ox + oy * oy + oz * oz - 1
    return (along * along > norm * beyond) & (along < 0) & (beyond > -0.5)
