# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Perception of one camera: ros2 launch famda_ros perception.launch.py model:=night.onnx namespace:=cam0

Topics are moved by the namespace and by the arguments `image` and `camera_info`.
"""
# ruff: noqa: I001  (`launch` is the ROS package, not this folder)

import os

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PROFILE_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'


def generate_launch_description():
    """Return the launch description."""
    share = FindPackageShare('famda_ros')
    arguments = [
        DeclareLaunchArgument('model', description='Student .onnx file with a FAMDA model card'),
        DeclareLaunchArgument('namespace', default_value='', description='Namespace of the camera, for example cam0'),
        DeclareLaunchArgument(
            'image',
            default_value='image',
            description='Topic of the raw images; with image_transport compressed, its part before /compressed',
        ),
        DeclareLaunchArgument('camera_info', default_value='camera_info', description='Topic of the calibration'),
        DeclareLaunchArgument(
            'image_transport',
            default_value='raw',
            choices=['raw', 'compressed'],
            description='Subscribe to raw images, or to compressed ones',
        ),
        DeclareLaunchArgument(
            'params_file',
            default_value=PathJoinSubstitution([share, 'config', 'perception.yaml']),
            description='Parameter file of the perception node',
        ),
        DeclareLaunchArgument(
            'use_sim_time',
            default_value='false',
            choices=['true', 'false'],
            description='Take the time from /clock, for simulation and recordings',
        ),
        DeclareLaunchArgument(
            'log_level',
            default_value='info',
            choices=['debug', 'info', 'warn', 'error', 'fatal'],
            description='What the perception node logs',
        ),
        DeclareLaunchArgument(
            'rviz',
            default_value='false',
            choices=['true', 'false'],
            description='Open RViz with mask, colours and depth',
        ),
    ]
    # Without a profile Fast DDS loses most images; a profile that the user has set stays.
    profile = []
    if not os.environ.get(PROFILE_VARIABLE):
        shipped = PathJoinSubstitution([share, 'config', 'fastdds_profile.xml'])
        profile = [SetEnvironmentVariable(PROFILE_VARIABLE, shipped)]
    perception = Node(
        package='famda_ros',
        executable='perception_node',
        name='perception',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            LaunchConfiguration('params_file'),
            {
                'model': ParameterValue(LaunchConfiguration('model'), value_type=str),
                'image_transport': LaunchConfiguration('image_transport'),
                'use_sim_time': LaunchConfiguration('use_sim_time'),
            },
        ],
        remappings=[
            ('image', LaunchConfiguration('image')),
            ('camera_info', LaunchConfiguration('camera_info')),
        ],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        output='screen',
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        namespace=LaunchConfiguration('namespace'),
        arguments=['-d', PathJoinSubstitution([share, 'config', 'rviz', 'perception.rviz'])],
        parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time')}],
        remappings=[('image', LaunchConfiguration('image'))],
        condition=IfCondition(LaunchConfiguration('rviz')),
        output='screen',
    )
    return LaunchDescription([*arguments, *profile, perception, rviz])
