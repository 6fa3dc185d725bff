# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda adapt``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('recordings',)
HAS_RESULT = True

BASE = 'package://famda_ros/models/street.ckpt'
CONFIG = 'package://famda_ros/config/train/recordings.yaml'


def run(
    out: str,
    recordings: tuple[str, ...] = (),
    base: str = BASE,
    minutes: float = 30.0,
    name: str = '',
    topic: str | None = None,
    from_: float = 0.0,
    to: float | None = None,
    rate: float | None = None,
    count: int | None = None,
    focal: float | None = None,
    labels: str | None = None,
    masks: str = 'auto',
    depth: str = 'auto',
    steps: int | None = None,
    config: str = CONFIG,
    seed: int = 0,
) -> dict[str, Any]:
    """Adapt a student to a place from recordings that nobody labelled: one command to an .onnx file with a verdict.

    Extracts frames, labels them with teachers, trains, compares with the student before, exports, and writes a
    profile for the node and report.html. An interrupted run goes on where it stopped. The exit code is 0 whatever the
    verdict is.

    Args:
        recordings: bags, videos, folders of pictures, or one frame folder.
        out: folder of the run.
        base: checkpoint to start from; default: that of the student that ships.
        minutes: how long it may take, about; frames and training steps follow.
        name: of the domain, and the beginning of the file's name; default: the name of the recording.
        topic: image topic of bags; needed only where one has several.
        from_: seconds after a recording's first image to begin at.
        to: seconds after a recording's first image to end at; default: its end.
        rate: frames a second to look at; 0 = all; default: 2, or all where there are no more than twice --count.
        count: most frames to adapt to; default: ten for every minute.
        focal: focal length in pixels at the recording's width, for recordings without camera_info.
        labels: folder of frames of the place of which some are labelled, as famda annotate leaves it; these are learnt,
            too, so score on others; default: none.
        masks: mask teacher; auto = sam-onnx where its weights and the time allow it, else felzenszwalb; none = none.
        depth: depth teacher; auto = depth-anything where it can be reached in time; none = the student's own scale.
        steps: training steps; default: as many as there is time for, at most 600.
        config: training configuration, with the labelled source.
        seed: of the training.
    """
    import sys

    from famda_train.commands.light_imports import import_lightning

    import_lightning()
    from famda_train.adapt.adaptation import STEPS, AdaptSettings, adapt
    from famda_train.adapt.extract import ExtractSettings
    from famda_train.adapt.steps import Progress
    from famda_train.commands.progress import progress_bar

    extract = ExtractSettings(topic=topic, start_s=from_, stop_s=to, rate=rate, focal=focal)
    settings = AdaptSettings(base, minutes, config, name, masks, depth, steps, count, seed, labels, extract)
    with progress_bar() as bars:
        result = adapt(
            recordings, out, settings, Progress(bars, STEPS),
            lambda sentence: bars.console.print(sentence, highlight=False, markup=False, soft_wrap=True),
        )  # fmt: skip
    print(f'{result["verdict"]}: {result["reasons"][0]}')
    for sentence in result['reasons'][1:]:
        print(f'  {sentence}')
    print(f'student: {result["model"]}')
    if result['profile']:
        print(f'profile: {result["profile"]}')
    else:
        print('no profile was written: the student before stays', file=sys.stderr)
    print(f'report:  {result["report"]}')
    return result
