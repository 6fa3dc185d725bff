# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The model card of a student network."""
from __future__ import annotations

import hashlib
from typing import Any

from torch import nn

from famda_ros.student.label_space import get_label_space
from famda_ros.student.model_card import ModelCard
from famda_train.models.checkpoint import StudentSpec


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
    """Return the card of a student."""
    return ModelCard(
        name=name,
        label_space=get_label_space(spec.label_space),
        network_width=spec.width,
        network_height=spec.height,
        focal=spec.focal,
        depth_range_m=spec.depth_range_m,
        domain=spec.domain,
        precision=precision,
        weights=weights,
        provenance=spec.provenance,
        metrics=metrics or {},
        licence=spec.licence,
        weights_sha256=weights_sha256(network),
    )
