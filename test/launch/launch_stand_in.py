# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""STAND-IN for the ROS packages `launch` and `launch_ros`, for tests only.

They are not on PyPI, so tests on wheels cannot use them.  This file covers what our
launch files use and raises on everything else.  It shows that a launch file is
consistent (arguments, files, executables, parameters); it cannot show that
`ros2 launch` works.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


class LaunchConfiguration:
    def __init__(self, name):
        self.name = name

    def perform(self, context):
        return context.arguments[self.name]


class PathJoinSubstitution:
    def __init__(self, parts):
        self.parts = parts

    def perform(self, context):
        return '/'.join(text(part, context) for part in self.parts)


class FindPackageShare:
    def __init__(self, package):
        if package != 'famda_ros':
            raise LookupError(f'package {package} is not known to the stand-in')

    def perform(self, context):
        return str(ROOT)


@dataclass
class ParameterValue:
    value: object
    value_type: type = None


@dataclass
class IfCondition:
    expression: object


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value=None, description, choices=None):
        self.name, self.default_value, self.description, self.choices = name, default_value, description, choices


class SetEnvironmentVariable:
    def __init__(self, name, value):
        self.name, self.value = name, value


class Node:
    def __init__(
        self,
        *,
        package,
        executable,
        name=None,
        namespace=None,
        parameters=(),
        remappings=(),
        arguments=(),
        ros_arguments=(),
        condition=None,
        output='log',
    ):
        self.__dict__.update({k: v for k, v in locals().items() if k != 'self'})


class LaunchDescription:
    def __init__(self, entities):
        self.entities = entities


@dataclass
class Context:
    """What running a launch description has come to."""

    arguments: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)


def text(value, context) -> str:
    """Resolve a text, a substitution, or a list of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ''.join(text(part, context) for part in value)
    return value.perform(context)


def _parameter(value, context):
    if isinstance(value, ParameterValue):
        return value.value_type(text(value.value, context))
    return yaml.safe_load(text(value, context))


def _command(node: Node, context: Context) -> list[str]:
    command = [f'{node.package}/{node.executable}', *(text(a, context) for a in node.arguments), '--ros-args']
    command += [text(a, context) for a in node.ros_arguments]
    if node.name:
        command += ['-r', f'__node:={text(node.name, context)}']
    namespace = text(node.namespace or '', context)
    if namespace:
        command += ['-r', '__ns:=/' + namespace.lstrip('/')]
    for parameter in node.parameters:
        if isinstance(parameter, dict):
            for name, value in parameter.items():
                command += ['-p', f'{name}:={yaml.safe_dump(_parameter(value, context)).splitlines()[0]}']
        else:
            file = text(parameter, context)
            if not Path(file).is_file():
                raise FileNotFoundError(file)
            command += ['--params-file', file]
    for source, target in node.remappings:
        command += ['-r', f'{text(source, context)}:={text(target, context)}']
    return command


def run(description: LaunchDescription, **arguments: str) -> Context:
    """Resolve every entity in order; nothing is started."""
    context = Context(dict(arguments))
    for entity in description.entities:
        if isinstance(entity, DeclareLaunchArgument):
            if entity.name not in context.arguments:
                if entity.default_value is None:
                    raise RuntimeError(f'required launch argument {entity.name} is missing')
                context.arguments[entity.name] = text(entity.default_value, context)
            if entity.choices and context.arguments[entity.name] not in entity.choices:
                raise RuntimeError(f'{entity.name} must be one of {entity.choices}')
        elif isinstance(entity, SetEnvironmentVariable):
            context.environment[entity.name] = text(entity.value, context)
        elif isinstance(entity, Node):
            condition = entity.condition
            if condition is None or yaml.safe_load(text(condition.expression, context)):
                context.commands.append(_command(entity, context))
        else:
            raise TypeError(f'{type(entity).__name__} is not covered by the stand-in')
    return context


@contextlib.contextmanager
def installed():
    """Let `import launch` and `import launch_ros` find the stand-in, and forget it afterwards."""
    modules = {
        'launch': {'LaunchDescription': LaunchDescription},
        'launch.actions': {
            'DeclareLaunchArgument': DeclareLaunchArgument,
            'SetEnvironmentVariable': SetEnvironmentVariable,
        },
        'launch.conditions': {'IfCondition': IfCondition},
        'launch.substitutions': {
            'LaunchConfiguration': LaunchConfiguration,
            'PathJoinSubstitution': PathJoinSubstitution,
        },
        'launch_ros': {},
        'launch_ros.actions': {'Node': Node},
        'launch_ros.parameter_descriptions': {'ParameterValue': ParameterValue},
        'launch_ros.substitutions': {'FindPackageShare': FindPackageShare},
    }
    before = {name: sys.modules.get(name) for name in modules}
    for name, content in modules.items():
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(content)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def load(file: str) -> LaunchDescription:
    """Run `generate_launch_description` of a launch file of this repository."""
    spec = importlib.util.spec_from_file_location('launch_file_under_test', ROOT / 'launch' / file)
    module = importlib.util.module_from_spec(spec)
    with installed():
        spec.loader.exec_module(module)
        return module.generate_launch_description()
