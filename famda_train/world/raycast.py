# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One ray per pixel: which primitive is seen, and how far away it is.

Only the image rectangle of a primitive's bounds is tested, nearest primitives first.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from famda_train.world import noise
from famda_train.world.camera import Camera
from famda_train.world.materials import Material
from famda_train.world.primitives import Kind, Primitives, Role

SKY, GROUND = -1, -2
"""Primitive ids of what is no primitive."""
GROUND_RANGE = 400.0
DRAW_RANGE = 220.0
"""Metres; a long drive does not draw what is farther away and a few pixels small."""
NEAR = 0.3
_RAGGEDNESS, _RAGGED_SCALE = 0.30, np.float32(22.0)


@dataclass(frozen=True)
class Veil:
    """What thin branches cover without hiding it.

    Attributes:
        depth: float32 [H, W] metres of the crown in front of what is seen, +inf = none.
        primitive: int32 [H, W] its id.
    """

    depth: np.ndarray
    primitive: np.ndarray


def cast(primitives: Primitives, camera: Camera, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, Veil | None]:
    """Return (depth, primitive id, veil) of the nearest surface of every pixel.

    Args:
        primitives: where they are now.
        camera: the eye; nothing nearer than 0.3 m is seen.
        rays: float32 [3, H, W] of ``camera.rays()``.

    Returns:
        float32 [H, W] metres along the optical axis, +inf = nothing, int32 [H, W] ids or SKY or GROUND, and the
        veil of crowns that can be seen through, if there are any.
    """
    depth, ids = _cast_ground(camera, rays)
    offset = (camera.position - primitives.center).astype(np.float32)
    cos, sin = np.cos(primitives.yaw), np.sin(primitives.yaw)
    # Camera position in the local axes of each primitive.
    ox, oy, oz = offset.T
    local = np.stack([cos * ox - sin * oz, oy, sin * ox + cos * oz], 1)
    around = np.flatnonzero(np.hypot(offset[:, 0], offset[:, 2]) - primitives.half.max(1) < DRAW_RANGE)
    least, rectangles = image_bounds(primitives.take(around), camera)
    row0, row1, column0, column1 = rectangles.T
    visible = np.flatnonzero((least < DRAW_RANGE) & (row0 < row1) & (column0 < column1))
    visible = visible[np.argsort(least[visible], kind='stable')]
    order, nearest, rectangles = around[visible], least[visible].tolist(), rectangles[visible].tolist()
    # Plain integers: looking up enumeration members and array elements costs more than a small rectangle.
    box, cylinder, leaves = int(Kind.BOX), int(Kind.CYLINDER), int(Role.LEAVES)
    frustum = int(Kind.FRUSTUM)
    kinds, roles = primitives.kind[order].tolist(), primitives.role[order].tolist()
    turned = (sin[order] != 0).tolist()
    ragged = primitives.params[order, 0].tolist()
    branches = (primitives.material[order] == Material.TWIG) & (primitives.params[order, 0] > 0)
    see_through = branches.tolist()
    later: list[tuple] = []
    for k, (i, (r0, r1, c0, c1)) in enumerate(zip(order.tolist(), rectangles, strict=True)):
        depth_part = depth[r0:r1, c0:c1]
        if depth_part.max() <= nearest[k]:
            continue
        x, y, z = rays[:, r0:r1, c0:c1]
        if turned[k]:
            x, z = cos[i] * x - sin[i] * z, sin[i] * x + cos[i] * z
        if kinds[k] == box:
            t, hit = hit_box(local[i], (x, y, z), primitives.half[i])
        elif kinds[k] == cylinder:
            t, hit = hit_cylinder(local[i], (x, y, z), primitives.half[i])
        elif kinds[k] == frustum:
            t, hit = hit_frustum(local[i], (x, y, z), primitives.half[i], primitives.taper[i])
        else:
            seed = i if roles[k] == leaves else None
            t, hit = hit_ellipsoid(local[i], (x, y, z), primitives.half[i], seed, ragged[k] or _RAGGEDNESS)
            if see_through[k]:
                later.append((i, t, hit, (x, y, z), (slice(r0, r1), slice(c0, c1))))
                continue
        hit &= t < depth_part
        hit &= t > NEAR
        np.copyto(depth_part, t, where=hit)
        np.copyto(ids[r0:r1, c0:c1], np.int32(i), where=hit)
    return depth, ids, _hang_veil(depth, ids, later, local) if later else None


