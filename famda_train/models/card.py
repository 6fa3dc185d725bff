# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The model card of a student network."""
from __future__ import annotations

import hashlib
from typing import Any

from torch import nn

from famda_ros.student.camera_geometry import fitting_size
from famda_ros.student.label_space import get_label_space
from famda_ros.student.model_card import ModelCard
from famda_train.models.checkpoint import StudentSpec

STRIDE = 16
"""Heights and widths that a student runs at are multiples of it, or of the network's own stride if that is larger."""


def weights_sha256(network: nn.Module) -> str:
    """Return the SHA-256 over all parameters and buffers, in state-dict order."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def model_card(
    spec: StudentSpec,
    network: nn.Module,
    name: str,
    metrics: dict[str, Any] | None = None,
    precision: str = 'fp32',
    weights: str = 'fp32',
) -> ModelCard:
    """Return the card of a student.

    Its network size is that of the training, or the nearest multiple of the stride with the same shape; the focal
    length follows.
    """
    stride = max(STRIDE, int(getattr(network, 'stride', STRIDE)))
    width, height = spec.width, spec.height
    if width % stride or height % stride:
        width, height = fitting_size(width / height, width * height, stride)
    return ModelCard(
        name=name,
        label_space=get_label_space(spec.label_space),
        network_width=width,
        network_height=height,
        focal=spec.focal * height / spec.height,
        stride=stride,
        pixels=max(spec.pixels, width * height),
        depth_range_m=spec.depth_range_m,
        domain=spec.domain,
        precision=precision,
        weights=weights,
        provenance=spec.provenance,
        metrics=metrics or {},
        licence=spec.licence,
        weights_sha256=weights_sha256(network),
    )
