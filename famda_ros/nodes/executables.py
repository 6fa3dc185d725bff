# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Console scripts of the nodes; they say in one sentence where ROS 2 is missing."""

from __future__ import annotations

import importlib
import sys

from famda_ros.errors import EXIT_ERROR


def _run(node: str) -> int:
    try:
        module = importlib.import_module(f'famda_ros.nodes.{node}')
    except ModuleNotFoundError as error:
        if error.name and error.name.split('.')[0] == 'famda_ros':
            raise
        print(
            f"{node}: '{error.name}' is missing; source a ROS 2 distribution, "
            "or install its wheels with: pip install '.[ros]'",
            file=sys.stderr,
        )
        return EXIT_ERROR
    return module.main()


def perception_node() -> int:
    """Run the perception node; returns the exit code."""
    return _run('perception_node')


def recorder_node() -> int:
    """Run the recorder; returns the exit code."""
    return _run('recorder_node')


def bag_player_node() -> int:
    """Run the bag player; returns the exit code."""
    return _run('bag_player_node')
