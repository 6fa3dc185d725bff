# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the perception node: names, defaults, limits and what they mean, without ROS."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from famda_ros.errors import FamdaError
from famda_ros.pipeline.camera_report import DiagnosticLimits
from famda_ros.profiles.auto_profile import AutoSettings
from famda_ros.resources import DEFAULT_MODEL
from famda_ros.student.providers import AUTO, PROVIDERS

HOUR_MS = 3.6e6
MODEL_STATUS = 'model'
"""Status of the model in /diagnostics, beside those with the names of cameras."""

_AUTO, _LIMITS = AutoSettings(), DiagnosticLimits()


@dataclass(frozen=True)
class Parameter:
    """One parameter of the node.

    Attributes:
        name: as in a parameter file; dots make groups.
        default: its type is the parameter's type; a list is never empty, because ROS cannot tell the type of [].
        description: what it means, with its unit.
        live: may be changed while the node runs; all others are read when the node is configured.
        minimum, maximum: limits of a number; None = none.
        choices: the values that a text may have; () = any.
    """

    name: str
    default: Any
    description: str
    live: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


PARAMETERS = (
    Parameter(
        'model',
        DEFAULT_MODEL,
        'student .onnx file with a FAMDA model card; package://famda_ros/... is a file of this package; a profile that '
        'names a model goes before it',
    ),
    Parameter(
        'profile',
        '',
        "day, night, auto, or a profile file; '' = none; changed at run time by the service ~/set_profile only",
    ),
    Parameter('cameras', [''], "names of the cameras, each a namespace of its own; [''] = one, without a name"),
    Parameter('camera_weights', [1.0], 'share of the inferences per camera, in the order of cameras; [1.0] = equal'),
    Parameter('threads', 0, 'CPU threads of one inference; 0 = one per core', minimum=0, maximum=256),
    Parameter(
        'provider',
        AUTO,
        'what the model runs on; auto = the best that works and agrees with the CPU',
        choices=(AUTO, *PROVIDERS),
    ),
    Parameter(
        'provider_fallback',
        False,
        'take the CPU where the provider that was named does not work or disagrees with it; false = refuse the model',
    ),
    Parameter(
        'image_transport',
        'raw',
        "'raw' subscribes to image, 'compressed' to image/compressed",
        choices=('raw', 'compressed'),
    ),
    Parameter(
        'max_rate_hz',
        0.0,
        'inferences per second and camera at most; 0 = no limit',
        live=True,
        minimum=0.0,
        maximum=1000.0,
    ),
    Parameter(
        'max_age_ms',
        0.0,
        'images older than this when their turn comes are dropped; 0 = never',
        live=True,
        minimum=0.0,
        maximum=HOUR_MS,
    ),
    Parameter('output_scale', 1.0, 'size of the outputs relative to the image', minimum=0.05, maximum=4.0),
    Parameter(
        'depth.scale',
        1.0,
        'factor of all metres, as famda calibrate finds it at the place; 1 = as the student predicts them',
        live=True,
        minimum=0.1,
        maximum=10.0,
    ),
    Parameter(
        'points.stride',
        0,
        'depth/points has every n-th pixel of every n-th row; 0 = no point cloud',
        minimum=0,
        maximum=64,
    ),
    Parameter(
        'points.edge_filter',
        2.7,
        'points of depth/points at depth edges, where a surface would be seen under fewer degrees than this, become '
        'NaN; 0 = keep them',
        minimum=0.0,
        maximum=45.0,
    ),
    Parameter(
        'min_confidence',
        0.0,
        'labels with a probability below this become 255 (unlabelled); 0 = keep all',
        live=True,
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        'exposure.target_brightness',
        0.0,
        'mean brightness that a gamma curve brings images to before the model sees them; 0 = leave them',
        live=True,
        minimum=0.0,
        maximum=255.0,
    ),
    Parameter(
        'exposure.max_gamma', 2.5, 'strongest gamma: 1 / max_gamma .. max_gamma', live=True, minimum=1.0, maximum=10.0
    ),
    Parameter('auto.day', 'day', "profile that 'auto' uses by day: a name or a file"),
    Parameter('auto.night', 'night', "profile that 'auto' uses by night: a name or a file"),
    Parameter('auto.dark_below', _AUTO.dark_below, 'brightness below which it is night', minimum=0.0, maximum=255.0),
    Parameter('auto.bright_above', _AUTO.bright_above, 'brightness above which it is day', minimum=0.0, maximum=255.0),
    Parameter(
        'auto.dwell_s',
        _AUTO.dwell_s,
        'seconds for which the light must have changed before the profile does',
        minimum=0.1,
        maximum=3600.0,
    ),
    Parameter(
        'auto.max_confidence_drop',
        _AUTO.max_confidence_drop,
        'a switch after which the mean confidence is lower by more than this is taken back, one by ~/set_profile is '
        'refused; 1 = never',
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        'diagnostics.max_allowed_processing_time_ms',
        _LIMITS.max_allowed_processing_time_ms,
        'a frame that takes longer puts the diagnostics to WARN',
        live=True,
        minimum=0.0,
        maximum=HOUR_MS,
    ),
    Parameter(
        'diagnostics.max_acceptable_consecutive_delay_ms',
        _LIMITS.max_acceptable_consecutive_delay_ms,
        'when all frames have been too slow for longer than this the diagnostics go to ERROR',
        live=True,
        minimum=0.0,
        maximum=HOUR_MS,
    ),
    Parameter(
        'diagnostics.timeout_s',
        _LIMITS.timeout_s,
        'a camera that sends nothing for longer puts the diagnostics to ERROR',
        live=True,
        minimum=0.1,
        maximum=3600.0,
    ),
    Parameter('autostart', True, 'configure and activate at start; false = wait for lifecycle transitions'),
)


