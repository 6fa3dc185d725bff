# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Files in config/: their structure.  Says nothing about what RViz, Foxglove or ros2 bag make of them.

The names of topics and parameters in them are compared with a running node in test_node_interface.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from famda_ros.profiles.parameters import PARAMETERS
from famda_ros.profiles.profile_file import KEYS, SETTINGS, load_profile
from famda_ros.resources import resource
from famda_ros.student.model_card import read_card
from famda_ros.topics import CONFIDENCE, LABEL_INFO, MASK, POINTS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'config'
DISPLAYS = {'Image', 'Camera', 'PointCloud2', 'TF', 'Grid', 'DepthCloud', 'CameraInfo', 'Axes'}
TOOLS = {'FocusCamera', 'Interact', 'Measure', 'MoveCamera', 'PublishPoint', 'Select', 'SetGoal', 'SetInitialPose'}
VIEWS = {'FPS', 'Orbit', 'ThirdPersonFollower', 'TopDownOrtho', 'XYOrbit'}
PANELS = {'Image', '3D', 'DiagnosticSummary', 'DiagnosticStatusPanel', 'Parameters'}
"""Types of Foxglove panels that the layout may use."""


def test_every_file_is_installed():
    """As setup.py tells setuptools, which is replaced here by something that prints it."""
    code = (
        'import json, setuptools; setuptools.setup = lambda **keywords: print(json.dumps(keywords["data_files"])); '
        'exec(open("setup.py").read())'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    installed = {f'{folder}/{Path(file).name}': file for folder, files in json.loads(done.stdout) for file in files}
    there = {path.relative_to(ROOT) for name in ('config', 'launch', 'models') for path in (ROOT / name).rglob('*.*')}
    files = {str(path) for path in there if (ROOT / path).is_file() and not {'__pycache__', 'research'} & {*path.parts}}
    assert {f'share/famda_ros/{file}': file for file in files}.items() <= installed.items()
    assert not any('research' in file for file in installed)  # models whose licence allows research only
    folders = {Path(file).parent.name for file in files}
    assert folders >= {'profiles', 'rviz', 'foxglove', 'nav2', 'sros2', 'train', 'launch', 'models'}


@pytest.fixture
def rviz():
    return yaml.safe_load((CONFIG / 'rviz' / 'perception.rviz').read_text())


def test_rviz_structure(rviz):
    manager = rviz['Visualization Manager']
    assert all(panel['Class'].startswith('rviz_common/') for panel in rviz['Panels'])
    assert manager['Global Options']['Fixed Frame'] == 'camera_optical_frame'  # of the demo's recordings
    for entries, known in (
        (manager['Displays'], DISPLAYS),
        (manager['Tools'], TOOLS),
        ([manager['Views']['Current']], VIEWS),
    ):
        for entry in entries:
            package, name = entry['Class'].split('/')
            assert package == 'rviz_default_plugins' and name in known


def test_rviz_shows_depth_with_a_fixed_range(rviz):
    (depth,) = (d for d in rviz['Visualization Manager']['Displays'] if d['Topic']['Value'] == 'depth/image')
    assert (depth['Normalize Range'], depth['Min Value'], depth['Max Value']) == (False, 0, 80)


def leaves(layout):
    """Return the panels in a Foxglove layout."""
    if isinstance(layout, str):
        return [layout]
    assert layout['direction'] in ('row', 'column') and 0 < layout['splitPercentage'] < 100
    return leaves(layout['first']) + leaves(layout['second'])


def test_foxglove_layout_structure():
    layout = json.loads((CONFIG / 'foxglove' / 'perception.json').read_text())
    panels = leaves(layout['layout'])
    assert sorted(panels) == sorted(layout['configById'])
    assert {panel.partition('!')[0] for panel in panels} == PANELS
    (depth,) = (c['imageMode'] for n, c in layout['configById'].items() if n == 'Image!depth')
    assert (depth['minValue'], depth['maxValue']) == (0, 80)


def test_recording_qos_keeps_latched_topics():
    profiles = yaml.safe_load((CONFIG / 'recording_qos.yaml').read_text())
    assert set(profiles) == {'/segmentation/labels', '/segmentation/label_info', '/tf_static'}
    for profile in profiles.values():
        # keys and values that `ros2 bag record` knows
        assert set(profile) == {'history', 'depth', 'reliability', 'durability'}
        assert profile['durability'] == 'transient_local' and profile['reliability'] == 'reliable'
        assert profile['history'] == 'keep_last' and profile['depth'] >= 1


@pytest.mark.parametrize('name', ['day', 'night'])
def test_shipped_profiles_change_nothing_by_themselves(name):
    profile = load_profile(name, CONFIG / 'profiles')
    assert (profile.model, dict(profile.overrides), dict(profile.recording_tags)) == (None, {}, {'domain': name})


@pytest.mark.parametrize('name', ['day', 'night'])
def test_the_examples_in_shipped_profiles_are_valid_when_uncommented(name, tmp_path):
    text = re.sub(r'^# ( *[a-z_]+:)', r'\1', (CONFIG / 'profiles' / f'{name}.yaml').read_text(), flags=re.MULTILINE)
    (tmp_path / f'{name}.onnx').touch()
    (tmp_path / 'mine.yaml').write_text(text)
    profile = load_profile(tmp_path / 'mine.yaml')
    assert profile.model == tmp_path / f'{name}.onnx'
    assert set(profile.overrides) == set(SETTINGS)
    assert set(yaml.safe_load(text)) == set(KEYS)


def test_nav2_layers_take_what_one_node_publishes():
    content = yaml.safe_load((CONFIG / 'nav2' / 'local_costmap.yaml').read_text())
    costmap = content['local_costmap']['local_costmap']['ros__parameters']
    assert [costmap[name]['plugin'].partition('::')[2] for name in costmap['plugins']] == [
        'SemanticSegmentationLayer', 'VoxelLayer', 'InflationLayer',
    ]  # fmt: skip
    semantic, voxels = (costmap[name][costmap[name]['observation_sources']] for name in costmap['plugins'][:2])
    topics = {name: f'/camera/{topic}' for name, topic in (
        ('segmentation_topic', MASK), ('confidence_topic', CONFIDENCE), ('labels_topic', LABEL_INFO),
        ('pointcloud_topic', POINTS),
    )}  # fmt: skip
    assert {name: semantic[name] for name in topics} == topics and voxels['topic'] == topics['pointcloud_topic']
    named = [name for kind in semantic['class_types'] for name in semantic[kind]['classes']]
    assert sorted(named) == sorted(read_card(resource('models/street.onnx')).label_space.classes)


def test_nav2_parameters_are_ones_of_the_node():
    (given,) = yaml.safe_load((CONFIG / 'nav2' / 'perception.yaml').read_text()).values()
    known = {parameter.name: parameter for parameter in PARAMETERS}
    values = given['ros__parameters']
    points = {f'points.{name}': value for name, value in values.pop('points').items()}
    for name, value in {**values, **points}.items():
        assert isinstance(value, type(known[name].default)), name
        assert known[name].minimum <= value <= known[name].maximum, name
    assert points['points.edge_filter'] == known['points.edge_filter'].default


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
