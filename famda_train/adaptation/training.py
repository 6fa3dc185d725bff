# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Lightning modules: supervised training on the source, and self-training on the target."""
from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities import CombinedLoader

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.label_space import get_label_space
from famda_train.adaptation.augment import flip_horizontally, photometric
from famda_train.adaptation.class_prior import align_to_prior, label_shares, moving_average
from famda_train.adaptation.ema import ema_decay, make_teacher, update_teacher
from famda_train.adaptation.losses import cross_entropy, log_depth_l1
from famda_train.adaptation.mixing import class_mask, paste
from famda_train.adaptation.normalisation import reestimate_batch_norm
from famda_train.adaptation.pseudo_labels import pseudo_labels, target_depth
from famda_train.adaptation.schedule import poly_factor
from famda_train.checkpoint import KEY, StudentSpec, build_network, checkpoint_entry, load_student
from famda_train.data.frames import AdaptationData, Frames, Sample

Batch = dict[str, Sample]

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
        width, height = source.size
        self.spec = replace(
            self.spec,
            width=width,
            height=height,
            focal=source.focal or DEFAULT_FOCAL * width,
            domain=self.domain,
            provenance=self.provenance(),
            licence=source.folder.info.get('licence', ''),
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
            'settings': {k: v for k, v in self.hparams.items() if k != 'init_from' and not k.startswith('_')},
        }

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """Return the loss of one step."""
        loss = self.source_loss(flip_horizontally(batch['source']))
        self.log('loss', loss, prog_bar=True)
        return loss

    def source_loss(self, sample: Sample) -> torch.Tensor:
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
        prior_strength: how strongly the teacher's class shares are drawn to those of the
            source, 0 = not at all, 1 = fully.  Less where the domains show other things.
        mix_strength: photometric augmentation of mixed images.
        target_depth_weight: weight of the depth teacher's metres on target pixels.
        statistics_batches: target-side batches from which normalisation statistics are
            re-estimated at the end; 0 = keep those of training, in which the source is mixed up.
        settings: see :class:`SourceTraining`.
    """

    def __init__(
        self,
        ema_limit: float = 0.99,
        sure_from: float = 0.9,
        min_share: float = 0.55,
        prior_strength: float = 0.5,
        mix_strength: float = 0.7,
        target_depth_weight: float = 1.0,
        statistics_batches: int = 40,
        **settings,
    ):
        super().__init__(**settings)
        self.save_hyperparameters()
        self.ema_limit, self.sure_from, self.min_share = ema_limit, sure_from, min_share
        self.prior_strength, self.mix_strength = prior_strength, mix_strength
        self.target_depth_weight = target_depth_weight
        self.statistics_batches = statistics_batches
        self.teacher = make_teacher(self.network)
        classes = get_label_space(self.spec.label_space).classes
        # How often each class occurs on the source, and is predicted on the target; uniform at first.
        self.source_share: torch.Tensor
        self.target_share: torch.Tensor
        for name in ('source_share', 'target_share'):
            self.register_buffer(name, torch.full((len(classes),), 1 / len(classes)))
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
        """Return the loss of one step: source frames, and target frames with source classes pasted on some."""
        update_teacher(self.teacher, self.network, ema_decay(self.global_step, self.ema_limit))
        source, target = flip_horizontally(batch['source']), flip_horizontally(batch['target'])
        present = label_shares(source['labels'], len(self.source_share))
        self.source_share = moving_average(self.source_share, present)
        source_loss = self.source_loss(source)
        target_loss, sure = self.target_loss(source, target)
        self.log_dict({'loss': source_loss, 'target': target_loss, 'sure': sure}, prog_bar=True)
        return source_loss + target_loss

    def target_loss(self, source: Sample, target: Sample) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (loss on the target side, mean weight of the pseudo-labels)."""
        labels, sure, depth = self.teach(target)
        mask = self.paste_mask(source)
        everywhere = torch.ones_like(source['depth'])
        # Whole frames teach depth alone.  Their own labels would confirm the EMA teacher in its mistakes:
        # without pasted pixels that contradict it, a class that is rarely seen right dies out.
        believed = sure * mixed_frames(len(sure), mask.device)
        loss = self.dense_loss(
            photometric(paste(mask, source['image'], target['image']), self.mix_strength),
            paste(mask, source['labels'].long(), labels),
            paste(mask, source['depth'], depth),
            paste(mask, everywhere, believed[:, None, None] * everywhere),
            paste(mask, everywhere, self.target_depth_weight * everywhere),
        )
        return loss, sure.mean()

    @staticmethod
    def paste_mask(source: Sample) -> torch.Tensor:
        """Return bool [B, H, W]: what is pasted; nothing on the frames that stay whole."""
        mask = class_mask(source['labels'])
        return mask & mixed_frames(len(mask), mask.device)[:, None, None]

    @torch.no_grad()
    def teach(self, target: Sample) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (labels [B, H, W], weight [B], metres [B, H, W]) for target frames."""
        # Train mode: the teacher normalises with the statistics of this target batch.
        prediction = self.teacher.train()(target['image'].contiguous(memory_format=torch.channels_last))
        share = prediction.logits.softmax(1).mean((0, 2, 3))
        self.target_share = moving_average(self.target_share, share)
        logits = align_to_prior(prediction.logits, self.source_share, self.target_share, self.prior_strength)
        labels, weight = pseudo_labels(logits, target.get('segments'), self.sure_from, self.min_share)
        if 'teacher_depth' not in target:
            return labels, weight, torch.full_like(prediction.log_depth, torch.nan)
        metres = target_depth(target['teacher_depth'], self.target.depth_kind, prediction, labels == self.sky)
        return labels, weight, metres

    def on_train_end(self) -> None:
        """Give the student the normalisation statistics of the images it was taught the target with."""
        if self.statistics_batches:
            loader = CombinedLoader(self.data.train_dataloader(), 'min_size')
            batches = (batch for batch, _, _ in islice(loader, self.statistics_batches))
            reestimate_batch_norm(self.network, map(self.statistics_image, batches))

    def statistics_image(self, batch: Batch) -> torch.Tensor:
        """Return a batch of target-side images as in training."""
        source, target = batch['source'], batch['target']
        image = paste(self.paste_mask(source), source['image'], target['image'])
        return photometric(image.to(self.device), self.mix_strength)


def mixed_frames(count: int, device: torch.device) -> torch.Tensor:
    """Return bool [count]: every second frame of a batch is mixed, the others stay whole target frames."""
    return torch.arange(count, device=device) % 2 == 0
