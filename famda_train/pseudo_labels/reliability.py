# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Reliability of a depth teacher at a pixel: how far two readings of it agree."""
from __future__ import annotations

import torch


def agreement(first: torch.Tensor, second: torch.Tensor, tolerance: float = 0.1) -> torch.Tensor:
    """Return exp(-|log d1 - log d2| / tolerance): 1 for equal metres, 0.37 where they differ by 10 percent.

    The readings may be the teacher on an image and on its mirror picture or another size of it,
    or the teacher and the EMA student, once both are metres.

    Args:
        first, second: float, same shape, metres; NaN or <= 0 = unknown, +inf = beyond range.
        tolerance: difference of the logarithms at which the weight has fallen to 1/e.

    Returns:
        float32 of the same shape in 0..1; 0 where either is unknown or just one is beyond range.
    """
    first, second = first.float(), second.float()
    known = (first > 0) & (second > 0)
    equal = first == second  # two infinities agree, but have no difference
    distance = (torch.where(known, first, 1.0).log() - torch.where(known, second, 1.0).log()).abs()
    weight = torch.exp(-torch.where(equal, 0.0, distance) / tolerance)
    return torch.where(known, weight, 0.0)
