# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Named ways to evaluate; the name travels with every number."""
from __future__ import annotations

from dataclasses import dataclass, replace

from famda_ros.errors import choose

DEPTH_METRICS = ('abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'delta1', 'delta2', 'delta3')


@dataclass(frozen=True)
class Protocol:
    """What is scored and how.

    Attributes:
        name: carried into every result; numbers of different protocols do not compare.
        depth_min_m, depth_max_m: ground truth outside this range is not scored, predictions are clamped to it.
        summary: one sentence for reports.
        size: (width, height) in pixels at which images are seen and both tasks are scored, the ground truth
            reduced to the nearest pixel; None = size of the ground truth, predictions upsampled.
        offset_m: added to ground truth and prediction before the range is applied.
        median_scaling: multiply every predicted frame by median(ground truth) / median(prediction) over its
            scored pixels, before the clamp.
        mean_of_frames: errors are averaged within each frame and then over the frames; otherwise over
            all pixels.  The root of RMSE is taken last in both cases.
        depth_metrics: which of :data:`DEPTH_METRICS` are reported.
    """

    name: str
    depth_min_m: float
    depth_max_m: float
    summary: str
    size: tuple[int, int] | None = None
    offset_m: float = 0.0
    median_scaling: bool = False
    mean_of_frames: bool = False
    depth_metrics: tuple[str, ...] = DEPTH_METRICS


METRIC = Protocol(
    'metric',
    depth_min_m=1e-3,
    depth_max_m=80.0,
    summary='full-resolution truth, one confusion matrix over all frames, depth in true metres without scaling, '
    'pooled over all pixels from 1 mm to 80 m',
)

DENSEMTL = Protocol(
    'densemtl',
    depth_min_m=1e-3,
    depth_max_m=80.0,
    summary='1024x512, truth reduced to the nearest pixel, one confusion matrix over all frames, depth scaled by the '
    'median of each frame, every metre 0.99 m too short, mean of frames: comparable with xTAM-UDA (DenseMTL) only',
    size=(1024, 512),
    # The reference turns its inverse depth D = 65536 / (centimetres + 1) into 655.36 / D - 1 metres; exact is - 0.01.
    offset_m=-0.99,
    median_scaling=True,
    mean_of_frames=True,
    depth_metrics=tuple(name for name in DEPTH_METRICS if name != 'rmse_log'),
)
"""As published code of arXiv 2206.08927 scores domain adaptation (astra-vision/DenseMTL), mistakes included.

One thing differs: the reference enlarges inverse depth, here metres are enlarged.
"""

DENSEMTL_FIXED = replace(
    DENSEMTL,
    name='densemtl-fixed',
    summary='1024x512, truth reduced to the nearest pixel, one confusion matrix over all frames, depth scaled by the '
    'median of each frame, mean of frames: densemtl without its offset of 0.99 m',
    offset_m=0.0,
)

PROTOCOLS = {protocol.name: protocol for protocol in (METRIC, DENSEMTL, DENSEMTL_FIXED)}


def get_protocol(name: str) -> Protocol:
    """Return the protocol called ``name``.

    Raises:
        FamdaError: no such protocol.
    """
    return choose(PROTOCOLS, name, 'protocol')
