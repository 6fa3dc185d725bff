# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Surface normals, learnt from the depth of either domain: the example of a further task.

Give it to a training with::

    extra_tasks: [{class_path: famda_train.training.tasks.SurfaceNormals}]
"""
from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from famda_train.evaluation.normals import NormalsMetric
from famda_train.losses.geometry import normals_from_depth
from famda_train.losses.reductions import weighted_mean
from famda_train.training.tasks.task import Sample, Target, Task, constant_like


class SurfaceNormals(Task):
    """Unit normals in the camera frame (x right, y down, z forward), pointing to the camera.

    Args:
        weight: factor of the loss in the total.
    """

    name = 'normals'
    outputs = 3
    whole_frames_teach = True
    paste_edges_teach = False

    def __init__(self, weight: float = 1.0):
        super().__init__()
        self.weight = weight

    def prepare(self, sample: Sample) -> None:
        """Take the normals from true depth, or from that of a metric depth teacher."""
        depth = sample.get('depth', sample.get('teacher_depth'))
        if depth is not None:
            # Metres of the canonical camera would stretch every surface along the optical axis.
            scale = (sample['focal'] / sample['canonical_focal'])[:, None, None]
            sample['normals'] = normals_from_depth(depth * scale, sample['focal'], *sample['centre'].T)

    def decode(self, raw: torch.Tensor) -> torch.Tensor:
        """Return unit normals, float32 [B, 3, H, W]."""
        return functional.normalize(raw.float(), dim=1)

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Return -1..1 of x, y, z as red, green, blue; black where unknown."""
        return np.nan_to_num((values.transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8)

    def ground_truth(self, source: Sample) -> Target:
        """Return the normals of the true depth; NaN where there is none."""
        return Target(source['normals'], constant_like(source['normals']))

    def pseudo_target(self, raw: torch.Tensor, target: Sample, pseudo_targets: dict[str, Target]) -> Target:
        """Return the normals of the depth teacher's metres; a relative teacher gives none."""
        if 'normals' not in target:
            return Target(torch.full_like(raw, torch.nan, dtype=torch.float32), constant_like(raw, 0.0))
        return Target(target['normals'], constant_like(target['normals']))

    def loss(self, raw: torch.Tensor, target: Target) -> torch.Tensor:
        """Return 1 - cosine of the angle between predicted and target normals."""
        known = torch.isfinite(target.values).all(1)
        wanted = torch.where(known[:, None], target.values, 0.0)
        cosine = (self.decode(raw) * wanted).sum(1)
        return weighted_mean(1 - cosine, target.weight * known)

    def metric(self) -> NormalsMetric:
        """Return a metric of angular errors."""
        return NormalsMetric()

    def score(self, metric: NormalsMetric, values: torch.Tensor, sample: Sample) -> None:
        """Add the angles to the metric."""
        metric.update(values.cpu().numpy(), sample['normals'].cpu().numpy())
