# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the numbers among the settings of a training can be: checked before anything is read or trained."""
from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from famda_ros.errors import FamdaError

Range = tuple[float, float]
"""Least and greatest value, both included; inf = any finite one."""

SHARE: Range = (0.0, 1.0)
NOT_NEGATIVE: Range = (0.0, math.inf)
POSITIVE: Range = (math.ulp(0.0), math.inf)
COUNT: Range = (1, math.inf)

SOURCE_TRAINING = {
    'learning_rate': POSITIVE, 'encoder_rate': NOT_NEGATIVE, 'weight_decay': NOT_NEGATIVE, 'ramp_steps': NOT_NEGATIVE,
    'power': NOT_NEGATIVE, 'source_strength': NOT_NEGATIVE, 'windows.zoom': POSITIVE, 'windows.aspect': POSITIVE,
    'windows.pixels': COUNT, 'network_size': COUNT, 'pixels': COUNT,
    'segmentation.weight': NOT_NEGATIVE, 'segmentation.class_weights': NOT_NEGATIVE,
    'segmentation.confident_from': SHARE, 'segmentation.min_share': SHARE, 'segmentation.vote_balance': NOT_NEGATIVE,
    'segmentation.min_mask_area': NOT_NEGATIVE, 'segmentation.protect_from': SHARE,
    'segmentation.prior_strength': SHARE, 'segmentation.ignore_top': SHARE, 'segmentation.ignore_bottom': SHARE,
    'depth.weight': NOT_NEGATIVE, 'depth.gradient_weight': NOT_NEGATIVE, 'depth.sky_weight': NOT_NEGATIVE,
    'depth.teacher_weight': NOT_NEGATIVE, 'depth.tolerance': NOT_NEGATIVE,
}  # fmt: skip
SELF_TRAINING = {
    'ema_limit': SHARE, 'mix_strength': NOT_NEGATIVE, 'statistics_batches': NOT_NEGATIVE,
    'target_labels_weight': POSITIVE,
    'masked_images.weight': NOT_NEGATIVE, 'masked_images.ratio': SHARE, 'masked_images.block': COUNT,
    'feature_distance.weight': NOT_NEGATIVE, 'feature_distance.min_share': SHARE,
}  # fmt: skip
DATA = {
    'batch_size': COUNT, 'crop': COUNT, 'max_share': SHARE, 'workers': NOT_NEGATIVE, 'cache_gb': NOT_NEGATIVE,
    'rare_classes.temperature': POSITIVE, 'rare_classes.min_share_of_pixels': SHARE,
    'rare_classes.min_crop_ratio': NOT_NEGATIVE, 'source.size': COUNT, 'target.size': COUNT,
    'target_labels.size': COUNT, 'validate.size': COUNT,
}  # fmt: skip
"""Names, dotted within groups of settings → what the values may be; of lists and mappings, each one."""


def check_numbers(values: Mapping[str, Any], limits: Mapping[str, Range], prefix: str) -> None:
    """Refuse a number that cannot be.

    Args:
        values: settings by name; groups of settings are objects with attributes.
        limits: see :data:`DATA`; None, and what is not there, is right.
        prefix: of the names, for the sentence: ``model`` or ``data``.

    Raises:
        FamdaError: names the setting, its value and what it may be.
    """
    for name, (low, high) in limits.items():
        first, *rest = name.split('.')
        value = values.get(first)
        for part in rest:
            value = getattr(value, part, None)
        for number in _numbers(value):
            if not (low <= number <= high and math.isfinite(number)):
                raise FamdaError(f'{prefix}.{name} cannot be {number:g}; give {_in_words(low, high)}')


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple)):
        yield from value
    elif isinstance(value, (int, float)):
        yield value


def _in_words(low: float, high: float) -> str:
    if math.isfinite(high):
        return f'a number from {low:g} to {high:g}'
    return {0.0: 'a number of 0 or more', 1: 'a whole number of 1 or more'}.get(low, 'a number above 0')
