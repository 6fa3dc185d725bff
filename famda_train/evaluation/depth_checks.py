# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of predicted metric depth where there is no truth: they find nonsense, they say nothing about accuracy.

Three questions to pictures of a real camera: does the depth agree with the depth teacher, does it stay
itself from one picture to the next, and how high above the road does it put the camera?
A good answer to all three proves nothing: a student may share its teacher's errors.
"""
from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import cv2
import numpy as np

from famda_train.evaluation.depth import DELTA_BASE

NEAR_M, FAR_M = 1.0, 80.0
"""Depth outside of this is compared neither with a teacher's nor with that of the picture before."""
LEAST_SHARE = 0.01
"""A median over less than this share of a picture's pixels is noise: such a picture or pair is skipped."""
MOST_FITTED = 20_000
"""Of more pixels than these, evenly chosen ones are fitted, to save time; more of them say nothing new."""
_ROUNDS = 15
_TUKEY = 4.685
"""Where Tukey's weight reaches zero, in standard deviations; the usual value, 95 % efficient on normal noise."""


def comparable(depth: np.ndarray) -> np.ndarray:
    """Return a boolean mask: depth that is finite and in the range of the checks, ``NEAR_M``..``FAR_M``."""
    with np.errstate(invalid='ignore'):
        return (depth >= NEAR_M) & (depth <= FAR_M)


@dataclass(frozen=True)
class Agreement:
    """A frame's depth against its teacher's.

    Attributes:
        reference: number of pixels with comparable teacher depth.
        pixels: of these, with comparable predicted depth; the others are not in the rest.
        abs_rel: sum over pixels of \\|p - t\\| / t, for prediction p and teacher t.
        delta1: number of pixels where the larger of p / t and t / p is below 1.25.
        scale: median of p / t; NaN without pixels.
    """

    reference: int
    pixels: int
    abs_rel: float
    delta1: int
    scale: float


def agreement(depth: np.ndarray, teacher: np.ndarray) -> Agreement:
    """Compare a frame's depth with that of its teacher.

    Args:
        depth, teacher: float32 [H, W] metres; NaN = unknown, +inf = sky.
    """
    reference = comparable(teacher)
    both = reference & comparable(depth)
    ratio = depth[both].astype(np.float64) / teacher[both]
    return Agreement(
        reference=int(np.count_nonzero(reference)),
        pixels=ratio.size,
        abs_rel=float(np.abs(ratio - 1).sum()),
        delta1=int(np.count_nonzero(np.maximum(ratio, 1 / ratio) < DELTA_BASE)),
        scale=float(np.median(ratio)) if ratio.size else float('nan'),
    )


