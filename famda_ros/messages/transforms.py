# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How high a camera is mounted, from the transforms on /tf and /tf_static; without tf2."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

GROUND_FRAME = 'base_footprint'
"""The robot's frame on the ground, as REP-120 names it."""


class TransformTree:
    """The newest transform of each frame to its parent; a robot's cameras move little against its base."""

    def __init__(self) -> None:
        """Begin without frames."""
        self._parents: dict[str, tuple[str, np.ndarray]] = {}

    def add(self, transforms: Any) -> None:
        """Take geometry_msgs/TransformStamped; one that is malformed (NaN, no rotation) is left out."""
        for stamped in transforms:
            matrix = matrix_of(stamped.transform)
            if matrix is not None:
                self._parents[_name(stamped.child_frame_id)] = _name(stamped.header.frame_id), matrix

    def height(self, frame: str, ground: str = GROUND_FRAME) -> float | None:
        """Return how far the origin of a frame lies above another one, along that one's z, metres; None = unknown.

        The frames may hang on each other in any way, as long as they have a frame in common.
        """
        up, down = self._chain(_name(frame)), self._chain(_name(ground))
        common = next((name for name in up if name in down), None)
        if common is None:
            return None
        origin = up[common][:, 3]
        return float((np.linalg.inv(down[common]) @ origin)[2])

    def _chain(self, frame: str) -> dict[str, np.ndarray]:
        """Return {frame above: transform into it}, the frame itself first; frames in a circle end where it closes."""
        chain, matrix = {frame: np.eye(4)}, np.eye(4)
        while frame in self._parents:
            frame, step = self._parents[frame]
            if frame in chain:
                break
            chain[frame] = matrix = step @ matrix
        return chain


def matrix_of(transform: Any) -> np.ndarray | None:
    """Return a geometry_msgs/Transform as float64 [4, 4]; None where it is malformed."""
    shift, turn = transform.translation, transform.rotation
    values = [shift.x, shift.y, shift.z, turn.x, turn.y, turn.z, turn.w]
    length = math.sqrt(sum(value * value for value in values[3:]))
    if not all(map(math.isfinite, values)) or abs(length - 1) > 0.01:
        return None
    x, y, z, w = (value / length for value in values[3:])
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), shift.x],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), shift.y],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), shift.z],
        [0, 0, 0, 1],
    ])  # fmt: skip


def _name(frame: str) -> str:
    """Return a frame without the slash that ROS 1 drivers write before it."""
    return frame.lstrip('/')
