# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's robot: a node that drives with one student, and takes over the next one while frames flow."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.harness.play_bag import play_through_node
from famda_ros.messages.bag_reader import BagFrame, iter_frames, read_messages, topics_of
from famda_ros.messages.image_messages import image_to_array
from famda_ros.profiles.deployed_models import deploy
from famda_ros.student.runtime import Student
from famda_ros.topics import MASK
from famda_train.evaluation.segmentation import SegmentationMetric

PROFILE, NODE = 'street', '/perception'
SETTLED = 10
"""So many frames after the first of the next student belong to the swap."""
NODE_S = 300.0


@dataclass(frozen=True)
class Swap:
    """What became of the masks of a drive on which students changed.

    Attributes:
        without_drop: every frame was answered from when the swap was requested until the next student had settled.
        frames_before, frames_after: answers of the first student, and of the next.
        miou_before, miou_after: percent, of what was published by each; None = nothing was.
        miou_day_after: percent, of what the first student says about the frames of the next.
    """

    without_drop: bool
    frames_before: int
    frames_after: int
    miou_before: float | None
    miou_after: float | None
    miou_day_after: float | None


def drive_and_swap(
    robot: Path, drive: Path, answers: Path, successor: Path | None, after: int
) -> tuple[dict[str, Any], int, str]:
    """Play a drive through a node of a folder of deployed students; deploy the next one and switch meanwhile.

    Args:
        robot: folder in which the profile 'street' has its first student.
        drive: bag.
        answers: bag to write what the node publishes into.
        successor: the student to deploy; None = the first one stays.
        after: answers after which it is deployed.

    Returns:
        What :func:`~famda_ros.harness.play_bag.play_through_node` returns; after how many answers the swap was
        requested; and why the node did not take it, '' = it did.
    """
    profile = (robot / f'{PROFILE}.yaml').absolute()
    swapped_after, refused = 0, ''

    def swap(successor: Path, answered: int, env: Mapping[str, str]) -> None:
        nonlocal swapped_after, refused
        swapped_after = answered
        deploy(successor, robot, PROFILE)
        words = [sys.executable, '-m', 'famda_train.commands.cli', 'node', 'profile', str(profile), '--node', NODE]
        done = subprocess.run(words, env=dict(env), capture_output=True, text=True, check=False)
        if done.returncode:
            refused = (done.stderr.strip().splitlines() or ['famda node profile failed without a word'])[-1]

    meanwhile = None if successor is None else (after, partial(swap, successor))
    outcome = play_through_node(profile, drive, answers, timeout_s=NODE_S, meanwhile=meanwhile)
    if not (outcome['headers_equal'] and outcome['sizes_equal'] and outcome['encodings_equal']):
        raise FamdaError(f"the node's outputs do not match the images it was sent; compare '{drive}' with '{answers}'")
    return outcome, swapped_after, refused


def judge_swap(drive: Path, answers: Path, truth: np.ndarray, day: Path, night: Path, swapped_after: int) -> Swap:
    """Find out which student gave each mask, and how good the masks were.

    Args:
        drive: bag that was played.
        answers: bag of what the node has published.
        truth: uint8 [frames, H, W], true labels of the drive.
        day, night: the student before and the next one.
        swapped_after: after how many answers the next one was requested.

    Raises:
        FamdaError: a mask is of neither student, or one of the first comes after one of the next.
    """
    students = Student(day), Student(night)
    topic = next(name for name in topics_of(answers) if name.endswith(MASK))
    masks = {
        message.header.stamp.sec * 10**9 + message.header.stamp.nanosec: image_to_array(message)
        for _, _, _, message in read_messages(answers, {topic})
    }
    classes = len(students[0].card.label_space)
    scores = [SegmentationMetric(classes) for _ in range(3)]
    givers: list[int | None] = []
    for frame, labels in zip(iter_frames(drive), truth, strict=True):
        mask = masks.get(frame.stamp_ns)
        if mask is None:
            givers.append(None)
            continue
        both = [_mask(student, frame) for student in students]
        giver = int(np.argmax([np.mean(mask == one) for one in both]))
        givers.append(giver)
        scores[giver].update(mask, labels)
        if giver:
            scores[2].update(both[0], labels)
    known = [giver for giver in givers if giver is not None]
    if known != sorted(known):
        raise FamdaError(f"masks of the first student come after masks of the next in '{answers}'")
    first = givers.index(1) if 1 in givers else len(givers)
    before, after, stayed = (score.miou() if score.counts.any() else None for score in scores)
    return Swap(
        without_drop=1 in givers and None not in givers[swapped_after : first + SETTLED],
        frames_before=known.count(0), frames_after=known.count(1),
        miou_before=before, miou_after=after, miou_day_after=stayed,
    )  # fmt: skip


def _mask(student: Student, frame: BagFrame) -> np.ndarray:
    labels = student.predict(frame.image, frame.focal, fy=frame.fy).labels
    assert labels is not None  # the demo's students all give masks
    return labels
