# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The package: what a robot installs, what colcon makes of it, what imports what."""
import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

import famda_ros

ROOT = Path(__file__).resolve().parents[1]
SMALL_TESTS = 'test/famda_ros/student/test_label_space.py'


def sources(package):
    """Return the Python files of a package."""
    return sorted((ROOT / package).rglob('*.py'))


def imported_modules(path):
    """Return the names of all modules a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


def top_level(names):
    return {name.partition('.')[0] for name in names}


def setup_argument(name):
    """Return the value of a literal argument of ``setup()``."""
    for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text(encoding='utf-8'))):
        if isinstance(node, ast.keyword) and node.arg == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f'setup.py has no {name}')


def test_one_version_everywhere():
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    assert manifest.findtext('version') == setup_argument('version') == famda_ros.__version__
    assert f'## [{famda_ros.__version__}]' in (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')


def test_manifest_and_setup_agree():
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    assert manifest.get('format') == '3'
    assert manifest.findtext('export/build_type') == 'ament_python'
    assert manifest.findtext('license') == setup_argument('license') == 'Apache-2.0'
    maintainer = manifest.find('maintainer')
    assert maintainer is not None
    assert maintainer.get('email') == setup_argument('maintainer_email')
    assert manifest.findtext('url') == setup_argument('url')


ROSDEP_KEYS = {
    'cv2': 'python3-opencv',
    'numpy': 'python3-numpy',
    'yaml': 'python3-yaml',
    'onnxruntime': 'python3-onnxruntime-pip',
    'rosbags': 'python3-rosbags-pip',
}
"""Python modules → the names under which rosdep installs them; ROS packages are called as their modules."""
BROUGHT = {'backports', 'compression', 'lz4'}
"""By rosbags, or by Python 3.14."""
USED_WHERE_INSTALLED = {'tensorrt'}


def test_the_manifest_names_all_that_a_robot_imports():
    paths = [*sources('famda_ros'), *sorted((ROOT / 'launch').glob('*.py'))]
    modules = {name for path in paths for name in top_level(imported_modules(path))} - sys.stdlib_module_names
    modules -= {'famda_ros', *BROUGHT, *USED_WHERE_INSTALLED}
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    named = [dependency.text for dependency in manifest.findall('exec_depend')]
    assert {ROSDEP_KEYS.get(module, module) for module in modules} <= set(named)
    assert len(named) == len(set(named))
    tests = {dependency.text for dependency in manifest.findall('test_depend')}
    assert {'cv_bridge', 'sensor_msgs_py'} <= tests and not tests & set(named)


def test_the_robots_tests_need_nothing_but_the_test_tools():
    """Else they could not run without the workspace, as `make test-jazzy` has it."""
    paths = [*sources('test/famda_ros'), *sources('test/launch')]
    modules = {name for path in paths for name in top_level(imported_modules(path))} - sys.stdlib_module_names
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    helpers = {path.stem for path in paths} | {'famda_ros', 'famda_train'}
    ros = {element.text for kind in ('exec_depend', 'test_depend') for element in manifest.findall(kind)}
    (extra,) = re.findall(r'^TEST = (\[.*?^\])', (ROOT / 'setup.py').read_text(), re.DOTALL | re.MULTILINE)
    requirements = [*ast.literal_eval(extra), *setup_argument('install_requires')]
    tools = {re.split('[<>=]', requirement)[0] for requirement in requirements}
    names = {'PIL': 'pillow', 'yaml': 'PyYAML', 'cv2': 'opencv-python-headless'}
    assert {names.get(name, name) for name in modules - helpers - ros} <= tools


def test_a_robot_installs_no_torch():
    names = [re.split(r'[\[<>=~! ]', requirement)[0].lower() for requirement in setup_argument('install_requires')]
    assert 'onnxruntime' in names
    assert not {'torch', 'torchvision', 'lightning', 'torchmetrics', 'rclpy', 'ros-rclpy'} & set(names)


@pytest.mark.parametrize('path', [*sources('famda_ros'), *sources('famda_train'), *sources('test')], ids=str)
def test_every_file_names_its_licence(path):
    first, second = path.read_text(encoding='utf-8').split('\n', 2)[:2]
    assert first == '# Copyright 2026 The FAMDA authors'
    assert second == '# SPDX-License-Identifier: Apache-2.0'


def test_the_robot_side_imports_where_there_is_no_workspace_and_no_ros():
    files = [path.relative_to(ROOT).with_suffix('') for path in sources('famda_ros')]
    modules = ['.'.join(file.parts) for file in files if not {'nodes', 'harness'} & set(file.parts)]
    blocked = ('torch', 'torchvision', 'lightning', 'torchmetrics', 'skimage', 'famda_train', 'rclpy')
    script = f"""
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ModuleNotFoundError('blocked: ' + name, name=name)
sys.meta_path.insert(0, Block())
for module in {modules!r}:
    importlib.import_module(module.removesuffix('.__init__'))
