# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How much better one result is than another over all tasks: Delta_MTL (Vandenhende et al., arXiv 2004.13379)."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from famda_ros.errors import FamdaError

TASK_METRICS = {'segmentation': ('miou', False), 'depth': ('rmse', True), 'normals': ('mean_angle', True)}
"""Task -> (key of its metric in a result, is lower better)."""


def relative_gain(value: float, baseline: float, lower_is_better: bool) -> float:
    """Return by how many percent of the baseline a value is better; negative = worse.

    Raises:
        FamdaError: the baseline is 0.
    """
    if baseline == 0:
        raise FamdaError('a baseline of 0 has no relative gain; choose another baseline')
    gain = 100.0 * (value - baseline) / baseline
    return -gain if lower_is_better else gain


def task_gains(result: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, float]:
    """Return the relative gain in percent of every task that both results have.

    Args:
        result, baseline: as :func:`famda_train.evaluation.evaluate.evaluate` returns them.

    Raises:
        FamdaError: the two were not scored alike, or have no task in common.
    """
    for key, what in (('protocol', 'protocol'), ('frames', 'number of frames'), ('label_space', 'label space')):
        if result.get(key) != baseline.get(key):
            raise FamdaError(
                f'the results do not compare: {what} {result.get(key)}, but {baseline.get(key)} in the baseline; '
                'evaluate both in the same way'
            )
    gains = {}
    for task, (key, lower_is_better) in TASK_METRICS.items():
        value, reference = result.get(key), baseline.get(key)
        if value is not None and reference is not None:
            gains[task] = relative_gain(value, reference, lower_is_better)
    if not gains:
        raise FamdaError('the results have no task in common; evaluate both on data with the same truth')
    return gains


def delta_mtl(result: Mapping[str, Any], baseline: Mapping[str, Any]) -> float:
    """Return the mean relative gain over the tasks in percent; see :func:`task_gains`."""
    gains = task_gains(result, baseline)
    return sum(gains.values()) / len(gains)
