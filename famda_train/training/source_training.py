# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Supervised training of a student on the source, as a Lightning module."""
from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass, replace
from typing import Any, ClassVar

import lightning
import torch
from torch import nn

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.student.label_space import get_label_space
from famda_train.augmentation.photometric import flip_horizontally, photometric
from famda_train.augmentation.sample_rng import SampleRng, run_seed, seed_of
from famda_train.augmentation.zoom import Windows, zoom_windows
from famda_train.losses.reductions import mean_over_processes
from famda_train.models.blocks import upsample
from famda_train.models.checkpoint import (
    KEY,
    NETWORK_DEFAULTS,
    StudentSpec,
    build_network,
    checkpoint_entry,
    load_student,
)
from famda_train.models.encoders import SMALL, weights_licence
from famda_train.models.student import StudentNetwork, scale_log_depth
from famda_train.training.callbacks.checkpoints import kept_step
from famda_train.training.data_module import AdaptationData
from famda_train.training.ema import ema_decay, make_teacher, update_average
from famda_train.training.schedule import poly_factor
from famda_train.training.setting_limits import SOURCE_TRAINING, check_numbers
from famda_train.training.stream import SOURCE
from famda_train.training.tasks import Depth, DepthSettings, Segmentation, SegmentationSettings, Target, Task

Sample = dict[str, torch.Tensor]

SEGMENTATION_DEFAULTS, DEPTH_DEFAULTS = SegmentationSettings(), DepthSettings()

DEFAULT_FOCAL = 0.7
"""Focal in image widths that is written down where the source's is unknown."""

LEARNING_RATE = 'model.init_args.learning_rate'
"""Where the settings of a training have it."""

WINDOW_SHAPE = 101
"""Stream of the random numbers that decide about the shape of windows."""

NETWORK_NOISE = 100
"""Stream of the random numbers that layers (dropout, stochastic depth) draw for themselves."""


