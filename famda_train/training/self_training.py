# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""FAMDA: self-training on the target with an EMA teacher and foundation-model teachers."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import nn

from famda_ros.errors import FamdaError
from famda_train.augmentation.class_mix import class_mask, paste, paste_edge
from famda_train.augmentation.masked_images import hide_blocks
from famda_train.augmentation.photometric import photometric, strong
from famda_train.augmentation.sample_rng import SampleRng
from famda_train.label_store.licences import inherited_licence, teacher_notice
from famda_train.losses.feature_distance import feature_distance, thing_ids
from famda_train.models.encoders import IMAGENET, SMALL, build_encoder
from famda_train.training.batch_norm_statistics import reestimate_batch_norm
from famda_train.training.ema import ema_decay, make_teacher, teacher_mode, update_teacher
from famda_train.training.samples import Samples, labels_digest
from famda_train.training.setting_limits import SELF_TRAINING, check_numbers
from famda_train.training.source_training import Sample, SourceTraining, plain_settings
from famda_train.training.stream import SOURCE, TARGET, TARGET_LABELS
from famda_train.training.tasks import Depth, Segmentation, Target

LABELS = 'target_labels'
"""Key of the digest of the target's labels in a checkpoint to go on from."""

ANCHOR_STEPS = 4
"""So many steps apart, the scale of depth is compared with that of the start: it moves slowly."""


@dataclass
class MaskedImages:
    """Masked image consistency (MIC, arXiv 2212.01322): one more pass over the target per step.

    Attributes:
        weight: factor of its loss in the total.
        ratio: share of the image that is hidden, 0..1.
        block: side of a hidden square, pixels.
    """

    weight: float = 1.0
    ratio: float = 0.7
    block: int = 64


@dataclass
class FeatureDistance:
    """ImageNet feature distance (DAFormer, arXiv 2111.14887), for encoders with ImageNet weights.

    Attributes:
        weight: factor of its loss in the total.
        min_share: share that one class must have of a coarse pixel, 0..1.
    """

    weight: float = 0.005
    min_share: float = 0.75