assert not {{name.partition('.')[0] for name in sys.modules}} & set({blocked!r})
"""
    done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


COLCON = shutil.which('colcon', path=f'{Path(sys.executable).parent}{os.pathsep}{os.environ.get("PATH", "")}')
needs_colcon = pytest.mark.skipif(COLCON is None, reason='colcon is not installed')


def colcon(workspace, *arguments):
    """Run colcon of this environment in a workspace and return what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('COLCON_', 'PYTEST_'))}
    environment['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{environment.get("PATH", "")}'
    assert COLCON is not None
    done = subprocess.run(
        [COLCON, '--log-base', 'log', *arguments],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """Return a workspace with a clean copy of the tree in it."""
    folder = tmp_path_factory.mktemp('checkout')
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip('this tree is no git checkout')
    for name in filter(None, listed.stdout.split('\0')):
        if (ROOT / name).is_file():
            target = folder / 'src' / 'famda_ros' / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


@pytest.fixture(scope='module')
def workspace(checkout):
    """Build it, as a user's colcon would."""
    folder = checkout
    said = colcon(folder, 'build')
    assert 'Failed to parse ROS package manifest' not in said
    assert '1 package finished' in said
    return folder


KINDS = ['launch/*.launch.py', 'config/*.yaml', 'config/*.xml', 'config/rviz/*.rviz', 'models/street.onnx']


@pytest.mark.slow
@needs_colcon
def test_colcon_build_puts_everything_where_ros_looks(workspace):
    prefix = workspace / 'install' / 'famda_ros'
    for executable in setup_argument('entry_points')['console_scripts']:
        script = prefix / 'lib' / 'famda_ros' / executable.partition(' ')[0]
        assert os.access(script, os.X_OK)
        assert script.read_text().startswith('#!/usr/bin/env python3')
    share = prefix / 'share'
    assert (share / 'ament_index' / 'resource_index' / 'packages' / 'famda_ros').is_file()
    assert (share / 'famda_ros' / 'package.xml').is_file()
    assert (share / 'famda_ros' / 'hook' / 'ament_prefix_path.sh').is_file()
    for folder in ('launch', 'config', 'models'):
        for path in (ROOT / folder).rglob('*.*'):
            if path.is_file() and path.parent.name not in ('__pycache__', 'research'):
                assert (share / 'famda_ros' / path.relative_to(ROOT)).is_file()
    assert not (share / 'famda_ros' / 'models' / 'research').exists()  # not for every use
    weights = next(prefix.glob('lib/python*/site-packages/famda_train'), None)
    assert weights is not None
    for path in (ROOT / 'famda_train' / 'weights').glob('*.safetensors'):
        assert (weights / 'weights' / path.name).stat().st_size == path.stat().st_size


@needs_colcon
@pytest.mark.parametrize('kind', KINDS)
def test_launch_config_and_model_are_there(workspace, kind):
    assert list((workspace / 'install' / 'famda_ros' / 'share' / 'famda_ros').glob(kind))


@needs_colcon
def test_an_installed_executable_starts(workspace):
    command = '. install/setup.sh && install/famda_ros/lib/famda_ros/famda --version'
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    done = subprocess.run(
        ['sh', '-c', command],
        cwd=workspace,
        env={**os.environ, 'PATH': path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'famda {famda_ros.__version__}\n'


@pytest.mark.slow
@needs_colcon
def test_colcon_test_really_runs_tests(workspace):
    colcon(workspace, 'test', '--return-code-on-test-failure', '--pytest-args', SMALL_TESTS)
    said = colcon(workspace, 'test-result', '--all')
    counted = re.search(r'Summary: (\d+) tests?, 0 errors, 0 failures', said)
    assert counted, said
    assert int(counted[1]) > 5


@pytest.mark.slow
def test_pip_installs_the_model_too(checkout, tmp_path):
    """In the wheel that `pip install .` makes, at the place under the prefix where the package looks."""
    command = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '--no-index', '-q', '-w']
    source = shutil.copytree(
        checkout / 'src' / 'famda_ros', tmp_path / 'source', ignore=shutil.ignore_patterns('build', '*.egg-info')
    )
    done = subprocess.run([*command, str(tmp_path), str(source)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob('*.whl')
    name = f'famda_ros-{famda_ros.__version__}.data/data/share/famda_ros/models/street.onnx'
    with zipfile.ZipFile(wheel) as content:
        assert content.read(name) == (ROOT / 'models' / 'street.onnx').read_bytes()


@needs_colcon
def test_an_installed_package_finds_its_model(workspace):
    """Not that of this checkout."""
    script = 'from famda_ros.resources import DEFAULT_MODEL, resolve; print(resolve(DEFAULT_MODEL))'
    done = subprocess.run(
        ['sh', '-c', f'. install/setup.sh && {sys.executable} -c "{script}"'],
        cwd=workspace, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == workspace / 'install/famda_ros/share/famda_ros/models/street.onnx'
