# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What docs/ and config/ say about the perception node, against a running one over DDS."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from famda_ros.nodes.dds import environment

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test' / 'famda_ros'))

TYPES = {1: 'bool', 2: 'integer', 3: 'double', 4: 'string', 8: 'double list', 9: 'string list'}
"""rcl_interfaces/msg/ParameterType, in the words of the documentation."""

OF_EVERY_NODE = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')
STANDARD_TOPICS = {'/rosout', '/parameter_events', '/perception/transition_event'}
TRANSFORMS = {'/tf', '/tf_static'}
"""Subscribed to where tf2_msgs is installed."""
OPTIONAL = set() if importlib.util.find_spec('vision_msgs') else {'/segmentation/label_info'}


def inspect_node(folder, domain_id, listen_to, *arguments):
    """Start a perception node and return what the probe sees of it."""
    from tiny_student import save_tiny

    env = environment(domain_id)
    model = save_tiny(folder / 'tiny.onnx')
    node = [sys.executable, '-m', 'famda_ros.nodes.perception_node']
    command = [*node, '--ros-args', '-p', f'model:={model}', *arguments]
    probe = [sys.executable, str(ROOT / 'test' / 'launch' / 'node_interface_probe.py'), '/perception', listen_to]
    with open(folder / 'node.log', 'wb') as log:
        node = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        done = subprocess.run(probe, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr + (folder / 'node.log').read_text()
        node.send_signal(2)
        assert node.wait(60) == 0, (folder / 'node.log').read_text()
    finally:
        if node.poll() is None:
            node.kill()
            node.wait()
    return json.loads(done.stdout)


@pytest.fixture(scope='module')
def seen(tmp_path_factory):
    """The node with everything on, and raw images."""
    return inspect_node(tmp_path_factory.mktemp('raw'), 79, '/segmentation/mask', '-p', 'points.stride:=2')


@pytest.fixture(scope='module')
def parameters(seen):
    return {name: p for name, p in seen['parameters'].items() if not name.startswith(OF_EVERY_NODE)}


def table(page, first_column):
    """Return the rows, as {column: text}, of the table of a page whose first column has this title."""
    lines = (ROOT / 'docs' / page).read_text().splitlines()
    (start,) = (i for i, line in enumerate(lines) if line.startswith(f'| {first_column} |'))
    titles = cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith('|'):
            break
        rows.append(dict(zip(titles, cells(line), strict=True)))
    assert rows
    return rows


def cells(line):
    return [cell.strip() for cell in line.strip('|').split('|')]


def documented_topics(direction):
    return {'/' + row[direction].strip('`').lstrip('/'): row for row in table('perception_node.md', direction)}


def flat(content, prefix=''):
    """Return {dotted name: value} of nested mappings."""
    result = {}
    for name, value in content.items():
        result |= flat(value, f'{prefix}{name}.') if isinstance(value, dict) else {prefix + name: value}
    return result


def test_documented_parameters(parameters):
    rows = {row['parameter'].strip('`'): row for row in table('perception_node.md', 'parameter')}
    assert list(rows) == list(parameters)
    for name, row in rows.items():
        actual = parameters[name]
        assert row['type'] == TYPES[actual['type']], name
        assert row['meaning'] == actual['description'], name
        values = ' to '.join(f'{limit:.10g}' for limit in actual['limits'])
        assert row['values'] == (values or actual['constraints'].removeprefix('one of ')), name
        if name != 'profile':  # written by the node itself, and by nobody else
            assert (row['live'] == 'yes') is not actual['read_only'], name
        if name not in ('model', 'points.stride'):  # what this node was started with
            assert json.loads(row['default'].strip('`')) == actual['value'], name


def test_parameter_file_holds_every_parameter_with_its_default(parameters):
    content = yaml.safe_load((ROOT / 'config' / 'perception.yaml').read_text())
    assert list(content) == ['/**']  # any other key does not match a node in a namespace
    given = flat(content['/**']['ros__parameters'])
    documented = {row['parameter'].strip('`'): row for row in table('perception_node.md', 'parameter')}
    assert list(given) == list(parameters)
    for name, value in given.items():
        default = json.loads(documented[name]['default'].strip('`'))
        assert (value, type(value)) == (default, type(default)), name


def test_documented_outputs(seen):
    outputs = documented_topics('output')
    assert set(outputs) - set(seen['publishes']) == OPTIONAL
    assert set(seen['publishes']) - set(outputs) == STANDARD_TOPICS
    for topic, row in outputs.items():
        if topic in seen['publishes']:
            assert [row['type']] == seen['publishes'][topic], topic
            reliability, durability, _ = seen['qos'][topic]
            assert reliability == 'RELIABLE' and row['QoS'].startswith('reliable'), topic
            assert (durability == 'TRANSIENT_LOCAL') == ('transient local' in row['QoS']), topic


def test_documented_inputs(seen):
    inputs = documented_topics('input')
    assert set(inputs) - set(seen['subscribes']) == {'/image/compressed'} | TRANSFORMS - set(seen['subscribes'])
    assert set(seen['subscribes']) <= set(inputs)
    for topic, types in seen['subscribes'].items():
        assert types == [inputs[topic]['type']]
        qos = 'RELIABLE' if topic in TRANSFORMS else 'BEST_EFFORT'
        assert seen['qos'][topic][0] == qos and inputs[topic]['QoS'].startswith(qos.lower().replace('_', ' '))


def test_documented_diagnostics(seen):
    documented = {'model': set(), 'camera': set()}
    for row in table('perception_node.md', 'key'):
        documented[row['of']] |= set(re.findall(r'`(\w+)`', row['key']))
    assert {name: set(keys) for name, keys in seen['diagnostics'].items()} == {
        'perception: model': documented['model'],
        'perception: camera': documented['camera'],
    }


def test_named_cameras_have_the_same_topics_below_their_names(seen, tmp_path):
    other = inspect_node(
        tmp_path, 80, '/front/segmentation/mask', '-p', 'cameras:=[front, left]',
        '-p', 'image_transport:=compressed', '-p', 'points.stride:=2',
    )  # fmt: skip
    own = {t for t in seen['publishes'] if t.startswith(('/segmentation/', '/depth/'))}
    expected = {f'/{camera}{topic}' for camera in ('front', 'left') for topic in own}
    assert set(other['publishes']) == expected | (set(seen['publishes']) - own)
    # nobody listens to the answers of the other camera
    assert set(other['subscribes']) - TRANSFORMS == {'/front/camera_info', '/front/image/compressed'}


def policy_names(attribute, kind):
    """Return the full names of a section of the SROS 2 policy."""
    root = ElementTree.parse(ROOT / 'config' / 'sros2' / 'perception_policy.xml').getroot()
    (profile,) = root.iter('profile')
    assert (root.tag, root.get('version')) == ('policy', '0.2.0')
    assert (profile.get('ns'), profile.get('node')) == ('/', 'perception')
    names = [e.text for section in profile if section.get(attribute) == 'ALLOW' for e in section.iter(kind)]
    assert len(set(names)) == len(names) > 0
    return {'/perception' + n[1:] if n.startswith('~') else '/' + n.lstrip('/') for n in names}


def test_security_policy_allows_what_the_node_does_and_nothing_else(seen):
    assert policy_names('publish', 'topic') == set(seen['publishes']) | {'/segmentation/label_info'}
    # compressed images instead of raw ones, simulated time, and transforms where tf2_msgs is installed
    others = {'/image/compressed', '/clock', *TRANSFORMS}
    assert policy_names('subscribe', 'topic') == set(seen['subscribes']) | others
    assert policy_names('reply', 'service') == set(seen['serves'])


def test_rviz_shows_topics_of_the_node(seen):
    config = yaml.safe_load((ROOT / 'config' / 'rviz' / 'perception.rviz').read_text())
    displays = {'/' + d['Topic']['Value']: d for d in config['Visualization Manager']['Displays']}
    assert set(displays) >= {'/segmentation/color', '/segmentation/overlay', '/depth/image', '/depth/points'}
    kinds = {'Image': 'sensor_msgs/msg/Image', 'PointCloud2': 'sensor_msgs/msg/PointCloud2'}
    topics = seen['publishes'] | seen['subscribes']
    for topic, display in displays.items():
        assert topics[topic] == [kinds[display['Class'].partition('/')[2]]]
        # a reliable subscription would get nothing of a best-effort publisher
        wanted = 'Best Effort' if topic in seen['subscribes'] else 'Reliable'
        assert display['Topic']['Reliability Policy'] == wanted


def test_foxglove_shows_topics_of_the_node(seen):
    panels = json.loads((ROOT / 'config' / 'foxglove' / 'perception.json').read_text())['configById']
    images = [config['imageMode'] for name, config in panels.items() if name.startswith('Image!')]
    assert {mode['imageTopic'] for mode in images} >= {'/camera/segmentation/overlay', '/camera/depth/image'}
    topics = {mode['imageTopic']: 'sensor_msgs/msg/Image' for mode in images}
    topics |= {m['calibrationTopic']: 'sensor_msgs/msg/CameraInfo' for m in images if 'calibrationTopic' in m}
    (scene,) = (config for name, config in panels.items() if name.startswith('3D!'))
    topics |= dict.fromkeys(scene['topics'], 'sensor_msgs/msg/PointCloud2')
    for topic, kind in topics.items():
        assert seen['publishes'][topic.removeprefix('/camera')] == [kind]


def test_topics_named_in_the_documentation_exist(seen):
    """Every segmentation/..., depth/points and depth/camera_info that a page names."""
    text = '\n'.join(path.read_text() for path in (ROOT / 'docs').glob('*.md'))
    named = {'/' + t for t in re.findall(r'[`/ \'"](segmentation/\w+|depth/points|depth/camera_info)', text)}
    assert len(named) > 8
    assert named <= set(seen['publishes']) | OPTIONAL
