# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests, and which of them ``make test-fast`` leaves out.

A test is slow if it lies in one of the rooms below, or is marked ``slow`` in its file: there because it takes more than
about two seconds.
"""
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

SLOW_ROOMS = {
    'famda_ros/nodes': 'DDS',
    'famda_ros/harness': 'DDS',
    'launch': 'launch files and their nodes',
    'famda_train/bench': 'trainings, engines and a node',
    'famda_train/demo': 'the whole loop',
    'famda_train/export': 'exports to ONNX',
    'famda_train/labelling': 'worker processes',
    'famda_train/training': 'trainings',
}
"""Rooms of tests that start nodes or processes, train or export, and what is slow in them."""

FAST = 'not slow'
"""What ``make test-fast`` passes to ``-m``."""

# A slow machine is no fault of the code: behaviour is tested here, time is measured by `famda bench`.
settings.register_profile('famda', deadline=None)
settings.load_profile('famda')


def is_slow(path: Path) -> bool:
    """Return whether a file or folder of tests is, or lies in, a slow room."""
    return any(path.is_relative_to(TESTS / room) for room in SLOW_ROOMS)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import slow rooms where only fast tests are to run."""
    return True if config.option.markexpr == FAST and is_slow(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow rooms."""
    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)
