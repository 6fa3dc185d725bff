# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from famda_ros.errors import FamdaError
from famda_ros.nodes.node_arguments import HELP, check_parameter_names, parameters_in, usage
from famda_ros.profiles.parameters import PARAMETERS

ROOT = Path(__file__).resolve().parents[3]


def test_usage_tells_every_parameter_and_where_the_rest_is():
    text = usage('perception_node', PARAMETERS)
    assert text.startswith('usage: perception_node --ros-args -p NAME:=VALUE')
    for parameter in PARAMETERS:
        assert f'  {parameter.name} ' in text and parameter.description in text
    assert HELP in text and (ROOT / HELP).is_file()
    assert 'parameters:' not in usage('x', ())


def test_parameters_of_a_command_line():
    line = ['node', '-p', 'no:=ros', '--ros-args', '-p', 'model:=a:=b', '--param', '/perception:threads:=1']
    line += ['-r', '-p:=x', '--params-file', 'x.yaml', '--', '-p', 'plain:=1', '--ros-args', '-p', 'auto.day:=x', '-p']
    assert parameters_in(line) == ['model', 'threads', 'auto.day', '']


@pytest.mark.parametrize(
    ('name', 'sentence'),
    [
        ('modle', "the parameter 'modle' is unknown; did you mean 'model'?"),
        ('min_confidenc', "did you mean 'min_confidence'"),
        ('zzz', 'is unknown; see --help'),
    ],
)
def test_misspelt_parameters_are_refused(name, sentence):
    with pytest.raises(FamdaError, match=sentence):
        check_parameter_names(['model', name], PARAMETERS)


def test_parameters_of_every_node_are_not():
    check_parameter_names(['use_sim_time', 'qos_overrides./image.subscription.depth', 'auto.day'], PARAMETERS)
