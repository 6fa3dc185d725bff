# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Dense tasks: segmentation and depth, which every student has, and surface normals."""
from famda_train.training.tasks.depth import Depth, DepthSettings
from famda_train.training.tasks.normals import SurfaceNormals
from famda_train.training.tasks.segmentation import Segmentation, SegmentationSettings
from famda_train.training.tasks.task import Target, Task

__all__ = ['Depth', 'DepthSettings', 'Segmentation', 'SegmentationSettings', 'SurfaceNormals', 'Target', 'Task']
