# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``prepare_student``: build a student's engine before the robot drives, and check what it answers.

Needs neither ROS nor torch.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from famda_ros.errors import EXIT_ERROR, EXIT_OK, FamdaError
from famda_ros.student.providers import AUTO, BUILDS_ENGINES, PROVIDERS, engine_folder
from famda_ros.student.runtime import Student

TIMED_RUNS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the student of a command line; return the exit code."""
    options = _parser().parse_args(arguments)
    start = time.monotonic()
    try:
        student = Student(options.model, options.threads, options.provider, cache=options.cache, progress=_say)
    except FamdaError as error:
        print(f'prepare_student: {error}', file=sys.stderr)
        return EXIT_ERROR
    for name, reason in student.passed_over.items():
        _say(f'not on {name}: {reason}')
    card = student.card
    print(
        f"'{card.name}' ({card.precision}, {card.network_width}x{card.network_height}) is ready on {student.provider} "
        f'after {time.monotonic() - start:.1f} s, {_milliseconds(student):.1f} ms a frame'
    )
    if student.agreement is not None:
        print(f'{student.provider} and cpu: {student.agreement}')
    if student.provider in BUILDS_ENGINES:
        content = student.path.read_bytes()
        print(f'engine: {engine_folder(content, student.provider, card.precision, options.cache)}')
    return EXIT_OK


def _milliseconds(student: Student) -> float:
    """Return the median time of the network."""
    frame = np.full((student.card.network_height, student.card.network_width, 3), 128, np.uint8)
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
    parser.add_argument('--threads', type=int, default=0, help='CPU threads of one inference; 0 = one per core')
    parser.add_argument('--cache', help='folder of engines (default: $FAMDA_CACHE, else famda in the cache folder)')
    return parser