def check_choices(values: Mapping[str, Any], parameters: Sequence[Parameter] = PARAMETERS) -> None:
    """Raise FamdaError where a parameter has a value that it cannot have."""
    for parameter in parameters:
        value = values[parameter.name]
        if parameter.choices and value not in parameter.choices:
            raise FamdaError(f"{parameter.name} '{value}' is unknown; choose one of {', '.join(parameter.choices)}")


def camera_weights(names: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Return {camera: share of the inferences} from the parameters ``cameras`` and ``camera_weights``.

    Args:
        names: [''] or [] = one camera without a name.
        weights: one per camera, or a single one for all.

    Raises:
        FamdaError: a name twice, one that is no relative ROS name or means something else, too few or too many
            weights, or one that is not positive.
    """
    cameras = [name for name in names if name] or ['']
    if len(set(cameras)) != len(cameras):
        raise FamdaError(f"the parameter 'cameras' names a camera twice: {', '.join(cameras)}")
    for name in cameras:
        if name and not all(part.isidentifier() and part.isascii() for part in name.split('/')):
            raise FamdaError(
                f"the camera name '{name}' is no relative ROS name; use letters, digits and _, and / only between them"
            )
    if MODEL_STATUS in cameras:
        raise FamdaError(f"a camera cannot be named '{MODEL_STATUS}': in /diagnostics that is the model; rename it")
    shares = [*weights] * len(cameras) if len(weights) == 1 else [*weights]
    if len(shares) != len(cameras):
        raise FamdaError(f"the parameter 'camera_weights' has {len(shares)} numbers for {len(cameras)} cameras")
    if not all(math.isfinite(share) and share > 0 for share in shares):
        raise FamdaError(f"the parameter 'camera_weights' must have numbers greater than 0, not {shares}")
    return dict(zip(cameras, shares, strict=True))


def group(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the parameters of a group without its name: 'auto' -> {'dwell_s': 5.0, ...}."""
    return {key.removeprefix(f'{name}.'): value for key, value in values.items() if key.startswith(f'{name}.')}