def _hang_veil(depth: np.ndarray, ids: np.ndarray, crowns: list[tuple], local: np.ndarray) -> Veil:
    """Draw the branches of crowns over what has been drawn; remember where only the gaps between them are seen."""
    veil = Veil(np.full_like(depth, np.inf), np.full_like(ids, SKY))
    for i, t, hit, ray, part in crowns:
        hit &= t < depth[part]
        hit &= t > NEAR
        if not hit.any():
            continue
        branch = hit & _branches(i, local[i], ray, t)
        np.copyto(depth[part], t, where=branch)
        np.copyto(ids[part], np.int32(i), where=branch)
        gap = hit & ~branch & (t < veil.depth[part])
        np.copyto(veil.depth[part], t, where=gap)
        np.copyto(veil.primitive[part], np.int32(i), where=gap)
    hidden = veil.depth >= depth
    veil.depth[hidden] = np.inf
    veil.primitive[hidden] = SKY
    return veil


def _branches(seed: int, origin: np.ndarray, ray: tuple, t: np.ndarray) -> np.ndarray:
    """Return bool [h, w]: a branch rather than a gap is at the crown's surface."""
    t = np.minimum(t, np.float32(DRAW_RANGE))
    x, y, z = (o + t * d for o, d in zip(origin, ray, strict=True))
    along = (x + np.float32(0.6) * z) * np.float32(26) + np.float32(seed * 37 % 512)
    up = y * np.float32(9) + np.float32(seed * 91 % 512)
    strokes = noise.sample_nearest(noise.GRAIN, along, up + along * np.float32(0.35))
    strokes = strokes + noise.sample_nearest(noise.GENERAL, along * np.float32(0.7), up * 2)
    return strokes > np.float32(seed % 7 * 0.12 - 0.35)


