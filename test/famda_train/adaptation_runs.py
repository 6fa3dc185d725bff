# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Adaptations in miniature: a bag of a rendered night, a labelled source, a student, and runs that die."""
from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import yaml
from rich.progress import Progress as Bars
from small_street import HEIGHT, WIDTH, write_checkpoint, write_street

from famda_ros.messages.bag_writer import BagWriter
from famda_train.adapt.adaptation import STEPS, AdaptSettings, adapt
from famda_train.adapt.steps import Progress, StepFolder
from famda_train.world import render

FRAMES = 6


def write_parts(folder: Path) -> Path:
    """Write the recording, the labelled source, the student before, and the configuration of the training."""
    with BagWriter(folder / 'night.drive') as bag:
        for number in range(FRAMES):
            stamp = (number + 1) * 10**9
            image = render(300 + number, 'day', WIDTH, HEIGHT).image
            bag.write_image('/cam/image', stamp, 'cam', image)
            bag.write_camera_info('/cam/camera_info', stamp, 'cam', WIDTH, HEIGHT, 0.7 * WIDTH)
    write_street(folder / 'source', 'synthetic', 4)
    write_checkpoint(folder / 'base.ckpt')
    config = {
        'model': {
            'class_path': 'famda_train.training.self_training.SelfTraining',
            'init_args': {'ramp_steps': 2, 'statistics_batches': 2},
        },
        'data': {'source': str(folder / 'source'), 'batch_size': 2},
        'trainer': {'accelerator': 'cpu'},
    }
    (folder / 'mini.yaml').write_text(yaml.safe_dump(config))
    return folder


def settings(folder: Path, **changes) -> AdaptSettings:
    """Return settings of a run in miniature."""
    given = {
        'base': str(folder / 'base.ckpt'), 'config': str(folder / 'mini.yaml'), 'minutes': 5.0, 'steps': 4,
        'masks': 'felzenszwalb', 'depth': 'none',
    }  # fmt: skip
    return AdaptSettings(**{**given, **changes})


def run(folder: Path, out: Path, say=lambda sentence: None, sources=(), **changes) -> dict:
    """Adapt in this process."""
    with Bars(disable=True) as bars:
        progress = Progress(bars, STEPS, has_terminal=True)
        return adapt(sources or [folder / 'night.drive'], out, settings(folder, **changes), progress, say)


def run_and_die(folder: Path, out: Path, step: str, after_s: float) -> int:
    """Adapt in a process that is killed so many seconds after a step began; return its exit code."""
    process = multiprocessing.get_context('spawn').Process(target=_run_and_die, args=(folder, out, step, after_s))
    process.start()
    process.join()
    return process.exitcode


def _run_and_die(folder: Path, out: Path, step: str, after_s: float) -> None:
    begin = StepFolder.step

    def step_with_an_end(self, name, *args, **options):
        if name == step:
            threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return begin(self, name, *args, **options)

    StepFolder.step = step_with_an_end
    run(folder, out)
    signal.pause()  # a step that was quicker than the end