def optical_flow(gray: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return float32 [H, W, 2]: how far right and down, in pixels, ``other`` shows what each pixel of ``gray`` shows.

    Args:
        gray, other: uint8 [H, W], at least 12 pixels wide or high.
    """
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(gray, other, None)  # type: ignore


def follow(array: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return ``array`` read where the flow points to, linearly between pixels.

    Args:
        array: float32 [H, W] or [H, W, 2].
        flow: float32 [H, W, 2] pixels.

    Returns:
        Like ``array``; NaN outside of it and beside its NaN.
    """
    height, width = flow.shape[:2]
    column = flow[..., 0] + np.arange(width, dtype=np.float32)
    row = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    read = cv2.remap(array, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    read[(column < 0) | (column > width - 1) | (row < 0) | (row > height - 1)] = np.nan
    return read


def follow_depth(depth: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return float32 [H, W] metres: ``depth`` read where the flow points to; NaN beside sky and unknown pixels.

    Between pixels 1 / depth is linear, as it is on planes.
    """
    with np.errstate(divide='ignore', invalid='ignore'):
        inverse = np.where(np.isfinite(depth) & (depth > 0), 1 / depth, np.nan).astype(np.float32)
        return 1 / follow(inverse, flow)


def consistent(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return a boolean mask: pixels that the flow to the other picture and the one back bring home again.

    What was hidden in one of the pictures does not come home.  The tolerance is the usual one
    (Sundaram, Brox, Keutzer, ECCV 2010): half a squared pixel, and a hundredth of the squared lengths.

    Args:
        flow, back: float32 [H, W, 2] pixels, from this picture and from the other one.
    """
    returned = follow(back, flow)
    error, lengths = ((flow + returned) ** 2).sum(-1), (flow**2 + returned**2).sum(-1)
    return error <= 0.01 * lengths + 0.5  # False where NaN, outside the other picture


@dataclass(frozen=True)
class Change:
    """How the depth of a pair of pictures changes, in percent of depth; see :meth:`DepthChecks.compute`."""

    change: float
    flicker: float
    scale_jump: float
    noise: float


def depth_change(depth: np.ndarray, previous: np.ndarray) -> Change:
    """Compare the depth of the same things in two pictures.

    Args:
        depth, previous: float [N] metres, more than 0 and finite.
    """
    ratio = np.log(depth.astype(np.float64) / previous)
    # Driving t metres makes depth d of static things into d - t; turning hardly changes depth in the time of one
    # picture.  Where all depth gets s times as long besides, s * (d - t) is seen, which is linear in d.
    rows = np.stack([previous, np.ones_like(previous)], axis=1)
    fitted = robust_fit(rows, depth)
    scale_jump = noise = float('nan')
    if fitted is not None and fitted[0] > 0:
        with np.errstate(divide='ignore'):
            noise = _percent(np.median(np.abs(depth / (rows @ fitted) - 1)))
        scale_jump = _percent(abs(np.log(fitted[0])))
    return Change(
        change=_percent(np.median(np.abs(ratio))),
        flicker=_percent(np.median(np.abs(ratio - np.median(ratio)))),
        scale_jump=scale_jump,
        noise=noise,
    )


@dataclass(frozen=True)
class RoadPlane:
    """The plane that a frame's depth makes of the road.

    Attributes:
        height_m: distance of the camera from the plane.
        tilt_degrees: between the image's down axis and the way straight to the plane: the
            camera's pitch and roll over a road, 90 for a wall.
        residual: median over the road's pixels of the difference to the plane's depth, percent of that.
    """

    height_m: float
    tilt_degrees: float
    residual: float


def road_plane(
    depth: np.ndarray,
    road: np.ndarray,
    focal: float,
    principal_point: tuple[float, float] | None = None,
    focal_y: float | None = None,
) -> RoadPlane | None:
    """Fit a plane to the road in the lower half of a frame.

    Args:
        depth: float32 [H, W] metres; NaN = unknown, +inf = sky.
        road: bool [H, W], the pixels that show the road.
        focal: fx in pixels at this size.
        principal_point: (cx, cy) in pixels; integer coordinates are pixel centres.  None = the image's centre.
        focal_y: fy in pixels; None = as fx.

    Returns:
        None with too few pixels of road, or where these determine no plane.
    """
    height, width = depth.shape
    cx, cy = principal_point or ((width - 1) / 2, (height - 1) / 2)
    seen = road & np.isfinite(depth) & (depth > 0)
    seen[: height // 2] = False
    row, column = np.nonzero(seen)
    if row.size < LEAST_SHARE * depth.size:
        return None
    measured = depth[seen].astype(np.float64)
    rays = np.stack([(column - cx) / focal, (row - cy) / (focal_y or focal), np.ones(row.size)], axis=1)
    plane = robust_fit(rays, 1 / measured)
    if plane is None:
        return None
    # A point depth * ray is on the plane where plane * point = 1: the plane's vector is its unit
    # normal, away from the camera, divided by the distance.
    norm = float(np.linalg.norm(plane))
    return RoadPlane(
        height_m=1 / norm,
        tilt_degrees=float(np.degrees(np.arccos(np.clip(plane[1] / norm, -1, 1)))),
        residual=_percent(np.median(np.abs(measured * (rays @ plane) - 1))),
    )


def robust_fit(rows: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Return float64 [K], the factors with ``rows @ factors`` about ``values``, or None if they are not determined.

    Relative residuals count, and a minority of gross outliers does not: reweighted least squares, first
    for the least sum of absolute residuals, then with Tukey's weights, which are zero for outliers.

    Args:
        rows: float [N, K]; must hold no outliers.
        values: float [N], more than 0.
    """
    step = max(1, -(-len(values) // MOST_FITTED))
    rows, values = rows[::step].astype(np.float64), values[::step].astype(np.float64)
    if len(values) < rows.shape[1]:
        return None
    typical = float(np.median(values))
    weights = 1 / np.maximum(values, typical)  # gross outliers must not decide where the first rounds start
    factors = np.zeros(rows.shape[1])
    for turn in range(2 * _ROUNDS):
        root = np.sqrt(weights)
        factors, _, rank, _ = np.linalg.lstsq(rows * root[:, None], values * root, rcond=1e-9)
        if rank < rows.shape[1]:
            return None
        model = rows @ factors
        residual = values - model
        if turn < _ROUNDS:
            weights = 1 / np.maximum(np.abs(residual), 1e-6 * typical)
        else:
            size = np.maximum(model, 0.01 * typical)  # the model, not the value: an outlier must not weigh itself
            relative = np.abs(residual) / size
            limit = _TUKEY * max(1.4826 * float(np.median(relative)), 1e-4)
            weights = (np.maximum(1 - (relative / limit) ** 2, 0) / size) ** 2
    return factors


class DepthChecks:
    """Check the depth of a recording, frame by frame; only the last picture and a few numbers per frame are kept.

    Args:
        focal_at_width: (fx in pixels, width of the image that it belongs to), for frames that come
            without a focal; None = these have no camera height.
        principal_point: (cx, cy) in pixels at the frames' size; None = the image's centre.
    """

    def __init__(
        self,
        focal_at_width: tuple[float, int] | None = None,
        principal_point: tuple[float, float] | None = None,
    ):
        self.focal_at_width, self.principal_point = focal_at_width, principal_point
        self._frames = 0
        self._agreements: list[Agreement] = []
        self._changes: list[Change] = []
        self._planes: list[RoadPlane] = []
        self._pairs = self._pair_pixels = self._followed = 0
        self._previous: tuple[np.ndarray, np.ndarray] | None = None  # grey picture, depth

    def update(
        self,
        image: np.ndarray,
        depth: np.ndarray,
        road: np.ndarray,
        teacher_depth: np.ndarray | None = None,
        focal: float | None = None,
        consecutive: bool = True,
        focal_y: float | None = None,
    ) -> None:
        """Add a frame; all arrays have one size.

        Args:
            image: uint8 [H, W, 3] RGB.
            depth: predicted, float32 [H, W] metres; NaN = unknown, +inf = sky.
            road: bool [H, W], the pixels predicted as road.
            teacher_depth: as ``depth``; None = there is none.
            focal: fx in pixels at this size; None = by ``focal_at_width``.
            consecutive: whether this frame directly follows the one of the last call.
            focal_y: fy in pixels, where a resize made it another than fx.

        Raises:
            ValueError: arrays of different sizes, or a size other than that of the frame that it follows.
        """
        for name, array in (('depth', depth), ('road', road), ('teacher_depth', teacher_depth)):
            if array is not None and array.shape != image.shape[:2]:
                raise ValueError(f'{name} of shape {array.shape} does not fit an image of shape {image.shape[:2]}')
        previous = self._previous if consecutive else None
        if previous is not None and previous[1].shape != depth.shape:
            raise ValueError(f'a frame of shape {depth.shape} cannot follow one of shape {previous[1].shape}')
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        self._frames += 1
        if teacher_depth is not None:
            self._agreements.append(agreement(depth, teacher_depth))
        if previous is not None:
            self._add_pair(gray, depth, *previous)
        if focal is None and self.focal_at_width is not None:
            focal = self.focal_at_width[0] * depth.shape[1] / self.focal_at_width[1]
        plane = None if focal is None else road_plane(depth, road.astype(bool), focal, self.principal_point, focal_y)
        if plane is not None:
            self._planes.append(plane)
        self._previous = gray, depth.astype(np.float32)  # a copy: the caller may write the next frame into its array

    def _add_pair(self, gray: np.ndarray, depth: np.ndarray, gray_before: np.ndarray, depth_before: np.ndarray):
        flow, back = optical_flow(gray, gray_before), optical_flow(gray_before, gray)
        before = follow_depth(depth_before, flow)
        used = consistent(flow, back) & comparable(depth) & comparable(before)
        count = int(np.count_nonzero(used))
        self._pairs += 1
        self._pair_pixels += used.size
        self._followed += count
        if count >= LEAST_SHARE * used.size:
            self._changes.append(depth_change(depth[used], before[used]))

    def compute(self) -> dict[str, Any]:
        """Return the checks; shares and relative values in percent, None for what was not measured.

        Returns:
            ``frames``, and three parts.

            ``teacher``: ``frames`` with a pixel to compare; ``share`` of the pixels with teacher depth in
            1..80 m that have predicted depth in it too, only these count below; ``abs_rel``
            (a fraction, mean over all pixels of \\|p - t\\| / t); ``delta1`` (percent of all pixels); ``scale``:
            the median over frames of the frame's median p / t, with ``scale_p10`` and ``scale_p90``
            over frames.

            ``stability``: ``pairs`` of consecutive frames that were measured; ``skipped`` ones, with too few pixels;
            ``share`` of the pairs' pixels that could be followed from one picture to the other and have
            depth in 1..80 m in both.  Then medians over pairs, with r = log(depth / depth of the same
            thing in the picture before) of each pixel, all in percent: ``change``: the pair's median
            \\|r\\|; ``flicker``: its median \\|r - median r\\|.  **Both contain the drive**, in which true
            depth changes as well: they compare models on the same frames, and are no errors.
            ``scale_jump`` and ``noise`` are without the drive: for the s and t that fit best to depth =
            s * (depth before - t), \\|log s\\| and the median difference to the fit.  Both are near zero for
            true depth, and None for depth that is the same everywhere.  Noise of single pixels is
            understated, as the picture before is read between pixels, and raises ``scale_jump`` too.

            ``road``: ``frames`` with a plane; ``skipped`` ones, with too few pixels of road or no focal;
            ``camera_height_m``: median over frames, with ``camera_height_p10_m`` and ``camera_height_p90_m``;
            ``tilt_degrees`` and ``residual`` (percent): medians over frames, see :class:`RoadPlane`.  Depth that is
            compressed far away tilts the road more than it bends it.
        """
        return {'frames': self._frames, 'teacher': self._teacher(), 'stability': self._stability(),
                'road': self._road()}  # fmt: skip

    def _teacher(self) -> dict[str, Any]:
        reference, pixels, abs_rel, delta1, _ = np.sum([(0, 0, 0, 0, 0), *map(astuple, self._agreements)], axis=0)
        scales = [a.scale for a in self._agreements if a.pixels]
        return {
            'frames': len(scales),
            'share': _percent(pixels / reference) if reference else None,
            'abs_rel': float(abs_rel / pixels) if pixels else None,
            'delta1': _percent(delta1 / pixels) if pixels else None,
            'scale': _quantile(scales, 50),
            'scale_p10': _quantile(scales, 10),
            'scale_p90': _quantile(scales, 90),
        }

    def _stability(self) -> dict[str, Any]:
        return {
            'pairs': len(self._changes),
            'skipped': self._pairs - len(self._changes),
            'share': _percent(self._followed / self._pair_pixels) if self._pairs else None,
            'change': _quantile([c.change for c in self._changes], 50),
            'flicker': _quantile([c.flicker for c in self._changes], 50),
            'scale_jump': _quantile([c.scale_jump for c in self._changes], 50),
            'noise': _quantile([c.noise for c in self._changes], 50),
        }

    def _road(self) -> dict[str, Any]:
        heights = [plane.height_m for plane in self._planes]
        return {
            'frames': len(heights),
            'skipped': self._frames - len(heights),
            'camera_height_m': _quantile(heights, 50),
            'camera_height_p10_m': _quantile(heights, 10),
            'camera_height_p90_m': _quantile(heights, 90),
            'tilt_degrees': _quantile([plane.tilt_degrees for plane in self._planes], 50),
            'residual': _quantile([plane.residual for plane in self._planes], 50),
        }


def _percent(fraction: float | np.floating) -> float:
    return 100.0 * float(fraction)


def _quantile(values: list[float], percent: float) -> float | None:
    """Return a percentile over frames; None without one."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.percentile(known, percent)) if known else None
