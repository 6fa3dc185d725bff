# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Files in config/: syntax and the names in them; says nothing about how RViz draws."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

CONFIG = Path(__file__).resolve().parents[2] / 'config'
DISPLAYS = {'Image', 'Camera', 'PointCloud2', 'TF', 'Grid', 'DepthCloud', 'CameraInfo', 'Axes'}
TOOLS = {'FocusCamera', 'Interact', 'Measure', 'MoveCamera', 'PublishPoint', 'Select', 'SetGoal', 'SetInitialPose'}
VIEWS = {'FPS', 'Orbit', 'ThirdPersonFollower', 'TopDownOrtho', 'XYOrbit'}


@pytest.fixture
def rviz():
    return yaml.safe_load((CONFIG / 'rviz' / 'perception.rviz').read_text())


def test_rviz_structure(rviz):
    manager = rviz['Visualization Manager']
    assert all(panel['Class'].startswith('rviz_common/') for panel in rviz['Panels'])
    assert manager['Global Options']['Fixed Frame']
    for entries, known in (
        (manager['Displays'], DISPLAYS),
        (manager['Tools'], TOOLS),
        ([manager['Views']['Current']], VIEWS),
    ):
        for entry in entries:
            package, name = entry['Class'].split('/')
            assert package == 'rviz_default_plugins' and name in known


def test_rviz_topics(rviz):
    from famda_ros.roundtrip import IMAGE_ANSWERS

    displays = {d['Topic']['Value']: d for d in rviz['Visualization Manager']['Displays']}
    assert {'segmentation/color', 'depth/image'} <= set(displays)
    assert set(displays) <= {'image', *IMAGE_ANSWERS}
    depth = displays['depth/image']
    assert (depth['Normalize Range'], depth['Min Value'], depth['Max Value']) == (False, 0, 80)


def test_perception_parameters_are_declared():
    parameters = yaml.safe_load((CONFIG / 'perception.yaml').read_text())
    assert list(parameters) == ['/**']  # any other key does not match a node in a namespace
    node = (CONFIG.parent / 'famda_ros' / 'perception_node.py').read_text()
    flat = {}
    for name, value in parameters['/**']['ros__parameters'].items():
        flat.update({f'{name}.{k}': v for k, v in value.items()} if isinstance(value, dict) else {name: value})
    for name in flat:
        assert f"'{name}'" in node


def test_fastdds_profile():
    space = '{http://www.eprosima.com}'
    root = ElementTree.parse(CONFIG / 'fastdds_profile.xml').getroot()
    assert root.tag == f'{space}dds'
    assert root.find(f'.//{space}segment_size').text == '33554432'
    assert root.find(f'.//{space}interfaceWhiteList/{space}address').text == '127.0.0.1'
    assert root.find(f'.//{space}useBuiltinTransports').text == 'false'
    participant = root.find(f'.//{space}participant')
    assert participant.get('is_default_profile') == 'true'
    used = [t.text for t in participant.iter(f'{space}transport_id')]
    assert used == ['shm_large', 'udp_lo']
