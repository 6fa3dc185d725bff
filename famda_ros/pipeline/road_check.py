# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a camera's metres fit its mounting: the road as the student sees it beside the height that TF gives."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Any

from famda_ros.messages.camera_info import intrinsics_of
from famda_ros.pipeline.camera_report import WARN, Report, number
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.road_plane import fit_road_plane, road_ids
from famda_ros.student.runtime import Prediction

MOST_APART = 0.15
"""Share by which both heights may differ."""
LEAST_PLANES, MOST_PLANES = 5, 20
"""The height is the median over so many measured frames; at two a second that is up to ten seconds."""


class RoadCheck:
    """Measures the road of one camera now and then."""

    def __init__(self) -> None:
        """Begin without a measurement."""
        self._heights: deque[float] = deque(maxlen=MOST_PLANES)

    def look(self, prediction: Prediction, camera_info: Any, space: LabelSpace) -> None:
        """Measure the height above the road in one frame, where it shows the road and the camera is calibrated.

        Args:
            prediction: at the size of the camera's image; nothing is done without labels or depth.
            camera_info: sensor_msgs/CameraInfo of the frame, or None.
            space: of the labels.
        """
        labels, depth = prediction.labels, prediction.depth
        if labels is None or depth is None:
            return
        camera = intrinsics_of(camera_info, depth.shape[1], depth.shape[0])
        plane = None if camera is None else fit_road_plane(labels, depth, camera, road_ids(space))
        if plane is not None:
            self._heights.append(plane.height)

    @property
    def height(self) -> float | None:
        """Height of the camera above the road, metres; None = not seen often enough."""
        heights = list(self._heights)  # the other thread appends meanwhile
        return median(heights) if len(heights) >= LEAST_PLANES else None

    def added_to(self, report: Report, mounted: float | None) -> Report:
        """Return a camera's report with both heights, and a warning where they differ.

        Args:
            report: of the camera.
            mounted: height of the camera above the ground as TF has it, metres; None = unknown.
        """
        seen = self.height
        values = {**report.values, 'camera_height_m': number(mounted), 'road_height_m': number(seen)}
        warning = height_warning(seen, mounted)
        if not warning:
            return Report(report.level, report.message, values)
        message = f'{report.message}; {warning}' if report.level >= WARN else warning
        return Report(max(report.level, WARN), message, values)


def height_warning(seen: float | None, mounted: float | None) -> str:
    """Return in one sentence that the height above the road is not that of the mounting; '' = it is, or unknown.

    Args:
        seen, mounted: heights in metres; None = unknown.
    """
    if seen is None or mounted is None or mounted <= 0 or abs(seen / mounted - 1) <= MOST_APART:
        return ''
    return (
        f'the road lies {seen:.2f} m below the camera, which TF has at {mounted:.2f} m: metres are off by a factor of '
        f'{seen / mounted:.2f}; set depth.scale (famda calibrate), or correct the transform'
    )
