# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda node status``."""

from __future__ import annotations

from typing import Any

POSITIONALS = ()
HAS_RESULT = True

EXIT_PROBLEMS = 1
SHOWN = (
    'model', 'domain', 'provider', 'profile', 'profile_reason', 'depth_scale', 'frames_received', 'frames_answered',
    'frames_dropped', 'processing_time_mean_ms', 'pipeline_latency_ms', 'mean_confidence', 'camera_focal_px',
    'camera_height_m', 'road_height_m',
)  # fmt: skip
"""Values that are printed; --json has all."""


def run(node: str | None = None, timeout: float = 10.0) -> dict[str, Any]:
    """Say what a running perception node says about itself; without ros2cli.

    The exit code is 0 only where the node is active and reports no error.

    Args:
        node: full name of the node, such as /perception; default: the only one there is
        timeout: seconds to wait for the node and its report
    """
    from famda_train.commands.node_access import connect

    with connect(node, timeout) as client:
        result = client.status()
    print(f'{result["node"]}: {result["state"]}')
    for name, status in result['statuses'].items():
        print(f'{status["level"]:<5} {name}: {status["message"]}')
        for key in SHOWN:
            if (value := status['values'].get(key, 'n/a')) != 'n/a':
                print(f'      {key} {value}')
    return result


def exit_code(result: dict[str, Any]) -> int:
    """Return 0 only where the node is active and reports no error."""
    good = result['state'] == 'active' and all(s['level'] != 'error' for s in result['statuses'].values())
    return 0 if good else EXIT_PROBLEMS
