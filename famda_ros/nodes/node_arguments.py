# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What stands on the command line of a node: help, and names of parameters that do not exist; without ROS."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from famda_ros.errors import FamdaError
from famda_ros.profiles.parameters import Parameter

OF_EVERY_NODE = ('use_sim_time', 'start_type_description_service')
OVERRIDES = 'qos_overrides.'
HELP = 'docs/perception_node.md'


def usage(name: str, parameters: Sequence[Parameter]) -> str:
    """Return what ``--help`` says.

    Args:
        name: of the program.
        parameters: of the node; () = none that are worth telling.
    """
    lines = [f'usage: {name} --ros-args -p NAME:=VALUE ... -r TOPIC:=TOPIC ...']
    if parameters:
        width = max(len(parameter.name) for parameter in parameters)
        lines += ['', 'parameters:']
        lines += [f'  {parameter.name:<{width}}  {parameter.description}' for parameter in parameters]
    return '\n'.join([*lines, '', f'Topics and examples: {HELP}'])


def parameters_in(command_line: Sequence[str]) -> list[str]:
    """Return the names of the parameters that a command line sets, without those in parameter files.

    ``-p NAME:=VALUE`` or ``-p NODE:NAME:=VALUE``, between ``--ros-args`` and ``--``.
    """
    names, ros = [], False
    for argument, following in zip(command_line, [*command_line[1:], ''], strict=True):
        if argument in ('--ros-args', '--'):
            ros = argument == '--ros-args'
        elif ros and argument in ('-p', '--param'):
            names.append(following.partition(':=')[0].rpartition(':')[2])
    return names


def check_parameter_names(names: Iterable[str], parameters: Iterable[Parameter]) -> None:
    """Raise FamdaError where a node has no such parameter; ROS would ignore it without a word."""
    known = [parameter.name for parameter in parameters]
    for name in names:
        if name not in known and name not in OF_EVERY_NODE and not name.startswith(OVERRIDES):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else 'see --help'
            raise FamdaError(f"the parameter '{name}' is unknown; {hint}")
