# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import sys

import pytest

from famda_ros.nodes import executables


@pytest.mark.parametrize('name', ['perception_node', 'bag_player_node', 'recorder_node'])
def test_without_ros_there_is_one_sentence(name, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, f'famda_ros.nodes.{name}', raising=False)
    for package in ('rclpy', 'sensor_msgs', 'sensor_msgs.msg', 'diagnostic_msgs', 'diagnostic_msgs.msg'):
        monkeypatch.setitem(sys.modules, package, None)  # importing it raises ModuleNotFoundError
    assert getattr(executables, name)() == executables.EXIT_ERROR
    said = capsys.readouterr().err
    assert said.startswith(f'{name}: ') and 'source a ROS 2 distribution' in said and said.count('\n') == 1
