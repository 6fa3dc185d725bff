# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""vision_msgs/LabelInfo, whose package is in every distribution and not on PyPI."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from famda_ros.nodes.label_publisher import fill_label_info


def test_classes_and_threshold():
    info = fill_label_info(SimpleNamespace(), SimpleNamespace, ('road', 'sky'), 0.4)
    assert [(c.class_id, c.class_name) for c in info.class_map] == [(0, 'road'), (1, 'sky')]
    assert info.threshold == 0.4


def test_the_real_message():
    messages = pytest.importorskip('vision_msgs.msg', reason='vision_msgs is not installed')
    info = fill_label_info(messages.LabelInfo(), messages.VisionClass, ('road', 'sky'), 0.4)
    assert [c.class_name for c in info.class_map] == ['road', 'sky'] and info.threshold == pytest.approx(0.4)
