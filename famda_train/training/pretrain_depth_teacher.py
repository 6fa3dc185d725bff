# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-training of the stand-in depth teacher on randomised street worlds."""
from __future__ import annotations

from pathlib import Path

import lightning
import torch
from safetensors.torch import save_file

from famda_ros.files import atomic_path, make_output_folder
from famda_train.augmentation.photometric import flip_horizontally, photometric
from famda_train.augmentation.sample_rng import SampleRng
from famda_train.losses.depth_losses import log_l1
from famda_train.losses.reductions import weighted_mean
from famda_train.models.stand_in_depth import StandInDepthNetwork
from famda_train.pseudo_labels.robust_statistics import without_scale_and_shift
from famda_train.teachers.street_world_depth import read_weights
from famda_train.training.data_module import AdaptationData
from famda_train.training.stream import SOURCE


class DepthPretraining(lightning.LightningModule):
    """Supervised training of both heads.

    Args:
        steps: optimiser steps of the one-cycle schedule.
        learning_rate: peak of the schedule.
        strength: photometric augmentation.
    """

    def __init__(self, steps: int, learning_rate: float = 2e-3, strength: float = 0.6):
        super().__init__()
        self.save_hyperparameters()
        self.network = StandInDepthNetwork()

    def training_step(self, batch, _):
        """L1 in log depth, and L1 between normalised disparities (sky = 0)."""
        rng = SampleRng(0, SOURCE, batch['source']['place'].tolist(), self.device)
        sample = flip_horizontally(batch['source'], rng)
        prediction = self.network(photometric(sample['image'], self.hparams.strength, rng))
        depth = sample['depth']
        known = ~torch.isnan(depth)
        metric = log_l1(prediction.log_depth, depth, torch.ones_like(depth))
        disparity = torch.where(torch.isposinf(depth), 0.0, 1.0 / depth.nan_to_num(1.0).clamp(1.5, 200.0))
        predicted, wanted = (without_scale_and_shift(one, known) for one in (prediction.disparity, disparity))
        error = predicted - wanted
        relative = weighted_mean(error.abs(), known.float())
        self.log_dict({'metric': metric, 'relative': relative}, prog_bar=True)
        return metric + 0.5 * relative

    def configure_optimizers(self):
        """AdamW with a one-cycle schedule."""
        optimizer = torch.optim.AdamW(self.parameters(), self.hparams.learning_rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.hparams.learning_rate, self.hparams.steps)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}


def pretrain(
    frames: Path,
    out: Path,
    steps: int,
    batch_size: int,
    seed: int,
    start: Path | None = None,
    learning_rate: float = 2e-3,
) -> None:
    """Train on a labelled frame folder and write fp16 safetensors.

    Args:
        frames: frame folder with labels and depth.
        out: file to write.
        steps: optimiser steps.
        batch_size: frames per step.
        seed: seed of all random numbers.
        start: weights to begin with; None = random ones.
        learning_rate: peak of the schedule.
    """
    make_output_folder(out.parent)
    lightning.seed_everything(seed, verbose=False)
    data = AdaptationData(str(frames), batch_size=batch_size)
    module = DepthPretraining(steps, learning_rate)
    if start is not None:
        module.network.load_state_dict(read_weights(start))
    trainer = lightning.Trainer(
        max_steps=steps, logger=False, enable_checkpointing=False, enable_model_summary=False,
        use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(module, data)
    width, _ = data.source.size
    weights = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in module.network.state_dict().items()}
    with atomic_path(out) as temporary:
        save_file(weights, temporary, {'width': str(width), 'focal': str(data.source.focal)})
