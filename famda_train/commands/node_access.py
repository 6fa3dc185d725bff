# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The way from a verb to a running node: rclpy is imported when a verb needs it, not before."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from famda_ros.errors import FamdaError


def connect(name: str | None, timeout: float) -> Any:
    """Return a ``famda_ros.nodes.node_client.NodeClient``, a context manager.

    Args:
        name: of the node; None = the only one there is.
        timeout: seconds to wait for it and its answers.

    Raises:
        FamdaError: rclpy is not installed, or the node is not there.
    """
    if not timeout > 0:
        raise FamdaError(f'--timeout must be greater than 0 seconds, not {timeout:g}')
    try:
        module = importlib.import_module('famda_ros.nodes.node_client')
    except ImportError as error:
        if (error.name or '').split('.')[0] == 'famda_ros':
            raise
        raise FamdaError(
            f"rclpy cannot be imported ({error}); source a ROS 2 distribution, or install its wheels with: pip install "
            "'famda_ros[ros]'"
        ) from error
    return module.NodeClient(name, timeout, lambda sentence: print(sentence, file=sys.stderr, flush=True))
