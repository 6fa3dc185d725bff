# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Play a drive into the perception node and look at it in RViz.

ros2 launch famda_ros demo.launch.py bag:=runs/demo/night_drive model:=runs/demo/night.onnx
"""
# ruff: noqa: I001  (`launch` is the ROS package, not this folder)

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

WAIT_S = 60.0
"""Seconds the player waits for a listener: the node subscribes once RViz listens to one of its topics."""


def generate_launch_description():
    """Return the launch description."""
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare('famda_ros'), 'launch', 'perception.launch.py'])
        ),
        launch_arguments={
            'model': LaunchConfiguration('model'),
            'namespace': LaunchConfiguration('namespace'),
            'image_transport': 'compressed',
            'points': LaunchConfiguration('points'),
            'rviz': LaunchConfiguration('rviz'),
        }.items(),
    )
    player = Node(
        package='famda_ros',
        executable='bag_player_node',
        name='bag_player',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            {
                'bag': ParameterValue(LaunchConfiguration('bag'), value_type=str),
                'rate': ParameterValue(LaunchConfiguration('rate'), value_type=float),
                'wait_s': WAIT_S,
            }
        ],
        output='screen',
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', description='Recording with compressed images, for example of `famda demo`'),
            DeclareLaunchArgument(
                'model',
                default_value='',
                description='Student .onnx file, for example of `famda demo`; empty = the one of the package',
            ),
            DeclareLaunchArgument('namespace', default_value='camera', description='Namespace of all topics'),
            DeclareLaunchArgument('rate', default_value='1.0', description='Speed of playing, 2.0 = twice as fast'),
            DeclareLaunchArgument('points', default_value='4', description='Every how many pixels a point; 0 = none'),
            DeclareLaunchArgument(
                'rviz',
                default_value='auto',
                choices=['auto', 'true', 'false'],
                description='Open RViz with the outputs; auto = where it is installed',
            ),
            perception,
            player,
        ]
    )
