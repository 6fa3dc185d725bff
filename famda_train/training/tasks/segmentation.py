# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic segmentation: EMA pseudo-labels, kept alive by the class prior, refined inside masks."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from famda_ros.errors import FamdaError
from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import LabelSpace
from famda_train.evaluation.segmentation import SegmentationMetric
from famda_train.losses.cross_entropy import cross_entropy
from famda_train.losses.reductions import mean_over_processes
from famda_train.models.student_graph import decide
from famda_train.pseudo_labels.class_prior import align_to_prior, label_shares, moving_average
from famda_train.pseudo_labels.forgotten_classes import ShareAverage, forgotten_classes
from famda_train.pseudo_labels.mask_vote import vote_in_masks
from famda_train.pseudo_labels.thin_class_rules import protection_matrix
from famda_train.training.tasks.task import Sample, Target, Task, constant_like


@dataclass
class SegmentationSettings:
    """Options of segmentation.

    Attributes:
        weight: factor of the loss in the total.
        class_weights: weight of single classes in the loss, by name; others 1.
        confident_from: confidence from which on a pseudo-label counts as confident, 0..1.
        pixel_weight: ``image`` = a target frame's labels weigh as much as the share of its pixels
            that are confident (DACS); ``batch`` = that share over the batch (DAFormer);
            ``pixel`` = each pixel weighs its own confidence.
        confident_votes: inside a mask, pixels vote with their confidence instead of one vote each.
        min_share: share of a mask's votes that its winner must exceed, 0..1; 0 = plain majority.
        vote_balance: how much more the votes of rare classes count inside a mask, 0 = not at all,
            1 = fully (votes are divided by the class's share of the image to this power).
        min_mask_area: masks of fewer pixels change nothing.
        protect_from: a thin class (pole, sign, person, ...) that is seen with at least this
            confidence is not overruled by what is behind it; 1 = no protection.
        prior_strength: how strongly the teacher's class shares are drawn to those of the
            source, 0 = not at all, 1 = fully.  Less where the domains show other things.
        ignore_top: share of the rows of target frames, from the top, whose pseudo-labels are not
            used (rectification border), 0..1.
        ignore_bottom: share of the rows from the bottom (bonnet of the own car), 0..1.
    """

    weight: float = 1.0
    class_weights: dict[str, float] = field(default_factory=dict)
    confident_from: float = 0.9
    pixel_weight: Literal['image', 'batch', 'pixel'] = 'image'
    confident_votes: bool = True
    min_share: float = 0.55
    vote_balance: float = 0.0
    min_mask_area: int = 0
    protect_from: float = 1.0
    prior_strength: float = 0.5
    ignore_top: float = 0.0
    ignore_bottom: float = 0.0


