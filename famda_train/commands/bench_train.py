# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench train``."""
from __future__ import annotations

import os
import re
from typing import Any, Literal

from famda_ros.errors import FamdaError

POSITIONALS = ()
HAS_RESULT = True


def run(
    size: str = '96x192',
    batch: int = 4,
    steps: int = 60,
    device: Literal['auto', 'cpu', 'cuda'] = 'auto',
    network: str | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Time a training step, source only and FAMDA side by side, on frames of the street world.

    Both trainings take turns, a few steps each, so that other work of the machine hits both alike; medians count.

    Args:
        size: HEIGHTxWIDTH of the frames in pixels.
        batch: source frames per step; FAMDA takes as many target frames on top.
        steps: timed steps of each training.
        device: cpu, cuda, or auto: cuda where there is a GPU.
        network: encoder of the student, or all options of its network, for example '{encoder: NAME, decoder: NAME}';
            default as the configurations say.
        threads: CPU threads of each training; default one per core.
    """
    from famda_train.bench.train import TrainSetup, run_train
    from famda_train.commands.progress import progress_bar

    height, width = parse_size(size)
    threads = threads if threads is not None else os.cpu_count() or 1
    with progress_bar() as bar:
        result = run_train(TrainSetup(width, height, batch, steps, device, network, threads), bar)
    print(summary(result))
    return result


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of a text such as 96x192."""
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    if not match:
        raise FamdaError(f"--size is HEIGHTxWIDTH, for example 96x192, not '{text}'")
    return int(match[1]), int(match[2])


def summary(result: dict[str, Any]) -> str:
    """Return the numbers as a few lines."""
    memory = {'rss': 'MiB resident', 'cuda': 'MiB on the GPU'}[result['memory']]
    lines = ['             ms/step   images/s   peak memory']
    for name, text in (('source_only', 'source only'), ('famda', 'FAMDA')):
        one = result[name]
        lines.append(
            f'{text:<12} {one["ms_per_step"]:7.1f}   {one["images_per_s"]:8.1f}   {one["peak_memory_mib"]:.0f} {memory}'
        )
    refinement = result['refinement']
    lines.append(
        f'a FAMDA step takes {result["ratio"]:.2f} times as long; refinement {refinement["ms"]:.2f} ms, '
        f'{100 * refinement["share"]:.1f} % of it ({result["device"]}, {result["setup"]["threads"]} threads)'
    )
    return '\n'.join(lines)
