# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from famda_ros.messages.bag_reader import read_messages
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.messages.transforms import TransformTree
from famda_train.world.drive import optical_quaternion


def transform(parent, child, x=0.0, y=0.0, z=0.0, turn=(0.0, 0.0, 0.0, 1.0)):
    rotation = SimpleNamespace(**dict(zip('xyzw', turn, strict=True)))
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent), child_frame_id=child,
        transform=SimpleNamespace(translation=SimpleNamespace(x=x, y=y, z=z), rotation=rotation),
    )  # fmt: skip


def about(axis, angle):
    s, c = math.sin(angle / 2), math.cos(angle / 2)
    return (*(s if name == axis else 0.0 for name in 'xyz'), c)


def tree_of(*transforms):
    tree = TransformTree()
    tree.add(transforms)
    return tree


def test_a_camera_on_a_mast():
    tree = tree_of(
        transform('map', 'odom', 5.0, 3.0, 1.0), transform('odom', 'base_footprint', 9.0),
        transform('base_footprint', 'base_link', z=0.2), transform('/base_link', 'mast', x=0.3, z=1.0),
        transform('mast', '/optical', z=0.1, turn=optical_quaternion(-0.1)),
    )  # fmt: skip
    assert tree.height('optical') == pytest.approx(1.3)
    assert tree.height('/optical', 'base_link') == pytest.approx(1.1)
    assert tree.height('base_footprint') == 0 and tree.height('nowhere') is None


def test_base_footprint_may_hang_on_base_link():
    """As robot_state_publisher has it on many robots: then the way goes up, and down again."""
    tree = tree_of(transform('base_link', 'base_footprint', z=-0.2), transform('base_link', 'optical', z=1.1))
    assert tree.height('optical') == pytest.approx(1.3)


def test_turned_frames():
    """A robot that stands on a slope is as high above its own ground as on flat land."""
    slope = about('y', 0.3)
    tree = tree_of(
        transform('odom', 'base_footprint', 7.0, 1.0, 4.0, slope), transform('base_footprint', 'camera', 1.0, z=1.5)
    )
    assert tree.height('camera') == pytest.approx(1.5)
    lying = tree_of(transform('base_footprint', 'arm', turn=about('x', math.pi / 2)), transform('arm', 'camera', y=2.0))
    assert lying.height('camera') == pytest.approx(2.0)


def test_what_cannot_be_used():
    nan, flat = float('nan'), (0.0, 0.0, 0.0, 0.0)
    tree = tree_of(transform('base_footprint', 'camera', z=1.0))
    tree.add([transform('base_footprint', 'camera', z=nan), transform('base_footprint', 'camera', turn=flat)])
    assert tree.height('camera') == 1.0
    tree.add([transform('base_footprint', 'camera', z=1.2)])  # the newest counts
    assert tree.height('camera') == pytest.approx(1.2)
    assert tree_of(transform('a', 'b'), transform('b', 'a')).height('a') is None  # a circle


def test_messages_of_a_recording(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_static_transform(1, 'base_footprint', 'optical', (0.1, 0.0, 1.45), optical_quaternion(0.02))
    tree = TransformTree()
    for _, _, _, message in read_messages(tmp_path / 'bag', ['/tf_static']):
        tree.add(message.transforms)
    assert tree.height('optical') == pytest.approx(1.45)
    assert np.isfinite(tree.height('optical'))