class Segmentation(Task):
    """Semantic segmentation in one label space.

    Raises:
        FamdaError: a class weight for a class that the label space lacks.
    """

    name = 'segmentation'

    def __init__(self, space: LabelSpace, settings: SegmentationSettings | None = None):
        super().__init__()
        self.space, self.settings = space, settings or SegmentationSettings()
        self.outputs, self.weight = len(space), self.settings.weight
        for name in self.settings.class_weights:
            if name not in space.classes:
                raise FamdaError(
                    f"segmentation.class_weights has no class '{name}' to weigh; {space.name} has "
                    f'{", ".join(space.classes)}'
                )
        weights = [self.settings.class_weights.get(name, 1.0) for name in space.classes]
        self.class_weights: torch.Tensor
        self.protected: torch.Tensor
        self.source_share: torch.Tensor
        self.target_share: torch.Tensor
        self.register_buffer('class_weights', torch.tensor(weights), persistent=False)
        self.register_buffer('protected', protection_matrix(space), persistent=False)
        # How often each class occurs on the source, and how probable it is on the target; uniform at first.
        for name in ('source_share', 'target_share'):
            self.register_buffer(name, torch.full((len(space),), 1 / len(space)))
        # The same without the uniform beginning, and of the classes that are predicted: see forgotten_classes.
        self.occurs = ShareAverage(len(space))
        self.predicted = ShareAverage(len(space))

    @property
    def sky(self) -> int:
        """Train id of sky; -1 in a label space without."""
        return self.space.sky_id

    def observe(self, source: Sample) -> None:
        """Follow the class shares of the source."""
        present = mean_over_processes(label_shares(source['labels'], self.outputs))
        self.source_share = moving_average(self.source_share, present)
        self.occurs.update(present)

    def decode(self, raw: torch.Tensor) -> torch.Tensor:
        """Return int64 [B, H, W] train ids."""
        return raw.argmax(1)

    def publish(self, raw: torch.Tensor, size: tuple[int, int], stride: int) -> torch.Tensor:
        """Return uint8 [B, H, W] train ids."""
        return decide(raw.float(), size, stride)[0]

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Return the mask in the colours of the label space."""
        return color_mask(values.astype(np.uint8), self.space)

    def ground_truth(self, source: Sample) -> Target:
        """Return the labels; 255 is left out by the loss."""
        return Target(source['labels'].long(), constant_like(source['labels']))

    def pseudo_target(self, raw: torch.Tensor, target: Sample, pseudo_targets: dict[str, Target]) -> Target:
        """Return the EMA teacher's labels, refined inside masks where there are some."""
        settings = self.settings
        probable = mean_over_processes(raw.float().softmax(1).mean((0, 2, 3)))
        self.target_share = moving_average(self.target_share, probable)
        logits = align_to_prior(raw.float(), self.source_share, self.target_share, settings.prior_strength)
        confidence, labels = logits.softmax(1).max(1)
        self.predicted.update(mean_over_processes(label_shares(labels, self.outputs)))
        weight = self.pixel_weight(confidence)
        if 'segments' in target:
            labels = vote_in_masks(
                labels,
                target['segments'],
                self.outputs,
                confidence if settings.confident_votes else None,
                settings.min_share,
                min_area=settings.min_mask_area,
                balance=settings.vote_balance,
                protect=self.protected if settings.protect_from < 1 else None,
                confidence=confidence,
                protect_from=settings.protect_from,
            )
        return Target(labels, weight * self.row_weight(labels.shape[-2], labels.device))

    def forgotten_classes(self) -> list[str]:
        """Return the names of classes that the EMA teacher hardly predicts on the target any more."""
        return forgotten_classes(self.predicted.shares(), self.occurs.shares(), self.space.classes)

    def pixel_weight(self, confidence: torch.Tensor) -> torch.Tensor:
        """Return float [B, H, W], the weight of pseudo-labels of this confidence."""
        if self.settings.pixel_weight == 'pixel':
            return confidence
        confident = (confidence > self.settings.confident_from).float()
        share = confident.mean((1, 2), keepdim=True)
        if self.settings.pixel_weight == 'batch':
            share = mean_over_processes(share.mean(0, keepdim=True))
        return share.expand_as(confidence)

    def row_weight(self, height: int, device: torch.device) -> torch.Tensor:
        """Return float [H, 1]: 0 on the rows at the top and bottom whose pseudo-labels are not used, else 1."""
        row = (torch.arange(height, device=device) + 0.5) / height
        return ((row > self.settings.ignore_top) & (row < 1 - self.settings.ignore_bottom)).float()[:, None]

    def loss(self, raw: torch.Tensor, target: Target) -> torch.Tensor:
        """Return the cross-entropy."""
        return cross_entropy(raw, target.values, target.weight, self.class_weights)

    def metric(self) -> SegmentationMetric:
        """Return a confusion matrix."""
        return SegmentationMetric(self.outputs)

    def score(self, metric: SegmentationMetric, values: torch.Tensor, sample: Sample) -> None:
        """Add the train ids to the confusion matrix."""
        metric.update(values.cpu().numpy(), sample['labels'].cpu().numpy())
