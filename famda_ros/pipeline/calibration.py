# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The one factor by which a student's metres are off at a place, estimated from a recording; without ROS.

Each reference says for one frame how much farther things are than predicted: the mounting height of the camera
(:class:`CameraHeight`), distances that were measured by tape (:class:`TapeMeasured`), or depth images of a LiDAR or
depth camera (:class:`DepthImages`).  The scale is the median over the frames; its interval is that of a bootstrap of
blocks of frames (Künsch, "The jackknife and the bootstrap for general stationary observations", Annals of Statistics
1989), because neighbouring frames show nearly the same.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import BagFrame, read_messages, topics_of
from famda_ros.messages.bag_types import IMAGE, stamp_ns_of
from famda_ros.messages.camera_info import Intrinsics, intrinsics_of, shape_fault
from famda_ros.messages.depth_image import image_to_depth
from famda_ros.messages.image_messages import MalformedImage
from famda_ros.pipeline.block_bootstrap import drawn_frames
from famda_ros.pipeline.even_spread import is_chosen
from famda_ros.pipeline.offline import open_source
from famda_ros.student.resize import resize_nearest
from famda_ros.student.road_plane import LEAST_ROAD, fit_road_plane, road_ids
from famda_ros.student.runtime import Prediction, Student

LEAST_FRAMES = 5
"""So many frames must show the reference."""
WIDEST_INTERVAL = 0.1
"""A scale whose interval reaches farther than this share of it to one side is not given."""
SCALE_RANGE = (0.1, 10.0)
"""Beyond it a reference is in another unit, or wrong; the limits of the parameter ``depth.scale``."""
HEIGHT_RANGE_M = (0.02, 50.0)
"""Heights at which a camera may be mounted."""
LEAST_DEPTHS = 50
"""So many pixels with a measured depth a frame must have."""
MOST_APART_NS = 50_000_000
"""A depth image belongs to an image whose stamp is no farther away."""
_RESAMPLES, _INTERVAL = 2000, (0.025, 0.975)


@dataclass(frozen=True)
class DepthScale:
    """An estimated scale.

    Attributes:
        scale: true distance over predicted distance, for ``depth.scale``.
        low, high: 95 % interval; it covers how frames and points differ, not an error that all of them share.
        used, seen: frames that show the reference, of so many.
    """

    scale: float
    low: float
    high: float
    used: int
    seen: int


class Reference(Protocol):
    """Something whose distance is known."""

    missing: str
    """Why a frame may not show it, and the cure."""

    def check(self, student: Student) -> None:
        """Raise FamdaError where the student cannot see it."""

    def ratios(self, frame: BagFrame, prediction: Prediction, camera: Intrinsics) -> Sequence[float]:
        """Return true over predicted distance, the same number of values for each frame; NaN = not seen."""


class CameraHeight:
    """The height of the camera above the road."""

    missing = (
        f'less than {100 * LEAST_ROAD:.0f} % of the image is road, or the road is no plane in its depth; record where '
        'the camera sees plain road, or give measured distances'
    )

    def __init__(self, metres: float):
        """Take the height in metres.

        Raises:
            FamdaError: no camera is mounted there.
        """
        low, high = HEIGHT_RANGE_M
        if not low <= metres <= high:
            raise FamdaError(f'the camera height must be from {low:g} to {high:g} metres, not {metres:g}')
        self.metres = metres
        self._road: tuple[int, ...] = ()

    def check(self, student: Student) -> None:
        """Raise FamdaError where the student knows no road."""
        space = student.card.label_space
        self._road = road_ids(space)
        if not self._road:
            raise FamdaError(
                f"the label space '{space.name}' of the student has no class that is the ground; "
                'give measured distances or a depth topic instead of the camera height'
            )

    def ratios(self, frame: BagFrame, prediction: Prediction, camera: Intrinsics) -> Sequence[float]:
        """Return the ratio of the heights."""
        assert prediction.labels is not None and prediction.depth is not None
        plane = fit_road_plane(prediction.labels, prediction.depth, camera, self._road)
        return [math.nan if plane is None else self.metres / plane.height]


