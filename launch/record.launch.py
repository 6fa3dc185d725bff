# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Record what adaptation needs into an MCAP bag.

ros2 launch famda_ros record.launch.py domain:=night output:=night_drive
ros2 launch famda_ros record.launch.py trigger:=drift,service output:=recordings

Compressed images, calibration, transforms, and the labels of a running perception node; not its large outputs,
which `famda perceive` computes again.  By `ros2 bag` of Jazzy or newer; by this package's recorder_node where that is
missing, and around triggers.
"""
# ruff: noqa: I001  (`launch` is the ROS package, not this folder)

import re
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

import famda_ros
from famda_ros.nodes.ros_packages import is_installed
from famda_ros.profiles.profile_file import load_profile
from famda_ros.topics import NOT_RECORDED, RECORDED

FINISH_S = '30'
"""Seconds that the recorder gets after Ctrl-C to write the index of the bag."""


def arguments():
    """Return the arguments of this launch file."""
    return [
        DeclareLaunchArgument(
            'output',
            default_value='',
            description='Folder of the new bag; empty = rosbag2_<time> in this folder. With recorder_node the folder '
            'of its bags; empty = recordings',
        ),
        DeclareLaunchArgument(
            'trigger',
            default_value='',
            description='Record around triggers only, with recorder_node: drift, service, every=<seconds>, always; '
            'several separated by commas; empty = all the time',
        ),
        DeclareLaunchArgument('domain', default_value='', description='Tag of the recording, for example night'),
        DeclareLaunchArgument(
            'profile', default_value='', description='Profile whose recording tags to take: day, night or a file'
        ),
        DeclareLaunchArgument(
            'custom_data',
            default_value='',
            description='More tags: key=value, separated by spaces, for example "place=campus robot=one"',
        ),
        DeclareLaunchArgument(
            'topics', default_value=RECORDED, description='Regular expression that recorded topics match'
        ),
        DeclareLaunchArgument(
            'exclude', default_value=NOT_RECORDED, description='Regular expression that recorded topics do not match'
        ),
        DeclareLaunchArgument(
            'split_s', default_value='0', description='Start a new file every so many seconds; 0 = one file'
        ),
        DeclareLaunchArgument(
            'qos_file',
            default_value=PathJoinSubstitution([FindPackageShare('famda_ros'), 'config', 'recording_qos.yaml']),
            description='QoS overrides of ros2 bag',
        ),
        DeclareLaunchArgument(
            'use_sim_time',
            default_value='false',
            choices=['true', 'false'],
            description='Take the time from /clock',
        ),
    ]


def tags(profile, domain, custom_data):
    """Return the key=value pairs for metadata.yaml."""
    values = {'domain': 'unknown', 'famda_version': famda_ros.__version__}
    if profile:
        values.update(load_profile(profile).recording_tags)
    if domain:
        values['domain'] = domain
    pairs = [f'{key}={value}' for key, value in values.items()] + custom_data.split()
    for pair in pairs:
        if not re.fullmatch(r'[^=\s]+=[^=]+', pair):
            raise RuntimeError(f"the tag '{pair}' must be key=value, with one '='")
    return pairs


def start(context):
    """Return the recorder's process."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in arguments()}
    if not values['split_s'].isdecimal():
        raise RuntimeError(f"split_s:='{values['split_s']}' must be a whole number of seconds, 0 = one file")
    pairs = tags(values['profile'], values['domain'], values['custom_data'])
    if values['trigger'] or not is_installed('ros2bag'):
        return [recorder_node(values, pairs)]
    if values['output'] and Path(values['output']).exists():
        raise RuntimeError(f"output:='{values['output']}' exists already; name a new folder")
    if not Path(values['qos_file']).is_file():
        raise RuntimeError(f"qos_file:='{values['qos_file']}' does not exist")
    command = ['ros2', 'bag', 'record', '--storage', 'mcap']
    command += ['--regex', values['topics'], '--exclude-regex', values['exclude']]
    command += ['--qos-profile-overrides-path', values['qos_file']]
    command += ['--max-bag-duration', values['split_s']]
    command += ['--output', values['output']] if values['output'] else []
    command += ['--use-sim-time'] if values['use_sim_time'] == 'true' else []
    command += ['--custom-data', *pairs]
    return [ExecuteProcess(cmd=command, name='recorder', sigterm_timeout=FINISH_S, output='screen')]


def recorder_node(values, pairs):
    """Return the action that starts this package's own recorder."""
    triggers = dict(part.partition('=')[::2] for part in filter(None, values['trigger'].split(',')))
    every = triggers.pop('every', '0')
    if unknown := set(triggers) - {'drift', 'service', 'always'}:
        raise RuntimeError(f"trigger '{min(unknown)}' is unknown: choose of drift, service, every=<seconds>, always")
    if not re.fullmatch(r'\d+(\.\d+)?', every):
        raise RuntimeError(f"trigger every={every}: name a number of seconds, such as every=600")
    parameters = {
        'topics': ParameterValue(values['topics'], value_type=str),
        'exclude': ParameterValue(values['exclude'], value_type=str),
        'tags': [pair for pair in pairs if not pair.startswith('famda_version=')],
        'on_drift': 'drift' in triggers,
        'every_s': float(every),
        'always': 'always' in triggers or not values['trigger'],
        'use_sim_time': values['use_sim_time'] == 'true',
    }
    parameters |= {'folder': ParameterValue(values['output'], value_type=str)} if values['output'] else {}
    parameters |= {'bag_s': float(values['split_s'])} if int(values['split_s']) else {}
    return Node(
        package='famda_ros', executable='recorder_node', name='recorder', parameters=[parameters], output='screen'
    )


def generate_launch_description():
    """Return the launch description."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=start)])
