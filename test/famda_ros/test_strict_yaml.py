# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A setting that stands twice is refused wherever a YAML file enters, not taken from its last line."""

import pytest
import yaml

from famda_ros.errors import FamdaError
from famda_ros.profiles.deployed_models import active
from famda_ros.profiles.profile_file import load_profile
from famda_ros.strict_yaml import parse_yaml
from famda_ros.student.label_space import read_label_space

ONCE = ['a: 1', 'a: {b: 1}\nc: {b: 2}', 'x: &x {a: 1}\ny: {<<: *x, a: 2}', '- 1\n- 1', '', 'á: ü']
TWICE = ['a: 1\na: 1', 'a: {b: 1, c: 2, b: 3}', '- {a: 1, a: 2}', '"a": 1\na: 2', '1: x\n1: y']


@pytest.mark.parametrize('text', ONCE)
def test_what_stands_once_is_read_as_ever(text):
    assert parse_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize('text', TWICE)
def test_a_key_that_stands_twice_is_named(text):
    with pytest.raises(yaml.MarkedYAMLError, match=r"'[ab1]' stands twice; keep one of the two"):
        parse_yaml(text)


def profile(path):
    return load_profile(path)


def deployed(path):
    return active(path.parent, path.stem)


@pytest.mark.parametrize(
    ('read', 'text', 'key'),
    [
        (profile, 'min_confidence: 0.4\nmin_confidence: 0.9\n', 'min_confidence'),
        (deployed, 'model: a.onnx\nmodel: b.onnx\n', 'model'),
        # One class less, and every id behind it means another class.
        (read_label_space, 'name: s\nclasses:\n  a: {color: [1, 1, 1]}\n  a: {color: [2, 2, 2]}\n', 'a'),
    ],
)
def test_files_of_the_robot(tmp_path, read, text, key):
    path = tmp_path / 'file.yaml'
    path.write_text(text)
    with pytest.raises(FamdaError, match=f"'{key}' stands twice") as error:
        read(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)