class TapeMeasured:
    """Points whose distance from the lens was measured, in a recording made standing still."""

    missing = 'the student sees no depth there; choose points on things that are near and large'

    def __init__(self, points: Iterable[str]):
        """Take points as ``METRES:U,V``: distance from the lens, column and row of the pixel.

        Raises:
            FamdaError: a point is written in another way.
        """
        self.points = [_point(text) for text in points]

    def check(self, student: Student) -> None:
        """Take any student."""

    def ratios(self, frame: BagFrame, prediction: Prediction, camera: Intrinsics) -> Sequence[float]:
        """Return one ratio per point; predicted is the median of 5 x 5 pixels.

        Raises:
            FamdaError: a point lies outside of the image.
        """
        depth = prediction.depth
        assert depth is not None
        height, width = depth.shape
        ratios = []
        for metres, u, v in self.points:
            if not (0 <= u < width and 0 <= v < height):
                raise FamdaError(f'the point {u},{v} lies outside of the images of {width}x{height} pixels; correct it')
            patch = depth[max(0, v - 2) : v + 3, max(0, u - 2) : u + 3]
            patch = patch[np.isfinite(patch)]
            ray = math.hypot((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1)
            ratios.append(metres / (ray * float(np.median(patch))) if patch.size else math.nan)
        return ratios


def _point(text: str) -> tuple[float, int, int]:
    """Return (metres, u, v) of a text such as '3.2:310,215'."""
    match = re.fullmatch(r'(\d+(?:\.\d*)?|\.\d+):(\d{1,6}),(\d{1,6})', text.strip())
    if not match or not float(match[1]) > 0:
        raise FamdaError(
            f"a distance is written METRES:U,V, such as 3.2:310,215 for 3.2 m from the lens to the pixel in column 310 "
            f"and row 215, not '{text}'"
        )
    return float(match[1]), int(match[2]), int(match[3])


class DepthImages:
    """Depth images (REP-118) of a LiDAR or a depth camera, registered to the camera; most pixels may be empty."""

    missing = (
        f'no depth image within {MOST_APART_NS / 1e6:.0f} ms, or fewer than {LEAST_DEPTHS} of its pixels have a depth; '
        'check that both topics were recorded and stamped by one clock'
    )

    def __init__(self, bag: str | Path, topic: str):
        """Take a topic of a recording.

        Raises:
            FamdaError: the recording has no such topic of images.
        """
        topics = topics_of(bag)
        kind = topics.get(topic, ('', 0))[0]
        if kind != IMAGE:
            images = ', '.join(sorted(name for name, (what, _) in topics.items() if what == IMAGE)) or 'none'
            raise FamdaError(
                f"'{bag}' has no depth images on '{topic}' "
                f'({f"its type is {kind}" if kind else "no such topic"}); its topics with images: {images}'
            )
        self._messages = (message for _, _, _, message in read_messages(bag, [topic]))
        self._before: tuple[int, np.ndarray] | None = None
        self._after: tuple[int, np.ndarray] | None = None

    def check(self, student: Student) -> None:
        """Take any student."""

    def ratios(self, frame: BagFrame, prediction: Prediction, camera: Intrinsics) -> Sequence[float]:
        """Return the median of the ratios over the pixels that have both depths.

        Raises:
            FamdaError: the depth image has another shape than the camera's, or is none.
        """
        assert prediction.depth is not None
        truth = self._nearest(frame.stamp_ns)
        if truth is None:
            return [math.nan]
        height, width = truth.shape
        high, wide = prediction.depth.shape
        if abs(width * high - height * wide) > max(width, wide):
            raise FamdaError(
                f'depth images of {width}x{height} do not fit camera images of {wide}x{high}: register them to the '
                'camera first, as with depth_image_proc'
            )
        predicted = resize_nearest(prediction.depth, width, height)
        both = np.isfinite(truth) & np.isfinite(predicted) & (predicted > 0)
        if both.sum() < LEAST_DEPTHS:
            return [math.nan]
        return [float(np.median(truth[both] / predicted[both]))]

    def _nearest(self, stamp_ns: int) -> np.ndarray | None:
        """Return the depth image whose stamp is nearest; None = it is too far away.  Frames come in their order."""
        while self._after is None or self._after[0] < stamp_ns:
            message = next(self._messages, None)
            if message is None:
                break
            try:
                depth = image_to_depth(message)
            except MalformedImage as error:
                raise FamdaError(f'the depth topic cannot be used: {error}') from error
            self._before, self._after = self._after, (stamp_ns_of(message.header), depth)
        near = [depth for depth in (self._before, self._after) if depth and abs(depth[0] - stamp_ns) <= MOST_APART_NS]
        return min(near, key=lambda depth: abs(depth[0] - stamp_ns))[1] if near else None


def calibrate(
    source: str | Path,
    model: str | Path,
    reference: Reference,
    topic: str | None = None,
    frames: int = 200,
    threads: int = 0,
    provider: str = 'cpu',
    on_progress: Callable[[int, int], None] | None = None,
) -> DepthScale:
    """Estimate the scale of a student's depth from a recording.

    Args:
        source: bag (folder, .mcap, .db3) or frame folder with a calibrated camera.
        model: student .onnx file.
        reference: whose distance is known.
        topic: image topic; None = the only one of the bag.
        frames: so many images are used at most, evenly spread.
        threads, provider: see :class:`famda_ros.student.runtime.Student`.
        on_progress: called with (frames done, frames in all).

    Raises:
        FamdaError: the recording cannot be used, does not show the reference, or shows it too differently.
    """
    if frames < LEAST_FRAMES:
        raise FamdaError(f'a calibration needs at least {LEAST_FRAMES} frames, not {frames}')
    student = Student(model, threads, provider)
    if not student.card.gives('depth'):
        raise FamdaError(f"the model '{model}' gives no depth, so there is no scale to find")
    reference.check(student)
    rows: list[Sequence[float]] = []
    total, images = open_source(source, topic, _leave_out, _leave_out, _leave_out)
    wanted = min(total, frames)
    for done, frame in enumerate(_spread(images, total, wanted)):
        height, width = frame.image.shape[:2]
        camera = intrinsics_of(frame.camera_info, width, height)
        if camera is None and frame.focal is not None:
            camera = Intrinsics.centred(frame.focal, width, height)
        if camera is None:
            raise FamdaError(
                f"'{source}' has no calibrated camera_info, and without the focal length there are no metres; record it"
            )
        if fault := shape_fault(frame.camera_info, width, height):
            raise FamdaError(fault)
        prediction = student.predict(frame.image, frame.focal, ('labels', 'depth'), fy=frame.fy)
        rows.append(reference.ratios(frame, prediction, camera))
        if on_progress:
            on_progress(done + 1, wanted)
    return depth_scale(np.array(rows, np.float64).reshape(len(rows), -1), reference.missing)


def _leave_out(fault: object) -> None:
    """Take no notice: one frame more or less changes no median."""


def _spread(images: Iterator[BagFrame], total: int, wanted: int) -> Iterator[BagFrame]:
    """Yield ``wanted`` of ``total`` images, evenly spread."""
    for index, image in enumerate(images):
        if is_chosen(index, wanted, total):
            yield image


def depth_scale(ratios: np.ndarray, missing: str = '') -> DepthScale:
    """Return the median over points of the medians over frames, with its interval.

    Args:
        ratios: float [frames, points] true over predicted distance; NaN = not seen.
        missing: why a frame may show none, for the message.

    Raises:
        FamdaError: too few frames show the reference, it lies too far apart, or the scale is beyond what is possible.
    """
    seen = len(ratios)
    ratios = ratios[np.isfinite(ratios).any(axis=1)]
    ratios = ratios[:, np.isfinite(ratios).any(axis=0)] if len(ratios) else ratios
    used = len(ratios)
    if used < LEAST_FRAMES:
        raise FamdaError(
            f'the scale cannot be told: {used or "none"} of {seen} frames show the reference, and at least '
            f'{LEAST_FRAMES} must ({missing})'
        )
    scale = float(_medians(ratios[None])[0])
    low, high = (float(value) for value in np.nanquantile(_medians(_resampled(ratios)), _INTERVAL))
    result = DepthScale(scale, low, high, used, seen)
    if max(scale - low, high - scale) > WIDEST_INTERVAL * scale:
        raise FamdaError(
            f'the scale cannot be told: {scale:.3g}, with an interval from {low:.3g} to {high:.3g} over {used} frames, '
            'is too uncertain; record longer, on plain road, or measure more points'
        )
    if not SCALE_RANGE[0] <= scale <= SCALE_RANGE[1]:
        raise FamdaError(
            f'a scale of {scale:.3g} is impossible; check that the reference is in metres and belongs to this camera'
        )
    return result


def _medians(ratios: np.ndarray) -> np.ndarray:
    """Return the medians over points of the medians over frames of [resamples, frames, points]."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # of points that a resample never sees: they stay NaN
        return np.nanmedian(np.nanmedian(ratios, axis=1), axis=1)


def _resampled(ratios: np.ndarray) -> np.ndarray:
    """Return [resamples, frames, points]: blocks of frames, and points, drawn with replacement."""
    frames, points = ratios.shape
    rng, block = np.random.default_rng(0), max(1, round(math.sqrt(frames)))
    rows = drawn_frames(rng, frames, block, _RESAMPLES)
    columns = rng.integers(0, points, (_RESAMPLES, points))
    return ratios[rows[:, :, None], columns[:, None, :]]
