# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Metric depth: learnt on the target from a depth foundation model, relative or metric."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from famda_ros.errors import FamdaError
from famda_train.evaluation.depth import DepthMetric
from famda_train.losses.depth_losses import DEPTH_LOSSES, beyond_range, gradient_matching
from famda_train.losses.reductions import mean_over_processes
from famda_train.models.pyramid import TYPICAL_LOG_DEPTH
from famda_train.models.student_graph import metres
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pseudo_labels.class_prior import moving_average
from famda_train.pseudo_labels.depth_alignment import align_disparity, align_to_statistics
from famda_train.pseudo_labels.reliability import agreement
from famda_train.pseudo_labels.robust_statistics import robust_statistics
from famda_train.training.tasks.task import Sample, Target, Task, constant_like

HEADROOM = (0.5, 1.5)
"""The network predicts from and to these multiples of the ends of the range, so that it can say "beyond"."""

SCALE_DECAY = 0.9
"""Of the moving average of how far the scale has moved, per look at it."""

ALIGNED_SHARE = 0.875
"""EMA depth beyond this share of the far end is not used to align a relative teacher: 70 m of 80 m."""


@dataclass
class DepthSettings:
    """Options of depth.

    Attributes:
        weight: factor of the loss in the total.
        loss: log_l1, silog, berhu (inverse depth as in DenseMTL; give it weight 0.001) or midas
            (scale and shift invariant, with gradients: says nothing about metres).
        gradient_weight: weight of gradient matching over four scales; 0 = none.
        sky_weight: weight with which sky is pushed beyond the range; 0 = the depth of sky is left open.
        range_m: nearest and farthest depth that the student is for, metres; it goes into the model card, and
            what is predicted at or beyond its far end is +inf on the robot. (1, 80) suits streets, (0.3, 20) rooms.
        teacher_weight: weight of the depth teacher on target pixels.
        align: what gives a relative teacher its metres: ``ema`` = the EMA teacher's depth of
            the same image, ``source`` = how disparities are distributed on the source.
        tolerance: a teacher's pixel weighs exp(-|log ratio to the EMA teacher| / tolerance);
            0 = all pixels weigh the same.
        keep_scale: keep the metres of the student that self-training starts from: a frozen copy of it says by how
            much the scale of the EMA teacher has moved on the target, and depth is divided by that, where a
            relative teacher is aligned to it and where there is no depth teacher.
    """

    weight: float = 1.0
    loss: Literal['log_l1', 'silog', 'berhu', 'midas'] = 'log_l1'
    gradient_weight: float = 0.0
    sky_weight: float = 0.0
    range_m: tuple[float, float] = (1.0, 80.0)
    teacher_weight: float = 1.0
    align: Literal['ema', 'source'] = 'ema'
    tolerance: float = 0.0
    keep_scale: bool = False


