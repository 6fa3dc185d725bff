# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Which classes a mask must not swallow: thin things, and what they are mistaken to be part of.

The rules follow those of SAM4UDASS ("SAM4UDASS: When SAM Meets Unsupervised Domain
Adaptive Semantic Segmentation in Intelligent Vehicles"); the table is in the
files of the label spaces.
"""
from __future__ import annotations

import torch

from famda_ros.student.label_space import LabelSpace


def protection_matrix(label_space: LabelSpace) -> torch.Tensor:
    """Return bool [C, C]: entry [own class, voted class] is set where the pixel keeps its own class.

    A pixel of which the teacher is confident survives the votes for those classes that it is ``thin_in``.
    """
    classes = label_space.classes
    return torch.tensor([[voted in label_space.thin_in.get(own, ()) for voted in classes] for own in classes])
