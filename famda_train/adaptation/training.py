# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Lightning modules: supervised training on the source, and self-training on the target."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightning
import torch

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.label_space import get_label_space
from famda_train.adaptation.augment import flip_horizontally, photometric
from famda_train.adaptation.ema import ema_decay, make_teacher, update_teacher
from famda_train.adaptation.losses import cross_entropy, log_depth_l1
from famda_train.adaptation.mixing import class_mask, paste
from famda_train.adaptation.normalisation import reestimate_batch_norm
from famda_train.adaptation.pseudo_labels import pseudo_labels, target_depth
from famda_train.adaptation.schedule import poly_factor
from famda_train.checkpoint import KEY, StudentSpec, build_network, checkpoint_entry, load_student
from famda_train.data.frames import AdaptationData, Frames

Batch = dict[str, dict[str, torch.Tensor]]

DEFAULT_FOCAL = 0.7
"""Focal in image widths that is written down where the source's is unknown."""


class SourceTraining(lightning.LightningModule):
    """Source-only training of the student on labels and depth.

    Args:
        label_space: label space of the source.
        init_from: checkpoint whose weights are the starting point; None = random.
        widths: encoder channels at strides 2, 4, 8, 16, ...
        pyramid: channels of the shared features.
        stride: of the shared features.
        learning_rate: peak of the poly schedule.
        ramp_steps: length of the linear ramp, steps.
        source_strength: photometric augmentation of source images, 0 = none, 1 = strong.
        class_weights: weight of single classes in the loss, by name; others 1.
        depth_weight: weight of the depth loss.
        domain: name of the domain that the student is for; goes into the model card.
    """

    def __init__(
        self,
        label_space: str = 'flat7',
        init_from: str | None = None,
        widths: tuple[int, ...] = (16, 32, 64, 96, 128),
        pyramid: int = 48,
        stride: int = 4,
        learning_rate: float = 2e-3,
        ramp_steps: int = 50,
        source_strength: float = 1.0,
        class_weights: dict[str, float] | None = None,
        depth_weight: float = 1.0,
        domain: str = 'unknown',
    ):
        super().__init__()
        self.save_hyperparameters()
        self.learning_rate, self.ramp_steps = learning_rate, ramp_steps
        self.source_strength, self.depth_weight, self.domain = source_strength, depth_weight, domain
        classes = get_label_space(label_space).classes
        network = {'widths': list(widths), 'pyramid': pyramid, 'stride': stride}
        if init_from:
            self.network, self.spec = load_student(init_from)
        else:
            self.spec = StudentSpec(label_space, 0, 0, 0.0, network=network)
            self.network = build_network(self.spec)
        self.network.to(memory_format=torch.channels_last).train()
        weights = [(class_weights or {}).get(name, 1.0) for name in classes]
        self.class_weights: torch.Tensor
        self.register_buffer('class_weights', torch.tensor(weights), persistent=False)

    @property
    def data(self) -> AdaptationData:
        """The data module of the running training."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def setup(self, stage: str) -> None:
        """Take image size and focal from the data."""
        source = self.data.source
        frame = source.folder.frames[0]
        self.spec = replace(
            self.spec,
            width=frame.width,
            height=frame.height,
            focal=source.focal or DEFAULT_FOCAL * frame.width,
            domain=self.domain,
            provenance=self.provenance(),
        )

    def provenance(self) -> dict[str, Any]:
        """Return what the model card tells about the training."""
        return {
            'famda_version': __version__,
            'method': type(self).__name__,
            'source': self.data.source.folder.info,
            'source_frames': len(self.data.source),
            'steps': self.trainer.max_steps,
            'seed': torch.initial_seed(),
            'settings': {k: v for k, v in self.hparams.items() if k != 'init_from'},
        }

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the loss of one step."""
        loss = self.source_loss(flip_horizontally(batch['source']))
        self.log('loss', loss, prog_bar=True)
        return loss

    def source_loss(self, sample: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return cross-entropy plus depth loss of labelled source frames."""
        image = photometric(sample['image'], self.source_strength)
        everywhere = torch.ones_like(sample['depth'])
        return self.dense_loss(image, sample['labels'], sample['depth'], everywhere, everywhere)

    def dense_loss(self, image, labels, depth, label_weight, depth_weight) -> torch.Tensor:
        """Return the loss of both tasks; weights are float [B, H, W]."""
        prediction = self.network(image.contiguous(memory_format=torch.channels_last))
        return cross_entropy(
            prediction.logits, labels, label_weight, self.class_weights
        ) + self.depth_weight * log_depth_l1(prediction.log_depth, depth, depth_weight)

    def configure_optimizers(self):
        """AdamW with linear ramp and poly decay."""
        optimizer = torch.optim.AdamW(self.network.parameters(), self.learning_rate, weight_decay=0.01)
        total, ramp = self.trainer.max_steps, self.ramp_steps
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: poly_factor(step, total, ramp))
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the student with its description, readable without this class."""
        checkpoint[KEY] = checkpoint_entry(self.spec, self.network)


class SelfTraining(SourceTraining):
    """FAMDA: the student learns on the target from its EMA teacher, masks and a depth teacher.

    Which teachers take part follows from the data module: without masks the EMA labels
    stay as they are, without a depth teacher the target has no depth loss.

    Args:
        ema_limit: largest decay of the EMA teacher.
        sure_from: confidence from which on a pseudo-label counts as sure, 0..1.
        min_share: share of a mask's votes that its winner must exceed, 0..1.
        mix_strength: photometric augmentation of mixed images.
        target_depth_weight: weight of the depth teacher's metres on target pixels.
        statistics_images: target images from which normalisation statistics are
            re-estimated at the end; 0 = keep those of training.
        settings: see :class:`SourceTraining`.
    """

    def __init__(
        self,
        ema_limit: float = 0.99,
        sure_from: float = 0.9,
        min_share: float = 0.55,
        mix_strength: float = 0.7,
        target_depth_weight: float = 1.0,
        statistics_images: int = 160,
        **settings,
    ):
        super().__init__(**settings)
        self.save_hyperparameters()
        self.ema_limit, self.sure_from, self.min_share = ema_limit, sure_from, min_share
        self.mix_strength, self.target_depth_weight = mix_strength, target_depth_weight
        self.statistics_images = statistics_images
        self.teacher = make_teacher(self.network)
        classes = get_label_space(self.spec.label_space).classes
        self.sky = classes.index('sky') if 'sky' in classes else -1

    @property
    def target(self) -> Frames:
        """The target frames of the running training."""
        if self.data.target is None:
            raise FamdaError('self-training needs target frames; give data.target')
        return self.data.target

    def provenance(self) -> dict[str, Any]:
        """Add the target and its teachers."""
        target = self.target
        return {
            **super().provenance(),
            'target': target.folder.info,
            'target_frames': len(target),
            'teachers': target.teacher_identities,
        }

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the loss of one step: source, plus source classes pasted on the target."""
        update_teacher(self.teacher, self.network, ema_decay(self.global_step, self.ema_limit))
        source, target = flip_horizontally(batch['source']), flip_horizontally(batch['target'])
        source_loss = self.source_loss(source)
        mix_loss, sure = self.mix_loss(source, target)
        self.log_dict({'loss': source_loss, 'mix': mix_loss, 'sure': sure}, prog_bar=True)
        return source_loss + mix_loss

    def mix_loss(self, source, target) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (loss of the mixed images, mean weight of the pseudo-labels)."""
        labels, weight, depth = self.teach(target)
        mask = class_mask(source['labels'])
        everywhere = torch.ones_like(source['depth'])
        image = paste(mask, source['image'], target['image'])
        loss = self.dense_loss(
            photometric(image, self.mix_strength),
            paste(mask, source['labels'].long(), labels),
            paste(mask, source['depth'], depth),
            paste(mask, everywhere, weight[:, None, None] * everywhere),
            paste(mask, everywhere, self.target_depth_weight * everywhere),
        )
        return loss, weight.mean()

    @torch.no_grad()
    def teach(self, target) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (labels [B, H, W], weight [B], metres [B, H, W]) for target frames."""
        # Train mode: the teacher normalises with the statistics of this target batch.
        prediction = self.teacher.train()(target['image'].contiguous(memory_format=torch.channels_last))
        labels, weight = pseudo_labels(
            prediction, target.get('segments'), self.sure_from, self.min_share
        )
        if 'teacher_depth' not in target:
            return labels, weight, torch.full_like(prediction.log_depth, torch.nan)
        metres = target_depth(target['teacher_depth'], self.target.depth_kind, prediction, labels == self.sky)
        return labels, weight, metres

    def on_train_end(self) -> None:
        """Give the student the target's normalisation statistics."""
        if self.statistics_images:
            images = self.data.target_images(self.statistics_images)
            reestimate_batch_norm(self.network, [image.to(self.device) for image in images])
