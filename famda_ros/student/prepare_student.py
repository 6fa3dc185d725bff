# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``prepare_student``: build a student's engine before the robot drives, and check its outputs.

Needs neither ROS nor torch.
"""
from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from famda_ros.errors import EXIT_ERROR, EXIT_OK, FamdaError
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.providers import AUTO, BUILDS_ENGINES, PROVIDERS, engine_folder
from famda_ros.student.runtime import Student

TIMED_RUNS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the student of a command line; return the exit code."""
    options = _parser().parse_args(arguments)
    start = time.monotonic()
    try:
        size = options.size and _size(options.size)
        student = Student(
            options.model, options.threads, options.provider, cache=options.cache, progress=_say, image_size=size
        )
        wide, high = network_size(student.card, *(size or (student.card.network_width, student.card.network_height)))
    except FamdaError as error:
        print(f'prepare_student: {error}', file=sys.stderr)
        return EXIT_ERROR
    for name, reason in student.passed_over.items():
        _say(f'not on {name}: {reason}')
    card = student.card
    print(
        f"'{card.name}' ({card.precision}, {wide}x{high}) is ready on {student.provider} "
        f'after {time.monotonic() - start:.1f} s, {_milliseconds(student, wide, high):.1f} ms a frame'
    )
    if student.agreement is not None:
        print(f'{student.provider} and cpu: {student.agreement}')
    if student.provider in BUILDS_ENGINES:
        content = student.path.read_bytes()
        folder = engine_folder(
            content, student.provider, card.precision, options.cache, student.engine_size((high, wide))
        )
        print(f'engine: {folder}')
    return EXIT_OK


def _size(text: str) -> tuple[int, int]:
    """Return (width, height) of a text such as '1280x720'."""
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    if not match or not all(sides := (int(match[1]), int(match[2]))):
        raise FamdaError(f"--size takes WIDTHxHEIGHT of the camera's images, such as 1280x720, not '{text}'")
    return sides


def _milliseconds(student: Student, width: int, height: int) -> float:
    """Return the median time of the network."""
    frame = np.full((height, width, 3), 128, np.uint8)
    return median(student.predict(frame).times_ms['inference'] for _ in range(TIMED_RUNS))


def _say(sentence: str) -> None:
    print(f'prepare_student: {sentence}', file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='prepare_student',
        description='Build the engine of a student for this machine, compare it with the CPU on the probe frames of '
        'the file, and time it. The node finds the engine in the cache and starts at once.',
    )
    parser.add_argument('model', help='student .onnx file')
    parser.add_argument(
        '--provider', default=AUTO, choices=[AUTO, *PROVIDERS],
        help='what it shall run on; auto = the first that works and agrees with the CPU (default: auto)',
    )  # fmt: skip
    parser.add_argument(
        '--size', metavar='WIDTHxHEIGHT',
        help="size of the camera's images in pixels (default: the size that the student was trained for)",
    )  # fmt: skip
    parser.add_argument('--threads', type=int, default=0, help='CPU threads of one inference; 0 = one per core')
    parser.add_argument('--cache', help='folder of engines (default: $FAMDA_CACHE, else famda in the cache folder)')
    return parser
