# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from famda_ros.errors import FamdaError
from famda_ros.resources import DEFAULT_MODEL, resolve, resource
from famda_ros.student.runtime import Student


def test_paths_are_taken_as_they_are():
    for path in ('night.onnx', '/models/night.onnx', Path('models/night.onnx'), 'package://other/night.onnx'):
        assert resolve(path) == Path(path)


def test_files_of_the_package():
    assert resolve('package://famda_ros/config/perception.yaml') == resource('config/perception.yaml')
    with pytest.raises(FamdaError, match=r'missing\.onnx. of famda_ros is not installed'):
        resolve('package://famda_ros/models/missing.onnx')


def test_the_model_that_comes_with_the_package_runs():
    student = Student(DEFAULT_MODEL, threads=1, provider='cpu')
    assert student.path == resource('models/street.onnx') and student.path.is_file()
    assert (student.card.label_space.name, student.card.precision) == ('flat7', 'fp32')
