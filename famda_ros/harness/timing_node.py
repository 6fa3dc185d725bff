# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: the perception node, which also writes the times of every frame to a file; for the bench.

Topics, services and parameters are those of :mod:`famda_ros.nodes.perception_node`; one more parameter:
``times_file`` (a line of JSON per published frame).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor

from famda_ros.nodes.dds import send_in_background
from famda_ros.nodes.perception_node import PerceptionNode
from famda_ros.nodes.run_node import run_node
from famda_ros.pipeline.camera_statistics import CameraStatistics

TIMES = 'times_file'


class FrameTimes(CameraStatistics):
    """Statistics that append a line of JSON for each published frame: ``time`` (monotonic seconds), and its stages."""

    def __init__(self, path: str | Path):
        """Begin with an empty file."""
        super().__init__()
        self._file = open(path, 'w', buffering=1, encoding='utf-8')  # noqa: SIM115  (as long as the process)

    def answered(self, now: float, times_ms: dict[str, float], *further: Any) -> None:
        """Count a published frame, and write down its times."""
        super().answered(now, times_ms, *further)
        self._file.write(json.dumps({'time': now, **times_ms}) + '\n')


class PerceptionTiming(PerceptionNode):
    """The perception node with one camera."""

    def _configure(self) -> None:
        if not self.has_parameter(TIMES):
            self.declare_parameter(TIMES, '', ParameterDescriptor(description='file for the times', read_only=True))
        super()._configure()
        for camera in self._cameras.values():
            camera.statistics = FrameTimes(self.get_parameter(TIMES).value)
        self._set_limits()


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    send_in_background()
    return run_node('perception_node', PerceptionTiming, args)


if __name__ == '__main__':
    sys.exit(main())
