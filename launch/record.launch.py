# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Record what adaptation needs into an MCAP bag.

ros2 launch famda_ros record.launch.py domain:=night output:=night_drive

Compressed images, calibration, transforms, and the labels of a running perception node; not its large outputs,
which `famda perceive` computes again.  Needs `ros2 bag` of Jazzy or newer.
"""
# ruff: noqa: I001  (`launch` is the ROS package, not this folder)

import re
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

import famda_ros
from famda_ros.nodes.ros_packages import require
from famda_ros.profiles.profile_file import load_profile
from famda_ros.topics import CAMERA_INFO, COMPRESSED, LABEL_INFO, LABELS

TOPICS = rf'({COMPRESSED}|/{CAMERA_INFO}|/{LABELS}|/{LABEL_INFO})$|^/tf(_static)?$'
NOT_TOPICS = r'/(segmentation|depth)/(camera_info|.*compressed)$'
FINISH_S = '30'
"""Seconds that the recorder gets after Ctrl-C to write the index of the bag."""


def arguments():
    """Return the arguments of this launch file."""
    return [
        DeclareLaunchArgument(
            'output', default_value='', description='Folder of the new bag; empty = rosbag2_<time> in this folder'
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
            'topics', default_value=TOPICS, description='Regular expression that recorded topics match'
        ),
        DeclareLaunchArgument(
            'exclude', default_value=NOT_TOPICS, description='Regular expression that recorded topics do not match'
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
    require('ros2bag', 'recording')
    if not values['split_s'].isdecimal():
        raise RuntimeError(f"split_s:='{values['split_s']}' must be a whole number of seconds, 0 = one file")
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
    command += ['--custom-data', *tags(values['profile'], values['domain'], values['custom_data'])]
    return [ExecuteProcess(cmd=command, name='recorder', sigterm_timeout=FINISH_S, output='screen')]


def generate_launch_description():
    """Return the launch description."""
    return LaunchDescription([*arguments(), OpaqueFunction(function=start)])
