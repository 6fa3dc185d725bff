# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Notice classes that self-training forgets, by comparing pseudo-labels with the source."""
from __future__ import annotations

from collections.abc import Sequence

import torch


def died_out(
    target_share: torch.Tensor,
    source_share: torch.Tensor,
    classes: Sequence[str],
    below: float = 0.1,
    min_source_share: float = 1e-3,
) -> list[str]:
    """Return the names of classes that pseudo-labels hold far more rarely than the source does.

    Args:
        target_share: float [C], share of each class among the pseudo-labels, 0..1.
        source_share: float [C], share of each class on the source, 0..1.
        classes: names of the C classes.
        below: a class counts as died out under this fraction of its share on the source.
        min_source_share: classes that are rarer than this on the source are not judged.
    """
    gone = (source_share >= min_source_share) & (target_share < below * source_share)
    return [name for name, dead in zip(classes, gone.tolist(), strict=True) if dead]