class SourceTraining(lightning.LightningModule):
    """Source-only training of the student on labels and depth.

    Args:
        label_space: label space of the source.
        init_from: checkpoint whose weights are the starting point; None = a fresh network.
        network: encoder, decoder and their options, see famda_train.models.student; ignored
            with ``init_from``, whose network is taken.
        learning_rate: peak of the schedule.
        encoder_rate: learning rate of the encoder as a multiple of ``learning_rate``;
            below 1 for an encoder that comes with weights.
        weight_decay: weight decay of AdamW; not applied to normalisation layers and biases.
        ramp_steps: length of the linear ramp, steps.
        power: exponent of the polynomial decay of the learning rate to 0.
        source_strength: photometric augmentation of source images, 0 = none, 1 = strong.
        segmentation: options of segmentation, see SegmentationSettings.
        depth: options of depth, see DepthSettings.
        extra_tasks: further dense tasks, for example famda_train.training.tasks.SurfaceNormals.
        domain: name of the domain that the student is for; goes into the model card.
        windows: random windows of the source's frames, of any zoom and shape; None = frames, or their data.crop, as
            they are.
        network_size: width and height in pixels of the images that the robot gives the student; None = the size of
            the target's images in this training, or of the source's without a target.
        pixels: that the robot lets the student see of a camera, about, where that has so many: 150528 for 448x336; None
            = as with ``init_from``, and no fewer than ``network_size`` has.
        average: decay per step of a moving average of the weights, 0.998 for example, that becomes the student
            (arXiv 1803.05407 for why); 0 = the student is what was trained last. For training on the source alone.
        keep_start: share of the weights of ``init_from`` in the student that is written (WiSE-FT, arXiv 2109.01903), so
            that it stays good at what it knew; 0 = none.
        only: parts of the network that are trained, such as ``heads.depth``; all else stays as it was, statistics
            included. None = all of it.
    """

    learns_target: ClassVar[bool] = False
    """Whether frames of the target are learnt from."""

    def __init__(
        self,
        label_space: str = 'flat7',
        init_from: str | None = None,
        network: dict[str, Any] | None = NETWORK_DEFAULTS,
        learning_rate: float = 2e-3,
        encoder_rate: float = 1.0,
        weight_decay: float = 0.01,
        ramp_steps: int = 50,
        power: float = 0.9,
        source_strength: float = 1.0,
        segmentation: SegmentationSettings = SEGMENTATION_DEFAULTS,
        depth: DepthSettings = DEPTH_DEFAULTS,
        extra_tasks: list[Task] | None = None,
        domain: str = 'unknown',
        windows: Windows | None = None,
        network_size: tuple[int, int] | None = None,
        pixels: int | None = None,
        average: float = 0.0,
        keep_start: float = 0.0,
        only: list[str] | None = None,
    ):
        super().__init__()
        check_numbers(locals(), SOURCE_TRAINING, 'model')
        if not 0 <= average < 1:
            raise FamdaError(f'model.init_args.average is {average:g}; give 0 for none, or a decay such as 0.998')
        self.settings = plain_settings(locals(), SourceTraining)
        self.learning_rate, self.encoder_rate, self.weight_decay = learning_rate, encoder_rate, weight_decay
        self.ramp_steps, self.power, self.source_strength = ramp_steps, power, source_strength
        self.domain, self.windows, self.network_size, self.pixels = domain, windows, network_size, pixels
        labels = Segmentation(get_label_space(label_space), segmentation)
        metres = Depth(depth, labels.sky)
        self.depth_range_m, self.output_range_m = metres.settings.range_m, metres.output_range_m
        self.task_modules = nn.ModuleList([labels, metres, *(extra_tasks or [])])
        heads = {task.name: (task.outputs, task.start) for task in self.tasks}
        if init_from:
            self.network, self.spec = load_student(init_from, heads)
            check_label_space(self.spec, label_space, init_from)
        else:
            self.spec = StudentSpec(label_space, 0, 0, 0.0, network=network_options(network), heads=heads)
            self.network = build_network(self.spec, fresh=True)
        self.network.to(memory_format=torch.channels_last).train()
        if keep_start and not (init_from and 0 < keep_start < 1):
            raise FamdaError('model.init_args.keep_start is a share of the weights of init_from, 0 to 1; give both')
        self.average, self.keep_start, self.only = average, keep_start, only
        self.averaged = make_teacher(self.network) if average else None
        # Not a module of this one: it never changes, so checkpoints need not hold it.
        self._start = (make_teacher(self.network),) if keep_start else ()
        freeze_all_but(self.network, only)
        self.seed = 0

    @property
    def tasks(self) -> list[Task]:
        """What is learnt: segmentation, depth, then the extra tasks."""
        return list(self.task_modules)  # type: ignore[arg-type]

    @property
    def data(self) -> AdaptationData:
        """The data module of the running training."""
        return self.trainer.datamodule  # type: ignore[attr-defined]

    def setup(self, stage: str) -> None:
        """Take seed, image size and focal from the run."""
        self.seed = run_seed()
        source, target = self.data.source, self.data.target
        if self.data.target_labels is not None and not self.learns_target:
            raise FamdaError(
                f'data.target_labels joins a self-training, and {type(self).__name__} is none; take SelfTraining, or '
                'give the labelled frames as data.source'
            )
        check_label_space(self.spec, self.data.label_space, str(source.dataset.path))
        # The canonical focal is in pixels, the same for source and target whatever their sizes.
        focal = source.focal or (target and target.focal) or DEFAULT_FOCAL * source.size[0]
        width, height = self.network_size or (target or source).size
        if self.spec.focal and self.spec.focal != focal:
            # The start learned metres of another canonical camera: keep what it says of any camera.
            for network in (*self.children(), *self._start):
                if isinstance(network, StudentNetwork):
                    scale_log_depth(network, math.log(focal / self.spec.focal))
        self.spec = replace(
            self.spec,
            width=width,
            height=height,
            pixels=max(self.spec.pixels, width * height) if self.pixels is None else self.pixels,
            focal=focal,
            depth_range_m=self.depth_range_m,
            output_range_m=self.output_range_m,
            domain=self.domain,
            provenance=self.provenance(),
            licence=self.licence(),
        )

    def licence(self) -> str:
        """Return the licences that the weights are under: of the data, of the encoder, of the starting point."""
        network = self.spec.network
        encoder = weights_licence(network.get('encoder', SMALL), network.get('weights'))
        parts = [self.data.source.dataset.info.get('licence'), encoder, *self.spec.licence.split('; ')]
        return '; '.join(dict.fromkeys(part for part in parts if part))

    def provenance(self) -> dict[str, Any]:
        """Return what the model card holds about the training."""
        return {
            'famda_version': __version__,
            'method': type(self).__name__,
            'source': self.data.source.dataset.info,
            'source_frames': len(self.data.source),
            'depth_taught': self.depth_taught,
            'steps': self.trainer.max_steps,
            'seed': self.seed,
            # What was trained, not what was asked for: ``init_from`` brings a network of its own.
            'settings': {k: v for k, v in self.settings.items() if k != 'init_from'} | {'network': self.spec.network},
        }

    @property
    def depth_taught(self) -> bool:
        """Whether the student learns metres: the source has depth."""
        return self.data.source.dataset.has('depth')

    def on_fit_start(self) -> None:
        """Warn of a student that will know nothing of depth."""
        if not self.depth_taught:
            self.print(f"warning: '{self.data.source.dataset.path}' has no depth; the student's depth is not taught")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make what layers draw (dropout) a function of the batch's place, so that a resumed run draws the same."""
        self.log('learning_rate', self.trainer.optimizers[0].param_groups[-1]['lr'])
        torch.manual_seed(seed_of(self.seed, NETWORK_NOISE, int(batch['source']['place'][0])))
        if self.only is not None:
            self.network.eval()
            for name in self.only:
                self.network.get_submodule(name).train()

    def training_step(self, batch: dict[str, Sample], _: int) -> torch.Tensor:
        """Return the loss of one step."""
        source, rng = self.prepare(batch['source'], SOURCE)
        loss = self.source_loss(source, rng)
        self.check_finite(loss, batch)
        self.log('loss', loss.detach(), prog_bar=True, sync_dist=True)
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Follow the weights with their average."""
        if self.averaged is not None:
            update_average(self.averaged, self.network, ema_decay(self.global_step - 1, self.average))

    def prepare(self, sample: Sample, stream: int) -> tuple[Sample, SampleRng]:
        """Return a batch, mirrored by chance, and its random numbers."""
        rng = SampleRng(self.seed, stream, sample['place'].tolist(), self.device)
        sample = dict(sample)
        for task in self.tasks:
            task.prepare(sample)
        sample = flip_horizontally(sample, rng)
        if self.windows and stream == SOURCE:
            sample = zoom_windows(sample, rng, self.windows.zoom, self.window_shape(sample))
        return sample, rng

    def window_shape(self, sample: Sample) -> tuple[int, int]:
        """Return (height, width) of the windows of a batch of source frames."""
        assert self.windows is not None
        generator = torch.Generator().manual_seed(seed_of(self.seed, WINDOW_SHAPE, int(sample['place'][0])))
        return self.windows.shape(generator, (sample['image'].shape[-2], sample['image'].shape[-1]))

    def source_loss(self, source: Sample, rng: SampleRng) -> torch.Tensor:
        """Return the loss of all tasks on labelled source frames."""
        raw = self.predict(self.network, photometric(source['image'], self.source_strength, rng))
        return self.total_loss(raw, {task.name: task.ground_truth(source) for task in self.tasks}, 'source')

    def predict(self, network: nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return raw outputs [B, outputs, H, W] at image size, by task."""
        size = (image.shape[-2], image.shape[-1])
        raw = network(image.contiguous(memory_format=torch.channels_last))
        return {name: upsample(value, size) for name, value in raw.items()}

    def total_loss(self, raw: dict[str, torch.Tensor], targets: dict[str, Target], side: str) -> torch.Tensor:
        """Return the weighted sum of the tasks' losses, and log each."""
        losses = {task.name: task.weight * task.loss(raw[task.name], targets[task.name]) for task in self.tasks}
        self.log_dict({f'{side}/{name}': loss.detach() for name, loss in losses.items()}, sync_dist=True)
        return torch.stack(list(losses.values())).sum()

    def targets_of(self, sample: Sample) -> dict[str, Target]:
        """Return the targets of a batch of either domain, by task, for pictures; {} without any."""
        return {task.name: task.ground_truth(sample) for task in self.tasks} if 'labels' in sample else {}

    def check_finite(self, loss: torch.Tensor, batch: dict[str, Sample]) -> None:
        """Stop a training that has gone wrong, all processes of it, naming the frames of the batch."""
        loss = mean_over_processes(loss.detach())
        if torch.isfinite(loss):
            return
        frames: list[str] = []
        for name, sample in batch.items():
            folder = getattr(self.data, name).dataset
            indices = torch.as_tensor(self.all_gather(sample['index'])).flatten().tolist()
            frames += [f"{name} '{folder.frames[index].stem}'" for index in indices]
        raise FamdaError(
            f'the loss is {float(loss)} at step {self.global_step} with {", ".join(dict.fromkeys(frames))}; look at '
            f'these frames (famda doctor) or lower {LEARNING_RATE}{self.what_is_left()}'
        )

    def what_is_left(self) -> str:
        """Return the end of a sentence about a training that has gone wrong."""
        step = kept_step(self.trainer)
        return '' if step is None else f'; the checkpoint of step {step} is intact'

    def on_validation_epoch_start(self) -> None:
        """Begin counting."""
        self.metrics = {task.name: task.metric() for task in self.tasks}

    def validation_step(self, batch: Sample, _: int) -> None:
        """Score frames with ground truth, as the student's file and ``famda evaluate`` answer them."""
        batch = dict(batch)
        for task in self.tasks:
            task.prepare(batch)
        image = batch['image']
        raw = self.network(image.contiguous(memory_format=torch.channels_last))
        size = (image.shape[-2], image.shape[-1])
        for task in self.tasks:
            values = task.publish(raw[task.name], size, self.network.stride)
            task.score(self.metrics[task.name], values, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of all tasks."""
        for task in self.tasks:
            numbers = {k: v for k, v in self.metrics[task.name].compute().items() if isinstance(v, float)}
            self.log_dict({f'val/{key}': value for key, value in numbers.items()}, prog_bar=False, rank_zero_only=True)

    def configure_optimizers(self):
        """AdamW with linear ramp and polynomial decay."""
        optimizer = torch.optim.AdamW(self.parameter_groups(), self.learning_rate)
        total, ramp = self.trainer.max_steps, self.ramp_steps
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: poly_factor(step, total, ramp, self.power)
        )
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return encoder and rest, each with and without weight decay."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            if not parameter.requires_grad:
                continue
            # Scales and shifts of normalisation layers, and biases, are vectors.
            key = (name.startswith('encoder.'), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
        return [
            {
                'params': parameters,
                'lr': self.learning_rate * (self.encoder_rate if in_encoder else 1.0),
                'weight_decay': self.weight_decay if decays else 0.0,
            }
            for (in_encoder, decays), parameters in groups.items()
        ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the student with its description, readable without this class."""
        checkpoint.update(self.student())

    def student(self) -> dict[str, Any]:
        """Return a checkpoint of the student alone.

        Raises:
            FamdaError: its weights are not finite.
        """
        if not all(torch.isfinite(parameter).all() for parameter in self.network.parameters()):
            raise FamdaError(
                f'the weights are not finite after step {self.global_step}; lower {LEARNING_RATE}{self.what_is_left()}'
            )
        network = self.network if self.averaged is None else self.averaged
        if self._start:
            network = make_teacher(network)
            update_average(network, self._start[0].to(self.device), 1.0 - self.keep_start)
        return {KEY: checkpoint_entry(self.spec, network)}


def freeze_all_but(network: nn.Module, parts: list[str] | None) -> None:
    """Leave gradients to the named parts of a network alone; None = all of it.

    Raises:
        FamdaError: the network has no such part.
    """
    for name in parts or ():
        try:
            network.get_submodule(name)
        except AttributeError as error:
            raise FamdaError(f"the network has no part '{name}'; try heads.depth, decoder or encoder") from error
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(parts is None or any(name.startswith(f'{part}.') for part in parts))


def network_options(network: dict[str, Any] | None) -> dict[str, Any]:
    """Return the options of the network; jsonargparse hands over the null of ``--….weights=null`` as text."""
    return {name: None if value == 'None' else value for name, value in (network or {}).items()}


def check_label_space(spec: StudentSpec, label_space: str, where: str) -> None:
    """Raise FamdaError when data or a checkpoint have another label space than the student."""
    if spec.label_space != label_space:
        raise FamdaError(f"the label spaces differ: {spec.label_space} and {label_space} ('{where}')")


def plain_settings(values: dict[str, Any], module: type) -> dict[str, Any]:
    """Return the constructor arguments among ``values`` as JSON values, for the model card."""
    names: Iterable[str] = inspect.signature(module.__init__).parameters  # type: ignore[misc]
    return {name: _plain(values[name]) for name in names if name in values and name not in ('self', 'options')}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.name if isinstance(value, Task) else value
