# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Learning-rate schedule."""
from __future__ import annotations


def poly_factor(step: int, total: int, warmup: int, power: float = 0.9) -> float:
    """Return the factor of the learning rate: linear ramp, then polynomial decay to 0.

    Args:
        step: steps taken so far.
        total: steps of the whole run.
        warmup: steps of the ramp.
    """
    ramp = min(1.0, (step + 1) / max(1, warmup))
    return ramp * max(0.0, 1.0 - step / max(1, total)) ** power
