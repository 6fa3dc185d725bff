# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""STAND-IN for the ROS packages `launch` and `launch_ros`, for tests only.

They are not on PyPI, so tests on wheels cannot use them.  This file covers what our
launch files use and raises on everything else: it resolves arguments, substitutions and
includes to command lines, and can start those of our own nodes.  It shows that a launch
file is consistent (arguments, files, executables, parameters); it cannot show that
`ros2 launch` works.
"""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from famda_ros.nodes.dds import environment

ROOT = Path(__file__).resolve().parents[2]
MODULES = {'perception_probe_node': 'harness.probe_node'}
"""Nodes of the tests that are no executables of the package."""
START_WITHIN_S, END_WITHIN_S = 30.0, 10.0


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
    value_type: type


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value=None, description, choices=None):
        self.name, self.default_value, self.description, self.choices = name, default_value, description, choices

    def execute(self, context):
        if self.name not in context.arguments:
            if self.default_value is None:
                raise RuntimeError(f'required launch argument {self.name} is missing')
            context.arguments[self.name] = text(self.default_value, context)
        if self.choices and context.arguments[self.name] not in self.choices:
            raise RuntimeError(f'{self.name} must be one of {self.choices}')


class SetEnvironmentVariable:
    def __init__(self, name, value):
        self.name, self.value = name, value

    def execute(self, context):
        context.environment[self.name] = text(self.value, context)


class OpaqueFunction:
    def __init__(self, *, function, args=()):
        self.function, self.args = function, args

    def execute(self, context):
        execute(self.function(context, *self.args) or [], context)


class GroupAction:
    def __init__(self, actions):
        self.actions = actions

    def execute(self, context):
        outside = dict(context.arguments)
        execute(self.actions, context)
        context.arguments = outside


@dataclass
class PythonLaunchDescriptionSource:
    file: object


class IncludeLaunchDescription:
    def __init__(self, source, *, launch_arguments=()):
        self.source, self.launch_arguments = source, launch_arguments

    def execute(self, context):
        file = Path(text(self.source.file, context))
        assert file.parent == ROOT / 'launch', f'{file} is not a launch file of this package'
        # As the real one does: they stay set after the include.
        context.arguments.update({name: text(value, context) for name, value in self.launch_arguments})
        execute(load(file.name).entities, context)


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
        output='log',
    ):
        self.__dict__.update({k: v for k, v in locals().items() if k != 'self'})

    def execute(self, context):
        context.commands.append(_command(self, context))


class ExecuteProcess:
    def __init__(self, *, cmd, name=None, sigterm_timeout='5', output='log'):
        self.cmd, self.name, self.sigterm_timeout, self.output = cmd, name, float(sigterm_timeout), output

    def execute(self, context):
        context.commands.append([text(part, context) for part in self.cmd])


class LaunchDescription:
    def __init__(self, entities):
        self.entities = entities


ACTIONS = (
    DeclareLaunchArgument,
    SetEnvironmentVariable,
    OpaqueFunction,
    GroupAction,
    IncludeLaunchDescription,
    Node,
    ExecuteProcess,
)


@dataclass
class Context:
    """What running a launch description has come to."""

    arguments: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)

    @property
    def launch_configurations(self):
        """The arguments, as the real one calls them."""
        return self.arguments


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
    if isinstance(value, list):
        # The real one refuses lists that are empty or mixed.
        assert value and all(isinstance(item, str) for item in value), f'{value} is no list of texts'
        return value
    if isinstance(value, (bool, int, float, str)):
        return value
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
                dumped = yaml.safe_dump(_parameter(value, context), default_flow_style=True).splitlines()[0]
                command += ['-p', f'{name}:={dumped}']
        else:
            file = text(parameter, context)
            if not Path(file).is_file():
                raise FileNotFoundError(file)
            command += ['--params-file', file]
    for source, target in node.remappings:
        command += ['-r', f'{text(source, context)}:={text(target, context)}']
    return command


def execute(entities, context: Context) -> None:
    """Execute entities in order; nothing is started."""
    for entity in entities:
        if not isinstance(entity, ACTIONS):
            raise TypeError(f'{type(entity).__name__} is not covered by the stand-in')
        entity.execute(context)


def run(file: str, **arguments: str) -> Context:
    """Resolve a launch file of this repository as `ros2 launch famda_ros <file> name:=value ...` would."""
    context = Context(dict(arguments))
    execute(load(file).entities, context)
    return context


@contextlib.contextmanager
def started(context: Context, folder: Path, domain_id: int) -> Iterator[list[tuple[subprocess.Popen, Path]]]:
    """Start the commands, which must be of our own nodes; yields (process, log file) for each; ends them."""
    running: list[tuple[subprocess.Popen, Path]] = []
    try:
        for index, (program, *rest) in enumerate(context.commands):
            package, _, executable = program.partition('/')
            if package != 'famda_ros':
                raise LookupError(f'{program} is not installed here')
            log = folder / f'{index}.log'
            with log.open('wb') as stdout:
                process = subprocess.Popen(
                    [sys.executable, '-m', f'famda_ros.{MODULES.get(executable, f"nodes.{executable}")}', *rest],
                    env={**environment(domain_id), **context.environment},
                    stdout=stdout,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            running.append((process, log))
        yield running
    finally:
        for process, _ in running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process, _ in running:
            try:
                process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def installed():
    """Let `import launch` and `import launch_ros` find the stand-in, and forget it afterwards."""
    modules = {
        'launch': [LaunchDescription],
        'launch.actions': [
            DeclareLaunchArgument,
            ExecuteProcess,
            GroupAction,
            IncludeLaunchDescription,
            OpaqueFunction,
            SetEnvironmentVariable,
        ],
        'launch.launch_description_sources': [PythonLaunchDescriptionSource],
        'launch.substitutions': [LaunchConfiguration, PathJoinSubstitution],
        'launch_ros': [],
        'launch_ros.actions': [Node],
        'launch_ros.parameter_descriptions': [ParameterValue],
        'launch_ros.substitutions': [FindPackageShare],
    }
    before = {name: sys.modules.get(name) for name in modules}
    for name, content in modules.items():
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update({entry.__name__: entry for entry in content})
    try:
        yield
    finally:
        for name, previous in before.items():
            if previous is None:
                del sys.modules[name]
            else:
                sys.modules[name] = previous


def module(file: str) -> types.ModuleType:
    """Import a launch file of this repository."""
    spec = importlib.util.spec_from_file_location('launch_file_under_test', ROOT / 'launch' / file)
    loaded = importlib.util.module_from_spec(spec)
    with installed():
        spec.loader.exec_module(loaded)
    return loaded


def load(file: str) -> LaunchDescription:
    """Run `generate_launch_description` of a launch file of this repository."""
    loaded = module(file)
    with installed():  # one that runs another launch file imports only now
        return loaded.generate_launch_description()
