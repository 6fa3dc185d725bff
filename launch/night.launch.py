# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Perception by night: perception.launch.py, all its arguments included, with the profile night."""
# ruff: noqa: I001  (`launch` is the ROS package, not this folder)

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description():
    """Return the launch description."""
    file = PathJoinSubstitution([FindPackageShare('famda_ros'), 'launch', 'perception.launch.py'])
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(file), launch_arguments={'profile': 'night'}.items()
            )
        ]
    )
