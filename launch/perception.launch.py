# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Perception of one camera or several.

ros2 launch famda_ros perception.launch.py cameras:=/camera/image_raw
ros2 launch famda_ros perception.launch.py cameras:=/camera/image_raw model:=night.onnx

An argument that is left empty leaves what the parameter file says, or the node's default.
"""
# ruff: noqa: I001  (`launch` is the ROS package, not this folder)

import os
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from famda_ros.messages.camera_info import info_topic_of
from famda_ros.nodes.dds import profile_variable
from famda_ros.nodes.ros_packages import apt_command, is_installed, require
from famda_ros.topics import CAMERA_INFO, COMPRESSED, IMAGE

SWITCH = ['true', 'false']


def argument(name, default, description, choices=None):
    """Return a launch argument."""
    return DeclareLaunchArgument(name, default_value=default, description=description, choices=choices)


def in_share(*parts):
    """Return a path below the installed package."""
    return PathJoinSubstitution([FindPackageShare('famda_ros'), *parts])


def arguments():
    """Return the arguments of this launch file."""
    return [
        argument('namespace', '', 'Namespace of all topics, for example robot1'),
        argument(
            'cameras',
            '',
            'Comma-separated cameras: name, or name=topic of its images (without /compressed); camera_info is taken '
            'beside the images; one topic alone = one camera without a name; empty = one camera on the topic image',
        ),
        argument(
            'model',
            '',
            'Student .onnx file; empty = as the profile or the parameter file says, which is the one of the package',
        ),
        argument('profile', '', 'day, night, auto or a profile file; empty = as the parameter file says'),
        argument('provider', '', 'Execution provider of ONNX Runtime; empty = as the parameter file says'),
        argument(
            'image_transport',
            '',
            'Subscribe to raw or to compressed images; empty = as the parameter file says',
            ['', 'raw', 'compressed'],
        ),
        argument('params_file', in_share('config', 'perception.yaml'), 'Parameter file of the perception node'),
        argument('points', '', 'Every how many pixels a point of depth/points, 0 = none; empty = as the file says'),
        argument(
            'rviz', 'false', 'Open RViz for the first camera; auto = where it is installed', [*SWITCH, 'auto']
        ),
        argument('record', 'false', 'Record what adaptation needs, as record.launch.py does', SWITCH),
        argument('use_sim_time', 'false', 'Take the time from /clock, for simulation and recordings', SWITCH),
        argument('log_level', 'info', 'What the perception node logs', ['debug', 'info', 'warn', 'error', 'fatal']),
    ]


def parse_cameras(text):
    """Return {name: image topic}: 'front=/front/image_raw, left' -> {'front': '/front/image_raw', 'left': ''}.

    The name is empty for the one camera without a name, the topic where it is the default.
    """
    cameras = {}
    for entry in filter(None, (part.strip() for part in text.split(','))):
        name, _, topic = ('', '', entry) if entry.startswith('/') else (part.strip() for part in entry.partition('='))
        if name in cameras:
            raise RuntimeError(f"cameras:='{text}' names the camera '{name}' twice")
        if topic.endswith(COMPRESSED):
            raise RuntimeError(f"cameras:='{text}': leave out /compressed and set image_transport:=compressed")
        cameras[name] = topic
    if '' in cameras and len(cameras) > 1:
        raise RuntimeError(f"cameras:='{text}': with several cameras each needs a name, as in front=/front/image_raw")
    return cameras or {'': ''}


def camera_remappings(cameras):
    """Return the remappings that connect the node's inputs to the cameras' topics."""
    remappings = []
    for name, topic in cameras.items():
        if topic:
            prefix = f'{name}/' if name else ''
            remappings += [(f'{prefix}{IMAGE}', topic), (f'{prefix}{CAMERA_INFO}', info_topic_of(topic))]
    return remappings


def node_parameters(values, cameras):
    """Return the parameters that the arguments set; those override the parameter file."""
    parameters = {'use_sim_time': values['use_sim_time'] == 'true'}
    parameters |= {
        name: values[name] for name in ('model', 'profile', 'provider', 'image_transport') if values[name]
    }
    if any(cameras):
        parameters['cameras'] = list(cameras)
    if values['points']:
        if not values['points'].isdecimal():
            raise RuntimeError(f"points:='{values['points']}' must be a whole number of pixels, 0 = no points")
        parameters['points.stride'] = int(values['points'])
    return parameters


def wants_rviz(value):
    """Return whether RViz is to be opened; a value of 'auto' goes without it where it is missing, and says so."""
    if value == 'false' or is_installed('rviz2'):
        return value != 'false'
    if value == 'true':
        require('rviz2', 'rviz:=true')
    print(f"RViz is not installed, and is left out; install it with: {apt_command('rviz2')}")
    return False


def start(context, fixed):
    """Return the processes for the arguments; ``fixed`` are the values of those that this launch file does not have."""
    for name, value in fixed.items():
        if (other := context.launch_configurations.get(name, value)) != value:
            print(f"{name}:='{other}' is left out: this launch file has the {name} '{value}'")
    values = fixed | {
        a.name: LaunchConfiguration(a.name).perform(context) for a in arguments() if a.name not in fixed
    }
    if not Path(values['params_file']).is_file():
        raise RuntimeError(f"params_file:='{values['params_file']}' does not exist")
    cameras = parse_cameras(values['cameras'])
    parameters = node_parameters(values, cameras)
    rviz = wants_rviz(values['rviz'])
    actions = []
    if values['record'] == 'true':
        recorder = IncludeLaunchDescription(
            PythonLaunchDescriptionSource(in_share('launch', 'record.launch.py')),
            launch_arguments={
                'profile': '' if values['profile'] == 'auto' else values['profile'],
                'use_sim_time': values['use_sim_time'],
            }.items(),
        )
        # First, as it may be refused: what has been started would be left running.  A group keeps its arguments.
        actions.append(GroupAction([recorder]))
    actions.append(
        Node(
            package='famda_ros',
            executable='perception_node',
            name='perception',
            namespace=values['namespace'],
            parameters=[values['params_file'], parameters],
            remappings=camera_remappings(cameras),
            ros_arguments=['--log-level', values['log_level']],
            output='screen',
        )
    )
    if rviz:
        first, topic = next(iter(cameras.items()))
        actions.append(
            Node(
                package='rviz2',
                executable='rviz2',
                # The topics in the file are relative.
                namespace='/'.join(filter(None, (values['namespace'], first))),
                arguments=['-d', in_share('config', 'rviz', 'perception.rviz')],
                parameters=[{'use_sim_time': parameters['use_sim_time']}],
                remappings=[(IMAGE, topic)] if topic else [],
                output='screen',
            )
        )
    return actions


def generate_launch_description(**fixed):
    """Return the launch description; day.launch.py and night.launch.py fix an argument, which is then none."""
    # Without a profile Fast DDS loses most images; a profile that the user has set stays.
    dds = []
    variable = profile_variable()
    if not os.environ.get(variable):
        dds = [SetEnvironmentVariable(variable, in_share('config', 'fastdds_profile.xml'))]
    declared = [a for a in arguments() if a.name not in fixed]
    return LaunchDescription([*declared, *dds, OpaqueFunction(function=start, args=[fixed])])
