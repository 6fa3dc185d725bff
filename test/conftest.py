# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests, and which of them ``make test-fast`` leaves out.

A test is slow if it lies in one of the rooms below, or is marked ``slow`` in its file: there because it takes more than
about two seconds.
"""
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# PyTorch reads both when it is first imported.  By default its threads spin while they wait for each other, which takes
# several times as long where other processes need the cores: a second worker of pytest, or whatever else is running.
os.environ.setdefault('OMP_WAIT_POLICY', 'passive')
if 'PYTEST_XDIST_WORKER_COUNT' in os.environ:  # every worker has its share of the cores
    workers = int(os.environ['PYTEST_XDIST_WORKER_COUNT'])
    os.environ.setdefault('OMP_NUM_THREADS', str(max(1, len(os.sched_getaffinity(0)) // workers)))

SLOW_ROOMS = {
    'famda_ros/nodes': 'DDS',
    'famda_ros/harness': 'DDS',
    'launch': 'launch files and their nodes',
    'famda_train/adapt/test_compare.py': 'exports to ONNX',
    'famda_train/annotate/test_server.py': 'a browser',
    'famda_train/bench': 'trainings, engines and a node',
    'famda_train/commands/test_node.py': 'DDS',
    'famda_train/commands/test_robot_install.py': 'DDS',
    'famda_train/demo': 'the whole loop',
    'famda_train/export': 'exports to ONNX',
    'famda_train/labelling': 'worker processes',
    'famda_train/models/test_encoders.py': 'large networks',
    'famda_train/teachers/test_sam_onnx.py': 'large networks',
    'famda_train/training': 'trainings',
}
"""Rooms and files of tests that start nodes or processes, train or export, and what is slow in them."""

DDS_TESTS = (
    'famda_ros/nodes',
    'famda_ros/harness',
    'launch',
    'famda_train/bench/test_node.py',
    'famda_train/export/test_wrap_student_in_the_node.py',
    'famda_train/commands/test_node.py',
    'famda_train/commands/test_robot_install.py',
    'famda_train/demo',
    'famda_train/training/test_own_classes.py',
)
"""Rooms and files of tests that start nodes.  They run one after the other, so that no two share a ROS domain."""

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


def restore_label_spaces() -> Iterator[None]:
    """Forget the label spaces that were made known meanwhile, which others may define otherwise."""
    from famda_ros.student.label_space import LABEL_SPACES

    before = dict(LABEL_SPACES)
    yield
    LABEL_SPACES.clear()
    LABEL_SPACES.update(before)


own_label_spaces = pytest.fixture(restore_label_spaces, scope='module', autouse=True)
own_label_spaces_of_a_test = pytest.fixture(restore_label_spaces)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what spreads tests over processes: those of a file stay together, and all that start nodes."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition('::')[0]
            starts_nodes = any((TESTS.parent / file).is_relative_to(TESTS / part) for part in DDS_TESTS)
            return 'DDS' if starts_nodes else file

    return ByFile(config, log)
