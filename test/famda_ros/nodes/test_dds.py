# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from importlib import metadata

import pytest

from famda_ros import resources
from famda_ros.errors import FamdaError
from famda_ros.nodes.dds import (
    PROFILE_VARIABLES,
    PUBLICATION_VARIABLE,
    check_profile,
    environment,
    profile_path,
    profile_variable,
    send_in_background,
)  # fmt: skip


def test_environment_for_child_processes():
    env = environment(17, {'PATH': '/bin', '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1'})
    assert env['ROS_DOMAIN_ID'] == '17' and env['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert env[profile_variable()] == str(profile_path()) and profile_path().is_file()
    # the guard without the library path would make rclpy fail to load
    assert '_ROS_WHEELS_BOOTSTRAP_COMPLETE' not in env and env['PATH'] == '/bin'
    both = {'LD_LIBRARY_PATH': '/lib', '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1'}
    assert both.items() <= environment(base=both).items()
    with pytest.raises(FamdaError, match=r'0\.\.101'):
        environment(500, {})


def test_images_are_sent_in_the_background_unless_told(monkeypatch):
    monkeypatch.setenv(PUBLICATION_VARIABLE, '')  # so that it is put back
    monkeypatch.delenv(PUBLICATION_VARIABLE)
    send_in_background()
    assert os.environ[PUBLICATION_VARIABLE] == 'ASYNCHRONOUS'
    monkeypatch.setenv(PUBLICATION_VARIABLE, 'SYNCHRONOUS')
    send_in_background()
    assert os.environ[PUBLICATION_VARIABLE] == 'SYNCHRONOUS'


def test_a_missing_profile_is_an_error(tmp_path):
    assert check_profile({}) is None
    with pytest.raises(FamdaError, match='is not set'):
        check_profile({}, required=True)
    with pytest.raises(FamdaError, match='does not exist'):
        check_profile({profile_variable(): str(tmp_path / 'nope.xml')})
    assert check_profile({profile_variable(): str(profile_path())}) == profile_path()


def test_resources_are_found_in_a_checkout_and_in_a_prefix(tmp_path, monkeypatch):
    installed = tmp_path / 'share' / 'famda_ros' / 'config' / 'x.yaml'
    installed.parent.mkdir(parents=True)
    installed.write_text('')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')
    assert resources.resource('config/x.yaml') == installed
    assert resources.resource('config/perception.yaml').is_file()
    with pytest.raises(FamdaError, match='not installed'):
        resources.resource('config/nope.yaml')


@pytest.mark.parametrize(
    ('distribution', 'variable'),
    [
        ('humble', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ('jazzy', 'FASTRTPS_DEFAULT_PROFILES_FILE'),
        ('kilted', 'FASTDDS_DEFAULT_PROFILES_FILE'),
        ('lyrical', 'FASTDDS_DEFAULT_PROFILES_FILE'),
        ('rolling', 'FASTDDS_DEFAULT_PROFILES_FILE'),
    ],
)
def test_the_profile_is_where_the_distributions_fast_dds_looks(distribution, variable):
    env = environment(3, {'ROS_DISTRO': distribution})
    assert profile_variable(env) == variable and env[variable] == str(profile_path())


@pytest.mark.parametrize(('rclpy', 'major'), [('7.1.6', 2), ('9.1.2', 3), (None, 3)])
def test_the_profile_is_where_the_wheels_fast_dds_looks(rclpy, major, monkeypatch):
    """Wheels set no ROS_DISTRO: Jazzy's are called as Kilted's, with an older version."""

    def version(name):
        if rclpy is None or name != 'ros-rclpy':
            raise metadata.PackageNotFoundError(name)
        return rclpy

    monkeypatch.setattr(metadata, 'version', version)
    assert profile_variable({}) == PROFILE_VARIABLES[major]
