# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files through the stand-in, and once through the real launch where it is installed."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import launch_stand_in as stand_in
import numpy as np
import pytest
import yaml

import famda_ros
from famda_ros.errors import FamdaError
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.nodes.dds import profile_variable

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.name for path in (ROOT / 'launch').glob('*.launch.py'))
sys.path.insert(0, str(ROOT / 'test' / 'famda_ros'))


@pytest.fixture(autouse=True)
def installed(tmp_path_factory, monkeypatch):
    """An ament index with the packages that launch files look for; returns the folder of their marks."""
    prefix = tmp_path_factory.mktemp('prefix')
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    for package in ('rviz2', 'ros2bag'):
        (index / package).touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(prefix))
    return index


def refused(file, arguments, sentence=None):
    """Check that a launch file says a sentence instead of starting anything: the real one leaves that running."""
    context = stand_in.Context(dict(arguments))
    with pytest.raises((RuntimeError, FamdaError), match=sentence):
        stand_in.execute(stand_in.load(file).entities, context)
    assert context.commands == []


@pytest.mark.parametrize(
    ('package', 'file', 'arguments'),
    [
        ('rviz2', 'perception.launch.py', {'rviz': 'true'}),
        ('rviz2', 'day.launch.py', {'rviz': 'true', 'record': 'true'}),
        ('rviz2', 'demo.launch.py', {'bag': 'drive', 'rviz': 'true'}),
    ],
)
def test_what_is_asked_for_and_missing_is_said_before_anything_starts(package, file, arguments, installed, monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    (installed / package).unlink()
    refused(file, arguments, f'install it with: sudo apt install ros-jazzy-{package}')


def test_a_recorder_that_is_refused_leaves_no_node_behind():
    refused('perception.launch.py', {'record': 'true', 'profile': '/missing.yaml'}, 'missing.yaml')


def test_the_demo_goes_without_rviz(installed, capsys):
    (installed / 'rviz2').unlink()
    commands = stand_in.run('demo.launch.py', bag='drive', model='night.onnx').commands
    assert [command[0] for command in commands] == ['famda_ros/perception_node', 'famda_ros/bag_player_node']
    assert 'RViz is not installed, and is left out' in capsys.readouterr().out


def declared(file):
    return [e for e in stand_in.load(file).entities if isinstance(e, stand_in.DeclareLaunchArgument)]


def values_of(command, flag):
    """Return {name: value} of all `flag name:=value` of a command; values as YAML reads them."""
    pairs = [command[i + 1].split(':=', 1) for i, part in enumerate(command) if part == flag]
    return {name: yaml.safe_load(value) if flag == '-p' else value for name, value in pairs}


def node(**arguments):
    """Return the command of the perception node for these launch arguments."""
    (command,) = stand_in.run('perception.launch.py', **arguments).commands
    return command


def test_defaults(monkeypatch):
    monkeypatch.delenv(profile_variable(), raising=False)
    context = stand_in.run('perception.launch.py')
    assert context.environment == {profile_variable(): str(ROOT / 'config' / 'fastdds_profile.xml')}
    assert context.commands == [
        [
            'famda_ros/perception_node', '--ros-args', '--log-level', 'info', '-r', '__node:=perception',
            '--params-file', str(ROOT / 'config' / 'perception.yaml'), '-p', 'use_sim_time:=false',
        ]
    ]  # fmt: skip


def test_a_dds_profile_of_the_user_stays(monkeypatch):
    monkeypatch.setenv(profile_variable(), '/mine.xml')
    assert stand_in.run('perception.launch.py').environment == {}


@pytest.mark.parametrize('file', FILES)
def test_every_argument_has_a_description(file):
    arguments = declared(file)
    assert all(len(a.description) > 10 for a in arguments)
    assert len({a.name for a in arguments}) == len(arguments) <= 12


@pytest.mark.parametrize(
    ('argument', 'parameter', 'value'),
    [
        ({'model': 'night.onnx'}, 'model', 'night.onnx'),
        ({'model': 'true'}, 'model', 'true'),  # a text, although YAML could read it otherwise
        ({'profile': 'auto'}, 'profile', 'auto'),
        ({'provider': 'cpu'}, 'provider', 'cpu'),
        ({'image_transport': 'compressed'}, 'image_transport', 'compressed'),
        ({'points': '0'}, 'points.stride', 0),
        ({'points': '4'}, 'points.stride', 4),
        ({'use_sim_time': 'true'}, 'use_sim_time', True),
        ({'cameras': 'front,left'}, 'cameras', ['front', 'left']),
        ({'cameras': 'front'}, 'cameras', ['front']),
    ],
)
def test_an_argument_sets_its_parameter_and_no_other(argument, parameter, value):
    assert values_of(node(**argument), '-p') == {'use_sim_time': False, parameter: value}


def test_namespace_params_file_and_log_level(tmp_path):
    file = tmp_path / 'mine.yaml'
    file.touch()
    command = node(namespace='robot/one', params_file=str(file), log_level='debug')
    assert values_of(command, '-r') == {'__node': 'perception', '__ns': '/robot/one'}
    assert command[command.index('--params-file') + 1] == str(file)
    assert command[command.index('--log-level') + 1] == 'debug'


@pytest.mark.parametrize(
    ('cameras', 'remappings'),
    [
        ('', {}),
        ('front, left', {}),
        ('/camera/image_raw', {'image': '/camera/image_raw', 'camera_info': '/camera/camera_info'}),
        (
            'front=/f/color/image_raw, left',
            {'front/image': '/f/color/image_raw', 'front/camera_info': '/f/color/camera_info'},
        ),
    ],
)
def test_topics_of_cameras(cameras, remappings):
    assert values_of(node(cameras=cameras), '-r') == {'__node': 'perception', **remappings}


def test_rviz_looks_at_the_first_camera():
    _, rviz = stand_in.run(
        'perception.launch.py', namespace='robot', cameras='front=/f/image_raw,left', rviz='true', use_sim_time='true'
    ).commands
    assert rviz[0] == 'rviz2/rviz2'
    assert values_of(rviz, '-r') == {'__ns': '/robot/front', 'image': '/f/image_raw'}
    assert values_of(rviz, '-p') == {'use_sim_time': True}
    assert Path(rviz[rviz.index('-d') + 1]).is_file()


@pytest.mark.parametrize(
    'wrong',
    [
        {'image_transport': 'theora'},
        {'log_level': 'loud'},
        {'rviz': 'yes'},
        {'points': '-1'},
        {'points': 'many'},
        {'params_file': '/missing.yaml'},
        {'cameras': 'front,front'},
        {'cameras': 'front,/left/image'},
        {'cameras': '/camera/image/compressed'},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    refused('perception.launch.py', wrong, '|'.join(wrong))


@pytest.mark.parametrize('profile', ['day', 'night'])
def test_day_and_night_are_perception_with_a_profile(profile):
    arguments = {'model': 'x.onnx', 'cameras': 'front,left', 'log_level': 'warn'}
    (command,) = stand_in.run(f'{profile}.launch.py', **arguments).commands
    assert command == node(profile=profile, **arguments)
    names = {a.name for a in declared('perception.launch.py')}
    assert {a.name for a in declared(f'{profile}.launch.py')} == names - {'profile'}


def test_another_profile_for_day_and_night_is_left_out_and_said(capsys):
    (command,) = stand_in.run('night.launch.py', profile='day').commands
    assert command == node(profile='night')
    assert "profile:='day' is left out: this launch file has the profile 'night'" in capsys.readouterr().out


PERCEPTION = {
    'namespace': 'robot',
    'cameras': 'front=/front/image_raw,left',
    'model': 'night.onnx',
    'provider': 'cpu',
    'image_transport': 'compressed',
    'params_file': str(ROOT / 'config' / 'profiles' / 'night.yaml'),
    'points': '2',
    'rviz': 'true',
    'record': 'true',
    'use_sim_time': 'true',
    'log_level': 'debug',
}
RECORD = {
    'output': 'missing/bag',
    'trigger': 'drift',
    'domain': 'dusk',
    'profile': 'night',
    'custom_data': 'place=campus',
    'topics': '/a$',
    'exclude': '/b$',
    'split_s': '60',
    'qos_file': str(ROOT / 'config' / 'perception.yaml'),
    'use_sim_time': 'true',
}
DEMO = {'bag': 'drive', 'model': 'x.onnx', 'namespace': 'robot', 'rate': '2.0', 'points': '1', 'rviz': 'false'}
ANOTHER_VALUE = {
    'perception.launch.py': {'profile': 'auto', **PERCEPTION},
    'day.launch.py': PERCEPTION,
    'night.launch.py': PERCEPTION,
    'record.launch.py': RECORD,
    'demo.launch.py': DEMO,
}
"""Of every argument of every launch file a value that is not its default."""


@pytest.mark.parametrize('file', FILES)
def test_every_argument_of_every_launch_file_changes_what_is_run(file):
    """One by one, and all at once."""
    values = ANOTHER_VALUE[file]
    assert set(values) == {a.name for a in declared(file)}
    needed = {'bag': 'another'} if file == 'demo.launch.py' else {}
    plain = stand_in.run(file, **needed).commands
    for name, value in values.items():
        assert stand_in.run(file, **{**needed, name: value}).commands != plain, name
    assert stand_in.run(file, **values).commands

def option(command, name):
    return command[command.index(name) + 1]


def tags(command):
    return dict(pair.split('=') for pair in command[command.index('--custom-data') + 1 :])


def test_record_defaults():
    (command,) = stand_in.run('record.launch.py').commands
    assert command[:5] == ['ros2', 'bag', 'record', '--storage', 'mcap']
    assert option(command, '--qos-profile-overrides-path') == str(ROOT / 'config' / 'recording_qos.yaml')
    assert option(command, '--max-bag-duration') == '0'
    assert '--output' not in command and '--use-sim-time' not in command
    assert tags(command) == {'domain': 'unknown', 'famda_version': famda_ros.__version__}


@pytest.mark.parametrize(
    ('topic', 'recorded'),
    [
        ('/camera/image/compressed', True),
        ('/robot/front/image_raw/compressed', True),
        ('/camera/camera_info', True),
        ('/camera_info', True),
        ('/front/segmentation/labels', True),
        ('/segmentation/label_info', True),
        ('/tf', True),
        ('/tf_static', True),
        ('/camera/image', False),
        ('/front/segmentation/mask', False),
        ('/front/segmentation/overlay', False),
        ('/front/segmentation/overlay/compressed', False),
        ('/front/segmentation/camera_info', False),
        ('/depth/image', False),
        ('/depth/image/compressed', False),
        ('/depth/image/compressedDepth', False),
        ('/depth/camera_info', False),
        ('/depth/points', False),
        ('/diagnostics', False),
        ('/tf_other', False),
    ],
)
def test_recorded_topics(topic, recorded):
    """As `ros2 bag record` does: --regex and --exclude-regex are searched for in the topic's name."""
    (command,) = stand_in.run('record.launch.py').commands
    taken = re.search(option(command, '--regex'), topic) and not re.search(option(command, '--exclude-regex'), topic)
    assert bool(taken) == recorded


def test_record_arguments(tmp_path):
    (command,) = stand_in.run(
        'record.launch.py',
        output=str(tmp_path / 'bag'),
        profile='night',
        custom_data='place=campus robot=one',
        split_s='60',
        topics='/a$',
        exclude='/b$',
        use_sim_time='true',
    ).commands
    assert option(command, '--output') == str(tmp_path / 'bag')
    assert option(command, '--max-bag-duration') == '60'
    assert (option(command, '--regex'), option(command, '--exclude-regex')) == ('/a$', '/b$')
    assert '--use-sim-time' in command
    expected = {'domain': 'night', 'famda_version': famda_ros.__version__, 'place': 'campus', 'robot': 'one'}
    assert tags(command) == expected
    (command,) = stand_in.run('record.launch.py', profile='night', domain='dusk').commands
    assert tags(command)['domain'] == 'dusk'


@pytest.mark.parametrize(
    'wrong', [{'custom_data': 'place'}, {'custom_data': 'a=b=c'}, {'split_s': '1.5'}, {'qos_file': '/missing.yaml'}]
)
def test_wrong_recording_arguments_are_refused(wrong):
    refused('record.launch.py', wrong)


def recorder_parameters(**arguments):
    (command,) = stand_in.run('record.launch.py', **arguments).commands
    assert command[0] == 'famda_ros/recorder_node'
    return {word.partition(':=')[0]: word.partition(':=')[2] for word in command if ':=' in word}


def test_triggers_are_recorded_by_our_own_node(tmp_path):
    given = recorder_parameters(
        trigger='drift,service,every=600', output=str(tmp_path), split_s='60', domain='night', use_sim_time='true'
    )
    assert (given['on_drift'], given['every_s'], given['always']) == ('true', '600.0', 'false')
    assert yaml.safe_load(given['folder']) == str(tmp_path) and given['bag_s'] == '60.0'
    assert yaml.safe_load(given['tags']) == ['domain=night'] and given['use_sim_time'] == 'true'
    assert re.search(yaml.safe_load(given['topics']), '/front/image/compressed')
    given = recorder_parameters(trigger='service')
    assert (given['on_drift'], given['every_s'], given['always']) == ('false', '0.0', 'false')
    assert 'folder' not in given and 'bag_s' not in given


def test_without_ros2_bag_our_own_node_records_all_the_time(installed):
    (installed / 'ros2bag').unlink()
    given = recorder_parameters()
    assert (given['on_drift'], given['always']) == ('false', 'true')
    commands = stand_in.run('perception.launch.py', profile='night', record='true').commands
    assert [command[0] for command in commands] == ['famda_ros/recorder_node', 'famda_ros/perception_node']


@pytest.mark.parametrize('trigger', ['rain', 'every', 'every=soon', 'drift,x=1'])
def test_triggers_that_make_no_sense_are_refused(trigger):
    refused('record.launch.py', {'trigger': trigger}, 'trigger ')


def test_a_recording_is_not_written_over(tmp_path):
    with pytest.raises(RuntimeError, match='exists already'):
        stand_in.run('record.launch.py', output=str(tmp_path))


def test_perception_records_with_the_tags_of_its_profile():
    context = stand_in.run('perception.launch.py', profile='night', record='true', use_sim_time='true')
    recorder, _ = context.commands
    assert tags(recorder)['domain'] == 'night'
    assert '--use-sim-time' in recorder
    assert 'split_s' not in context.arguments  # the recorder's arguments stay its own
    recorder, _ = stand_in.run('perception.launch.py', profile='auto', record='true').commands
    assert tags(recorder)['domain'] == 'unknown'


def test_demo():
    context = stand_in.run('demo.launch.py', bag='drive', model='night.onnx', rate='2')
    perception, rviz, player = context.commands
    assert values_of(perception, '-p') == {
        'model': 'night.onnx', 'image_transport': 'compressed', 'points.stride': 4, 'use_sim_time': False,
    }  # fmt: skip
    assert values_of(player, '-p') == {'bag': 'drive', 'rate': 2.0, 'wait_s': 60.0}
    assert {values_of(command, '-r')['__ns'] for command in (perception, rviz, player)} == {'/camera'}
    assert len(stand_in.run('demo.launch.py', bag='drive', model='night.onnx', rviz='false').commands) == 2
    perception, *_ = stand_in.run('demo.launch.py', bag='drive').commands
    assert 'model' not in values_of(perception, '-p')


@pytest.mark.parametrize('wrong', [{}, {'model': 'x'}, {'bag': 'drive', 'rviz': 'yes'}])
def test_wrong_demo_arguments_are_refused(wrong):
    refused('demo.launch.py', wrong)


def with_its_variables(page):
    """Return the text of a page; $name is the folder of the package that it was set to on that page."""
    text = page.read_text()
    for name, folder in re.findall(r'^(\w+)=\$\(ros2 pkg prefix --share famda_ros\)(\S*)$', text, re.MULTILINE):
        text = text.replace(f'${name}/', f'{ROOT}{folder}/')
    return text


DOCUMENTED = [
    line.split()[3:]
    for page in (ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md')))
    for line in with_its_variables(page).splitlines()
    if line.startswith('ros2 launch famda_ros ')
]


@pytest.mark.parametrize('words', DOCUMENTED, ids=' '.join)
def test_documented_command_lines(words):
    """`ros2 launch` ignores arguments that nothing declares, so a wrong name would go unnoticed."""
    file, *pairs = words
    arguments = dict(pair.split(':=', 1) for pair in pairs)
    files = {file} | ({'perception.launch.py'} if file != 'record.launch.py' else set())
    files |= {'record.launch.py'} if arguments.get('record') == 'true' else set()
    assert set(arguments) <= {a.name for name in files for a in declared(name)}
    assert stand_in.run(file, **arguments).commands


def test_commands_are_documented():
    assert {words[0] for words in DOCUMENTED} >= {'perception.launch.py', 'night.launch.py', 'record.launch.py'}


def test_executables_exist():
    setup = (ROOT / 'setup.py').read_text()
    for executable in ('perception_node', 'bag_player_node'):
        module, function = re.search(rf'{executable} = ([\w.]+):(\w+)', setup).groups()
        assert callable(getattr(importlib.import_module(module), function))


def test_the_stand_in_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match='not covered'):
        stand_in.execute([object()], stand_in.Context({}))
    with pytest.raises(TypeError):
        stand_in.Node(package='famda_ros', executable='perception_node', respawn=True)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    from tiny_student import save_tiny

    return str(save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx'))


def wait_for_log(process, log, text, timeout_s=60):
    end = time.monotonic() + timeout_s
    while text not in log.read_text():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ('file', 'arguments', 'name'),
    [
        ('perception.launch.py', {'namespace': 'cam0'}, 'cam0.perception'),
        ('day.launch.py', {}, 'perception'),
        ('night.launch.py', {'cameras': 'front=/f/image_raw, left', 'points': '2'}, 'perception'),
    ],
)
def test_the_resolved_commands_run(tmp_path, model, file, arguments, name):
    """The real node accepts what a launch file comes to, and ends cleanly on Ctrl-C."""
    context = stand_in.run(file, model=model, **arguments)
    with stand_in.started(context, tmp_path, domain_id=71) as running:
        ((process, log),) = running
        wait_for_log(process, log, 'waiting for images')
        process.send_signal(2)
        assert process.wait(60) == 0, log.read_text()
    assert f'[{name}]' in log.read_text()
    assert 'Traceback' not in log.read_text()


def test_the_demo_runs(tmp_path, model):
    """The three-process demo without RViz; a probe listens instead."""
    with BagWriter(tmp_path / 'drive') as bag:
        for i in range(15):
            picture = np.full((48, 64, 3), 10 * i, np.uint8)
            bag.write_compressed_image('/cam/image/compressed', (i + 1) * 10**8, 'camera_optical_frame', picture)
    context = stand_in.run('demo.launch.py', bag=str(tmp_path / 'drive'), model=model, rviz='false')
    report = tmp_path / 'report.json'
    probe = ['famda_ros/perception_probe_node', '--ros-args', '-r', '__ns:=/camera']
    context.commands.append([*probe, '-p', f'bag:={tmp_path / "answers"}', '-p', f'report:={report}'])
    with stand_in.started(context, tmp_path, domain_id=81) as running:
        (_, (player, log), _) = running
        assert player.wait(60) == 0, log.read_text()
        end = time.monotonic() + 60
        while not (answers := json.loads(report.read_text())['outputs'])['segmentation/mask']:
            assert time.monotonic() < end
            time.sleep(0.1)
    stamp_ns, frame, *size, encoding, _ = answers['segmentation/mask'][0]
    assert stamp_ns in {(i + 1) * 10**8 for i in range(15)}
    assert (frame, size, encoding) == ('camera_optical_frame', [64, 48], 'mono8')
    assert [process.returncode for process, _ in running] == [0, 0, 0]


REAL_LAUNCH = """
import json, sys
from launch import LaunchContext
from launch.actions import ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

def started(entity, context):
    # What is started, without starting it.
    if isinstance(entity, Node):
        return [f'{entity.node_package}/{entity.node_executable}']
    if isinstance(entity, ExecuteProcess):
        return [entity.cmd[0][0].perform(context)]
    return [name for part in entity.visit(context) or [] for name in started(part, context)]

def run(path, values):
    source, context = PythonLaunchDescriptionSource(path), LaunchContext()
    declared = [argument.name for argument in source.get_launch_description(context).get_launch_arguments()]
    return declared, started(IncludeLaunchDescription(source, launch_arguments=values.items()), context)

print(json.dumps([run(path, values) for path, values in json.load(sys.stdin)]))
"""


def test_with_the_real_launch(installed):
    """Every launch file with every argument comes to the same processes as through the stand-in."""
    pytest.importorskip('launch_ros', reason='launch_ros is not on PyPI; runs only with a ROS distribution')
    cases = [(file, {name: value}) for file in FILES for name, value in ANOTHER_VALUE[file].items()]
    cases = [(file, values if file != 'demo.launch.py' else {'bag': 'drive', **values}) for file, values in cases]
    share = installed.parents[2] / 'famda_ros'
    share.symlink_to(ROOT)
    (installed / 'famda_ros').touch()
    paths = json.dumps([(str(ROOT / 'launch' / file), values) for file, values in cases])
    done = subprocess.run(
        [sys.executable, '-c', REAL_LAUNCH], input=paths, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for (file, values), (names, started) in zip(cases, json.loads(done.stdout.splitlines()[-1]), strict=True):
        assert {a.name for a in declared(file)} <= set(names), file
        assert started == [command[0] for command in stand_in.run(file, **values).commands], (file, values)
