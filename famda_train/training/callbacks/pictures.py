# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a running training in TensorBoard: the targets, and what is learnt."""
from __future__ import annotations

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from famda_train.training.source_training import SourceTraining


class TrainingPictures(lightning.Callback):
    """Log one source and one target frame, each in a row: image, then target and prediction per task.

    Args:
        every: steps between two pictures.
    """

    def __init__(self, every: int):
        self.every = every

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Log every ``every``-th step."""
        logger = trainer.logger
        if trainer.global_step % self.every or not isinstance(logger, TensorBoardLogger):
            return
        for side, sample in batch.items():
            first = {key: value[:1] for key, value in sample.items()}
            logger.experiment.add_image(side, picture_row(pl_module, first), trainer.global_step, dataformats='HWC')


@torch.no_grad()
def picture_row(module: SourceTraining, sample: dict[str, torch.Tensor]) -> np.ndarray:
    """Return uint8 [H, n*W, 3] RGB of a batch of one frame; the targets of unlabelled frames are pseudo-targets.

    The network is left as it was, statistics included.
    """
    sample = dict(sample)
    for task in module.tasks:
        task.prepare(sample)
    training = module.network.training
    raw = module.predict(module.network.eval(), sample['image'])
    module.network.train(training)
    targets = module.targets_of(sample)
    pictures = [(sample['image'][0].permute(1, 2, 0) * 255).byte().cpu().numpy()]
    for task in module.tasks:
        target = targets.get(task.name)
        values = [] if target is None else [target.values]
        pictures += [task.picture(value[0].cpu().numpy()) for value in (*values, task.decode(raw[task.name]))]
    return np.concatenate(pictures, axis=1)
