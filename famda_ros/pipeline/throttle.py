# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How often a warning may be repeated."""

from __future__ import annotations

import threading


class Throttle:
    """Lets the first of each kind through, and the next ones only after a while; safe to use from several threads.

    rclpy throttles by the line of code, which all cameras share: of two cameras only one would be heard.
    """

    def __init__(self) -> None:
        """Begin with nothing let through."""
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def passes(self, kind: str, now: float, period_s: float) -> bool:
        """Tell whether to let one through.

        Args:
            kind: of what is throttled; kinds do not wait for each other.
            now: seconds of a clock that never goes back.
            period_s: so long after the last one of its kind that passed; ``inf`` = once for all.
        """
        with self._lock:
            passes = kind not in self._last or now - self._last[kind] >= period_s
            if passes:
                self._last[kind] = now
        return passes