def _cast_ground(camera: Camera, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    down = rays[1]
    with np.errstate(divide='ignore'):
        depth = np.where(down < 0, np.float32(-camera.y) / down, np.float32(np.inf))
    ground = depth * np.hypot(rays[0], rays[2]) <= GROUND_RANGE if down.size else down < 0
    depth = np.where(ground, depth, np.float32(np.inf)).astype(np.float32)
    return depth, np.where(ground, np.int32(GROUND), np.int32(SKY))


def image_bounds(primitives: Primitives, camera: Camera, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Bound primitives in the image.

    Args:
        margin: metres added to the primitives on all sides.

    Returns:
        float32 [n] least depth in metres, int [n, 4] row and column ranges (row0, row1, column0, column1),
        empty where not visible.
    """
    half = primitives.half.astype(np.float64) + margin
    signs = np.array([(sx, sy, sz) for sx in (-1, 1) for sy in (-1, 1) for sz in (-1, 1)], np.float64)
    corners = signs[None] * half[:, None, :]
    cos, sin = np.cos(primitives.yaw)[:, None], np.sin(primitives.yaw)[:, None]
    x, y, z = np.moveaxis(corners, -1, 0)
    turned = np.stack([cos * x + sin * z, y, cos * z - sin * x], -1)
    local = (turned + (primitives.center - camera.position)[:, None, :]) @ camera.axes().T
    low, high = local.min(1), local.max(1)
    near, far = np.maximum(low[:, 2], 0.1), np.maximum(high[:, 2], 0.1)
    # Tight where all corners are in front of the camera, else the bounds of the camera-aligned box.
    z = np.maximum(local[..., 2], 0.1)
    tight = low[:, 2] > 0.1
    ranges = []
    for axis in (0, 1):
        slopes = local[..., axis] / z
        least = np.where(tight, slopes.min(1), np.minimum(low[:, axis] / near, low[:, axis] / far))
        most = np.where(tight, slopes.max(1), np.maximum(high[:, axis] / near, high[:, axis] / far))
        ranges.append((least, most))
    (x0, x1), (y0, y1) = ranges
    bounds = (camera.cy - camera.focal * y1, camera.cy - camera.focal * y0,
              camera.cx + camera.focal * x0, camera.cx + camera.focal * x1)  # fmt: skip
    row0, row1, column0, column1 = bounds
    rectangles = np.stack([np.ceil(row0), np.floor(row1) + 1, np.ceil(column0), np.floor(column1) + 1], 1)
    rectangles = np.clip(rectangles, 0, [camera.height, camera.height, camera.width, camera.width]).astype(np.int64)
    rectangles[high[:, 2] < NEAR] = 0
    return np.maximum(low[:, 2], 0).astype(np.float32), rectangles


def hit_box(origin: np.ndarray, direction: tuple, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slab test in local axes; return (ray parameter, hit mask)."""
    enter = leave = np.full((), np.nan, np.float32)  # fmax and fmin pass over NaN
    with np.errstate(divide='ignore', invalid='ignore'):
        for o, d, h in zip(origin, direction, half, strict=True):
            inverse = np.float32(1) / d
            middle = inverse * -o
            reach = np.abs(inverse) * h
            enter, leave = np.fmax(enter, middle - reach), np.fmin(leave, middle + reach)
    return enter, enter <= leave


def frustum_planes(half: np.ndarray, taper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the planes of frustums: a point p is inside where normal . p <= offset for all six.

    Args:
        half, taper: [..., 3], see :class:`Primitives`.

    Returns:
        float32 [6, 3, ...] outward normals, not of unit length, and [6, ...] offsets; the order is +x -x +y -y +z -z.
    """
    hx, hy, hz = np.moveaxis(np.asarray(half, np.float32), -1, 0)
    tx, tz, shift = np.moveaxis(np.asarray(taper, np.float32), -1, 0)
    zero, one = np.zeros_like(hx), np.ones_like(hx)
    side, front, back = hx * (1 - tx), hz * (1 - tz - shift), hz * (1 - tz + shift)
    lean = np.float32(0.5) / hy
    normals = (
        (one, side * lean, zero), (-one, side * lean, zero), (zero, one, zero), (zero, -one, zero),
        (zero, front * lean, one), (zero, back * lean, -one),
    )  # fmt: skip
    offsets = (hx - side / 2, hx - side / 2, hy, hy, hz - front / 2, hz - back / 2)
    return np.array(normals, np.float32), np.array(offsets, np.float32)


def hit_frustum(
    origin: np.ndarray, direction: tuple, half: np.ndarray, taper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Box that tapers upwards, in local axes; return (ray parameter, hit mask)."""
    enter, leave = cross_frustum(origin, direction, half, taper)
    return enter, enter <= leave


def cross_frustum(origin, direction, half: np.ndarray, taper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ray parameters at which lines enter and leave a frustum; they miss it where enter > leave.

    Either the origin or the direction may be arrays.
    """
    normals, offsets = frustum_planes(half, taper)
    each = (6,) + (1,) * max(np.ndim(direction[0]), np.ndim(origin[0]))
    nx, ny, nz = normals.T.reshape(3, *each)
    speed = nx * direction[0] + ny * direction[1] + nz * direction[2]
    room = offsets.reshape(each) - (nx * origin[0] + ny * origin[1] + nz * origin[2])
    with np.errstate(divide='ignore', invalid='ignore'):
        t = room / speed
    inwards = speed < 0
    enter = np.where(inwards, t, np.float32(-np.inf)).max(0)
    leave = np.where(inwards, np.float32(np.inf), t).min(0)
    return enter, leave


def hit_cylinder(origin: np.ndarray, direction: tuple, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Side of an upright cylinder (no caps) in local axes; return (ray parameter, hit mask)."""
    x, y, z = direction
    ox, oy, oz = origin
    a = x * x + z * z
    middle = (x * -ox - z * oz) / a
    # Distance from the axis at the closest approach: exact also far away, unlike the textbook discriminant.
    qx, qz = ox + middle * x, oz + middle * z
    inside = half[0] * half[0] - (qx * qx + qz * qz)
    t = middle - np.sqrt(np.maximum(inside, 0) / a)
    hit = inside > 0
    hit &= np.abs(oy + t * y) <= half[1]
    return t, hit


def hit_ellipsoid(
    origin: np.ndarray, direction: tuple, half: np.ndarray, ragged: int | None = None, raggedness: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Ellipsoid in local axes; return (ray parameter, hit mask).

    Args:
        ragged: None = smooth; else the seed of noise that bites into the silhouette.  Points that remain are
            on the ellipsoid all the same.
        raggedness: how deep it bites.
    """
    inverse = np.float32(1) / half
    ox, oy, oz = origin * inverse
    x, y, z = (d * i for d, i in zip(direction, inverse, strict=True))
    a = x * x + y * y + z * z
    middle = (x * -ox - y * oy - z * oz) / a
    qx, qy, qz = ox + middle * x, oy + middle * y, oz + middle * z
    inside = 1 - (qx * qx + qy * qy + qz * qz)
    t = middle - np.sqrt(np.maximum(inside, 0) / a)
    if ragged is None:
        return t, inside > 0
    # Noise is attached to the surface point, so that leaves stay where they are when the camera moves.
    px, py, pz = (ox + t * x) * half[0], (oy + t * y) * half[1], (oz + t * z) * half[2]
    u = (px + 0.6 * pz) * _RAGGED_SCALE + np.float32(ragged * 37 % 512)
    v = (py - 0.4 * pz) * _RAGGED_SCALE + np.float32(ragged * 91 % 512)
    bite = noise.sample_nearest(noise.GENERAL, u, v)
    return t, inside > np.float32(raggedness) * np.maximum(bite, 0)