class Depth(Task):
    """Metric depth for the canonical focal length; the head predicts log metres.

    Args:
        settings: options.
        sky: train id of sky in the label space; -1 = it has none.

    Attributes:
        output_range_m: predictions are clamped to this range, metres; wider than ``settings.range_m``.

    Raises:
        FamdaError: ``range_m`` is not 0 < near < far.
    """

    name = 'depth'
    outputs = 1
    start = TYPICAL_LOG_DEPTH
    whole_frames_teach = True
    paste_edges_teach = False

    def __init__(self, settings: DepthSettings | None = None, sky: int = -1):
        super().__init__()
        self.settings, self.sky = settings or DepthSettings(), sky
        self.weight = self.settings.weight
        near, far = self.settings.range_m
        if not 0 < near < far < math.inf:
            raise FamdaError(f'depth.range_m is [{near:g}, {far:g}]; give 0 < near < far metres, such as [1, 80]')
        self.output_range_m = (near * HEADROOM[0], far * HEADROOM[1])
        if not near < math.exp(TYPICAL_LOG_DEPTH) < far:
            self.start = 0.5 * math.log(near * far)
        self.source_disparity: torch.Tensor
        self.register_buffer('source_disparity', torch.tensor([0.1, 0.05]))  # median, spread; 1/m
        self.log_drift: torch.Tensor
        self.register_buffer('log_drift', torch.tensor(torch.nan))  # of the scale; NaN = not looked at yet

    def observe(self, source: Sample) -> None:
        """Follow how disparities are distributed on the source."""
        if self.settings.align == 'source':
            disparity = 1.0 / source['depth'].clamp_min(self.settings.range_m[0])
            statistics = robust_statistics(disparity, torch.isfinite(source['depth']))
            now = mean_over_processes(torch.stack([value.nanmean() for value in statistics]))
            self.source_disparity = moving_average(self.source_disparity, now.nan_to_num(0.1))

    def follow_scale(self, raw: torch.Tensor, anchor: torch.Tensor) -> None:
        """Follow by which factor depth on the target has moved.

        Args:
            raw: float [B, 1, H, W], output of the EMA teacher's head.
            anchor: the same of the frozen student that self-training started from, on the same images.
        """
        inside = (anchor < math.log(ALIGNED_SHARE * self.settings.range_m[1])).flatten(1)
        difference = torch.where(inside, (raw - anchor).float().flatten(1), torch.nan)
        now = mean_over_processes(difference.nanmedian(dim=1).values.nanmean())
        first = torch.isnan(self.log_drift) | torch.isnan(now)
        moved = moving_average(self.log_drift, now, SCALE_DECAY)
        self.log_drift = torch.where(first, now, moved)

    def decode(self, raw: torch.Tensor) -> torch.Tensor:
        """Return float32 [B, H, W] metres for the canonical focal, inside ``output_range_m``."""
        near, far = self.output_range_m
        return raw[:, 0].float().clamp(math.log(near), math.log(far)).exp()

    def publish(self, raw: torch.Tensor, size: tuple[int, int], stride: int) -> torch.Tensor:
        """Return float32 [B, H, W] metres for the canonical focal, inside ``output_range_m``."""
        return metres(raw.float(), size, self.output_range_m, stride)

    def picture(self, values: np.ndarray) -> np.ndarray:
        """Return depth in colour, near warm and far cool, by its logarithm."""
        return depth_picture(values)

    def ground_truth(self, source: Sample) -> Target:
        """Return the metres; unknown and infinite ones are left to the losses."""
        return Target(source['depth'], constant_like(source['depth']))

    def pseudo_target(self, raw: torch.Tensor, target: Sample, pseudo_targets: dict[str, Target]) -> Target:
        """Return the depth teacher's metres; sky is beyond range.

        Without a teacher they are the EMA teacher's at the scale of the start with ``keep_scale``, else unknown.
        """
        reference = self.decode(raw) / self.log_drift.nan_to_num(0.0).exp()
        has_teacher = 'teacher_depth' in target or 'teacher_disparity' in target
        if not (has_teacher or self.settings.keep_scale):
            return Target(torch.full_like(reference, torch.nan), torch.zeros_like(reference))
        sky = pseudo_targets['segmentation'].values == self.sky
        inside = ~sky & (reference < ALIGNED_SHARE * self.settings.range_m[1])
        if has_teacher:
            metres = self.teacher_metres(target, reference, inside)
        else:
            metres = torch.where(inside, reference, torch.nan)
        weight = constant_like(metres, self.settings.teacher_weight)
        if 'teacher_reliability' in target:
            weight = weight * torch.where(sky, 1.0, target['teacher_reliability'])
        if self.settings.tolerance > 0:
            weight = weight * torch.where(sky, 1.0, agreement(metres, reference, self.settings.tolerance))
        return Target(torch.where(sky, torch.inf, metres), weight)

    def teacher_metres(self, target: Sample, reference: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return float [B, H, W] metres of the depth teacher; NaN = unknown."""
        if 'teacher_depth' in target:
            return target['teacher_depth']
        if self.settings.align == 'ema':
            return align_disparity(target['teacher_disparity'], reference, valid, self.settings.range_m)
        median, spread = self.source_disparity
        return align_to_statistics(target['teacher_disparity'], valid, median, spread, self.settings.range_m)

    def loss(self, raw: torch.Tensor, target: Target) -> torch.Tensor:
        """Return the loss over pixels of known depth, and over sky with ``sky_weight``.

        Predictions are not clamped here: one outside the range must find its way back.
        """
        settings, log_depth = self.settings, raw[:, 0].float()
        loss = DEPTH_LOSSES[settings.loss](log_depth, *target)
        if settings.gradient_weight:
            loss = loss + settings.gradient_weight * gradient_matching(log_depth, *target)
        if settings.sky_weight:
            loss = loss + settings.sky_weight * beyond_range(log_depth, *target, far_m=self.output_range_m[1])
        return loss

    def metric(self) -> DepthMetric:
        """Return a fresh metric of the protocol ``metric``."""
        return DepthMetric()

    def score(self, metric: DepthMetric, values: torch.Tensor, sample: Sample) -> None:
        """Add the metres, those of each frame's own camera, to the metric."""
        own = (sample['focal'] / sample['canonical_focal'])[:, None, None]
        metric.update((values * own).cpu().numpy(), (sample['depth'] * own).cpu().numpy())
