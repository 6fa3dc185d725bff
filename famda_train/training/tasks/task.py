# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a dense task is to the training: a head, a loss, a teacher for the target, and metrics.

The training knows tasks only through :class:`Task`; a further one is given to it as
``extra_tasks`` and needs no change there.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from famda_train.models.blocks import upsample

Sample = dict[str, torch.Tensor]


class Target(NamedTuple):
    """What a network is to predict.

    Attributes:
        values: [B, H, W] or [B, K, H, W], in the task's own terms.
        weight: float [B, H, W], how much each pixel counts; 0 = not at all.
    """

    values: torch.Tensor
    weight: torch.Tensor


class Task(nn.Module, ABC):
    """One dense output of the student.

    State that must survive a resume (running statistics) lives in buffers.

    Attributes:
        name: key of the head's output.
        outputs: channels of the head.
        start: value that an untrained head predicts on average.
        weight: factor of the task's loss in the total.
        whole_frames_teach: may the student learn this task on target frames without anything
            pasted?  Not where the EMA teacher is the only source: it would confirm itself.
        paste_edges_teach: may the student learn this task within two pixels of the line along which source
            pixels are pasted?  Not where its values jump there from one scene's to another's, as depth does.
    """

    name: str
    outputs: int
    start: float = 0.0
    weight: float = 1.0
    whole_frames_teach: bool = False
    paste_edges_teach: bool = True

    def prepare(self, sample: Sample) -> None:
        """Add entries to a batch of either domain before it is augmented; in place."""
        return

    def observe(self, source: Sample) -> None:
        """Take notice of a batch of source frames, for running statistics."""
        return

    @abstractmethod
    def decode(self, raw: torch.Tensor) -> torch.Tensor:
        """Return predictions in the task's own terms from [B, outputs, H, W] at image size."""

    def publish(self, raw: torch.Tensor, size: tuple[int, int], stride: int) -> torch.Tensor:
        """Return predictions as the student's file gives them, in the task's own terms, at image size.

        Here they are decoded at full size; what is in the file does as
        :class:`~famda_train.models.student_graph.StudentGraph` does.

        Args:
            raw: [B, outputs, h, w] at the network's stride.
            size: (H, W) of the image.
            stride: pixels of the image per value.
        """
        return self.decode(upsample(raw, size))

    @abstractmethod
    def picture(self, values: np.ndarray) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB of one sample's values (prediction or target)."""

    @abstractmethod
    def ground_truth(self, source: Sample) -> Target:
        """Return the target of labelled frames."""

    @abstractmethod
    def pseudo_target(self, raw: torch.Tensor, target: Sample, pseudo_targets: dict[str, Target]) -> Target:
        """Return the target of unlabelled frames, from the teachers.

        Args:
            raw: [B, outputs, H, W] of the EMA teacher, at image size.
            target: target frames with the outputs of the foundation teachers.
            pseudo_targets: those of the tasks before this one, by name.
        """

    @abstractmethod
    def loss(self, raw: torch.Tensor, target: Target) -> torch.Tensor:
        """Return a scalar; ``raw`` is the student's [B, outputs, H, W] at image size."""

    @abstractmethod
    def metric(self) -> Any:
        """Return a fresh metric for :meth:`score`."""

    @abstractmethod
    def score(self, metric: Any, values: torch.Tensor, sample: Sample) -> None:
        """Add one batch with ground truth to a metric; ``values`` are those of :meth:`publish`."""


def constant_like(values: torch.Tensor, weight: float = 1.0) -> torch.Tensor:
    """Return float32 [B, H, W] of one weight, for values [B, ..., H, W]."""
    shape = (len(values), *values.shape[-2:])
    return torch.full(shape, weight, device=values.device)