class SelfTraining(SourceTraining):
    """The student learns on the target from its EMA teacher, masks and a depth teacher.

    Which teachers take part follows from the data module: without masks the EMA labels
    stay as they are, without a depth teacher the target has no depth loss.

    Where the data module has labelled frames of the target, it learns from these too, as from those of the source.

    Args:
        ema_limit: largest decay of the EMA teacher.
        mix_augmentation: how target-side images are changed; ``photometric`` = gamma, gain, colour, blur, noise;
            ``strong`` = colour jitter and Gaussian blur as in DAFormer.
        mix_strength: strength of ``photometric``, 0 = none, 1 = strong.
        whole_frames: every second target frame stays whole and teaches only those tasks that have a
            foundation teacher; otherwise source classes are pasted on all frames.
        masked_images: options of masked image consistency; None = off.
        feature_distance: options of the ImageNet feature distance; None = off.
        target_labels_weight: factor of the loss on labelled frames of the target (``data.target_labels``) in the total.
        statistics_batches: batches from which normalisation statistics are re-estimated at the end; 0 = keep
            those of training, in which the source is mixed up.
        statistics_of: ``mixed`` = target-side images as in training, with source classes pasted on them; ``target``
            = target images as they come from the camera.
        options: arguments of :class:`famda_train.training.source_training.SourceTraining`.
    """

    learns_target = True

    def __init__(
        self,
        ema_limit: float = 0.99,
        mix_augmentation: Literal['photometric', 'strong'] = 'photometric',
        mix_strength: float = 0.7,
        whole_frames: bool = True,
        masked_images: MaskedImages | None = None,
        feature_distance: FeatureDistance | None = None,
        target_labels_weight: float = 1.0,
        statistics_batches: int = 40,
        statistics_of: Literal['mixed', 'target'] = 'mixed',
        **options,
    ):
        check_numbers(locals(), SELF_TRAINING, 'model')
        super().__init__(**options)
        if self.average:
            raise FamdaError('model.init_args.average is for training on the source alone; remove it')
        self.settings = {**self.settings, **plain_settings(locals(), SelfTraining)}
        self.ema_limit = ema_limit
        self.mix_augmentation, self.mix_strength, self.whole_frames = mix_augmentation, mix_strength, whole_frames
        self.masked_images, self.distance = masked_images, feature_distance
        self.target_labels_weight = target_labels_weight
        self.statistics_batches, self.statistics_of = statistics_batches, statistics_of
        self.teacher = make_teacher(self.network)
        self.anchor = make_teacher(self.network) if self.depth is not None and self.depth.settings.keep_scale else None
        self._labels_digest: str | None = None
        self._teacher_step = -1  # the optimiser step that the teacher has followed
        self.imagenet = frozen_encoder(self.spec.network.get('encoder', SMALL)) if feature_distance else None

    @property
    def segmentation(self) -> Segmentation:
        """The task whose labels decide what is pasted and how much a pixel counts."""
        return self.tasks[0]  # type: ignore[return-value]

    @property
    def depth(self) -> Depth | None:
        """The task of depth, where it takes part."""
        return next((task for task in self.tasks if isinstance(task, Depth)), None)

    @property
    def target(self) -> Samples:
        """The target frames of the running training."""
        if self.data.target is None:
            raise FamdaError('self-training needs target frames; give data.target')
        return self.data.target

    @property
    def depth_taught(self) -> bool:
        """Whether the student learns metres: from the source, from a metric depth teacher, or from labelled frames."""
        teacher, labels = self.target.teacher_identities.get('depth', {}), self.data.target_labels
        measured = labels is not None and any(labels.dataset.has_at('depth', index) for index in range(len(labels)))
        return super().depth_taught or teacher.get('kind') == 'depth' or measured

    def setup(self, stage: str) -> None:
        """Take notice, too, of the labels of the target as they are now."""
        super().setup(stage)
        if self.data.target_labels is not None:
            self._labels_digest = labels_digest(self.data.target_labels.dataset)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add which labels of the target were learnt."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[LABELS] = self._labels_digest

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to go on with other labels of the target: they may have been edited since."""
        if checkpoint.get(LABELS) != self._labels_digest:
            raise FamdaError(
                'the labels of data.target_labels have changed since the interrupted run began; begin anew with '
                '--overwrite=true, or choose another --out'
            )

    def provenance(self) -> dict[str, Any]:
        """Add the target, its teachers, and its labelled frames."""
        labels = self.data.target_labels
        labelled = {} if labels is None else {'target_labels': labels.dataset.info, 'target_labels_frames': len(labels)}
        return {
            **super().provenance(),
            **labelled,
            'target': self.target.dataset.info,
            'target_frames': len(self.target),
            'teachers': self.target.teacher_identities,
            'reliability': self.target.reliability,
        }

    def licence(self) -> str:
        """Add the licences of the target's images, and of those teachers whose weights are not free for every use."""
        teachers = self.target.teacher_identities.items()
        inherited = [inherited_licence(role, identity) for role, identity in teachers]
        frames = [samples.dataset.info.get('licence') for samples in (self.target, self.data.target_labels) if samples]
        parts = [*super().licence().split('; '), *frames, *inherited]
        return '; '.join(dict.fromkeys(part for part in parts if part))

    def on_fit_start(self) -> None:
        """Name, too, the teachers whose weights are not free for every use."""
        super().on_fit_start()
        for identity in self.target.teacher_identities.values():
            if notice := teacher_notice(identity):
                self.print(f'note: {notice}')

    def training_step(self, batch: dict[str, Sample], _: int) -> torch.Tensor:
        """Return the loss of one step: source frames, target frames with source classes on some, labelled ones."""
        self.follow_student()
        source, rng = self.prepare(batch['source'], SOURCE)
        target, target_rng = self.prepare(batch['target'], TARGET)
        for task in self.tasks:
            task.observe(source)
        loss = self.source_loss(source, rng)
        if self.distance:
            loss = loss + self.distance.weight * self.distance_loss(source)
        raw = self.teacher_outputs(target['image'])
        if self.anchor is not None and self.global_step % ANCHOR_STEPS == 0:
            self.follow_scale(raw['depth'], target['image'])
        pseudo_targets = self.pseudo_targets(raw, target)
        target_loss = self.mixed_loss(source, target, pseudo_targets, target_rng)
        if self.masked_images:
            target_loss = target_loss + self.masked_images.weight * self.masked_loss(target, pseudo_targets, target_rng)
        confident = pseudo_targets['segmentation'].weight.mean()
        total = loss + target_loss
        numbers = {'target_loss': target_loss.detach(), 'confident': confident}
        if 'target_labels' in batch:
            labelled_loss = self.target_labels_weight * self.labelled_loss(batch['target_labels'])
            total = total + labelled_loss
            numbers['labelled_loss'] = labelled_loss.detach()
        self.check_finite(total, batch)
        numbers = {'loss': total.detach(), **numbers}
        self.log_dict(numbers, prog_bar=True, sync_dist=True)
        return total

    def window_shape(self, sample: Sample) -> tuple[int, int]:
        """Return the shape of the target's crops: classes of the source are pasted onto them."""
        width, height = self.data.crop
        return height, width

    def follow_student(self) -> None:
        """Move the EMA teacher once per step of the optimiser, however many batches the step gathers."""
        if self.global_step != self._teacher_step:
            update_teacher(self.teacher, self.network, ema_decay(self.global_step, self.ema_limit))
            self._teacher_step = self.global_step

    @torch.no_grad()
    def teacher_outputs(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the raw outputs [B, outputs, H, W] of the EMA teacher, by task."""
        return self.predict(teacher_mode(self.teacher), image)

    @torch.no_grad()
    def follow_scale(self, depth: torch.Tensor, image: torch.Tensor) -> None:
        """Compare the EMA teacher's raw depth of target images with that of the student that training started from."""
        assert self.anchor is not None and self.depth is not None
        self.depth.follow_scale(depth, self.predict(teacher_mode(self.anchor), image)['depth'])

    @torch.no_grad()
    def pseudo_targets(self, raw: dict[str, torch.Tensor], target: Sample) -> dict[str, Target]:
        """Return what the student is to learn on target frames, from the EMA and foundation teachers, by task.

        Args:
            raw: :meth:`teacher_outputs` of the frames.
            target: the frames, with the outputs of foundation teachers.
        """
        pseudo_targets: dict[str, Target] = {}
        for task in self.tasks:
            pseudo_targets[task.name] = task.pseudo_target(raw[task.name], target, pseudo_targets)
        return pseudo_targets

    def targets_of(self, sample: Sample) -> dict[str, Target]:
        """Return the ground truth of source frames, and the pseudo-targets of target frames."""
        if 'labels' in sample:
            return super().targets_of(sample)
        before = dict(self.segmentation.named_buffers())  # looking must not change what is learnt
        pseudo_targets = self.pseudo_targets(self.teacher_outputs(sample['image']), sample)
        for name, value in before.items():
            setattr(self.segmentation, name, value)
        return pseudo_targets

    def mixed_loss(
        self, source: Sample, target: Sample, pseudo_targets: dict[str, Target], rng: SampleRng
    ) -> torch.Tensor:
        """Return the loss on target frames with source classes pasted on them."""
        mask = self.paste_mask(source, rng)
        mixed = self.is_mixed(target['place'])[:, None, None].float()
        inside = (~paste_edge(mask)).float()
        targets = {}
        for task in self.tasks:
            truth, pseudo = task.ground_truth(source), pseudo_targets[task.name]
            # Labels of whole frames would confirm the EMA teacher in its mistakes: without pasted
            # pixels that contradict it, a class that is rarely seen right dies out.
            pixel_weight = pseudo.weight if task.whole_frames_teach else pseudo.weight * mixed
            values, weight = paste(mask, truth.values, pseudo.values), paste(mask, truth.weight, pixel_weight)
            targets[task.name] = Target(values, weight if task.paste_edges_teach else weight * inside)
        image = self.augment(paste(mask, source['image'], target['image']), rng)
        return self.total_loss(self.predict(self.network, image), targets, 'mixed')

    def is_mixed(self, place: torch.Tensor) -> torch.Tensor:
        """Return bool [B]: on which target frames source classes are pasted."""
        return (place % 2 == 0) if self.whole_frames else torch.ones_like(place, dtype=torch.bool)

    def paste_mask(self, source: Sample, rng: SampleRng) -> torch.Tensor:
        """Return bool [B, H, W]: what is pasted; nothing on the frames that stay whole."""
        mask = class_mask(source['labels'], rng)
        return mask & self.is_mixed(source['place'])[:, None, None]

    def augment(self, image: torch.Tensor, rng: SampleRng) -> torch.Tensor:
        """Return target-side images as the student sees them."""
        if self.mix_augmentation == 'strong':
            return strong(image, rng)
        return photometric(image, self.mix_strength, rng)

    def masked_loss(self, target: Sample, pseudo_targets: dict[str, Target], rng: SampleRng) -> torch.Tensor:
        """Return the loss of the labels on target frames of which the student sees parts only."""
        options = self.masked_images
        assert options is not None
        image = hide_blocks(self.augment(target['image'], rng), options.block, rng, options.ratio)
        raw = self.predict(self.network, image)
        return self.segmentation.loss(raw['segmentation'], pseudo_targets['segmentation'])

    def labelled_loss(self, sample: Sample) -> torch.Tensor:
        """Return the loss of all tasks on labelled target frames, which are changed as all target-side images are."""
        sample, rng = self.prepare(sample, TARGET_LABELS)
        raw = self.predict(self.network, self.augment(sample['image'], rng))
        return self.total_loss(raw, {task.name: task.ground_truth(sample) for task in self.tasks}, 'labelled')

    def distance_loss(self, source: Sample) -> torch.Tensor:
        """Return how far the encoder's features of source things are from those of ImageNet."""
        assert self.imagenet is not None and self.distance is not None
        image = self.network.normalise(source['image'])
        with torch.no_grad():
            anchor = self.imagenet.eval()(image)[-1]
        features = self.network.encoder(image)[-1]
        things = thing_ids(self.segmentation.space)
        return feature_distance(features, anchor, source['labels'], things, self.distance.min_share)

    def on_train_end(self) -> None:
        """Warn of classes that the teacher forgot; re-estimate normalisation statistics."""
        for name in self.segmentation.forgotten_classes():
            self.print(
                f"warning: class '{name}' is hardly predicted on the target any more; raise "
                'segmentation.prior_strength or its weight in segmentation.class_weights'
            )
        if self.statistics_batches:
            reestimate_batch_norm(self.network, self.statistics_images())

    def statistics_images(self) -> Iterator[torch.Tensor]:
        """Yield the batches of images from which normalisation statistics are taken."""
        if self.statistics_of == 'target':
            size = self.data.batch_size
            images = self.data.target_images(self.statistics_batches * size, size)
            yield from (batch.to(self.device) for batch in images)
            return
        loaders = self.data.train_dataloader()
        loader = CombinedLoader({side: loaders[side] for side in ('source', 'target')}, 'min_size')
        for batch, _, _ in islice(loader, self.statistics_batches):
            yield self.mixed_image(batch)

    def mixed_image(self, batch: dict[str, Sample]) -> torch.Tensor:
        """Return a batch of target-side images as in training."""
        batch = {side: {k: v.to(self.device) for k, v in sample.items()} for side, sample in batch.items()}
        source, target = batch['source'], batch['target']
        rng = SampleRng(self.seed, TARGET, target['place'].tolist(), self.device)
        return self.augment(paste(self.paste_mask(source, rng), source['image'], target['image']), rng)


def frozen_encoder(name: str) -> nn.Module:
    """Return an encoder as ImageNet left it, for comparison.

    Raises:
        FamdaError: it has no ImageNet weights, or they cannot be had.
    """
    if name == SMALL:
        raise FamdaError(
            f"feature_distance needs an encoder with ImageNet weights; '{name}' has none; leave feature_distance out"
        )
    try:
        return build_encoder(name, IMAGENET).requires_grad_(False)
    except FamdaError as error:
        raise FamdaError(f'feature_distance needs an encoder with ImageNet weights: {error}') from error
