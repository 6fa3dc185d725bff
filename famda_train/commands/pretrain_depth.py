# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda pretrain-depth``."""
from __future__ import annotations

from pathlib import Path

POSITIONALS = ('frames',)


def run(
    frames: str,
    out: str = 'street_world_depth.safetensors',
    steps: int = 4000,
    batch_size: int = 8,
    seed: int = 0,
    start: str | None = None,
    learning_rate: float = 2e-3,
    overwrite: bool = False,
) -> None:
    """Train the stand-in depth teacher of the street world on randomised renders.

    The shipped weights were made by:
    famda world --domain randomised --frames 3000 --seed 5000000 --out runs/randomised
    famda pretrain-depth runs/randomised --steps 4000 --out runs/first.safetensors
    famda world --domain randomised --frames 4000 --seed 5100000 --out runs/more
    famda pretrain-depth runs/more --start runs/first.safetensors --steps 3000 --learning-rate 0.0015 --seed 1

    Args:
        frames: frame folder with depth (famda world --domain randomised).
        out: safetensors file to write.
        steps: number of optimiser steps.
        batch_size: frames per step.
        seed: seed of initialisation and sampling.
        start: weights to start from, a file that this command wrote; default: random ones.
        learning_rate: peak of the one-cycle schedule.
        overwrite: replace the file if it exists.
    """
    from famda_train.commands.outputs import check_nothing_is_replaced
    from famda_train.training.pretrain_depth_teacher import pretrain
    from famda_train.training.quiet import quieten

    check_nothing_is_replaced(out, overwrite)
    quieten()
    pretrain(Path(frames), Path(out), steps, batch_size, seed, Path(start) if start else None, learning_rate)
    print(f'wrote {out}')
