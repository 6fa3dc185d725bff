# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Named ways to evaluate; the name travels with every number."""
from __future__ import annotations

from dataclasses import dataclass

from famda_ros.errors import choose


@dataclass(frozen=True)
class Protocol:
    """What is scored and how.

    Attributes:
        name: carried into every result; numbers of different protocols do not compare.
        depth_min_m, depth_max_m: truth outside this range is not scored, predictions are clamped to it.
        summary: one sentence for reports.
    """

    name: str
    depth_min_m: float
    depth_max_m: float
    summary: str


METRIC = Protocol(
    'metric',
    depth_min_m=1e-3,
    depth_max_m=80.0,
    summary='full-resolution truth, one confusion matrix over all frames, depth in true metres without scaling, '
    'pooled over all pixels from 1 mm to 80 m',
)

PROTOCOLS = {protocol.name: protocol for protocol in (METRIC,)}


def get_protocol(name: str) -> Protocol:
    """Return the protocol called ``name``.

    Raises:
        FamdaError: no such protocol.
    """
    return choose(PROTOCOLS, name, 'protocol')
