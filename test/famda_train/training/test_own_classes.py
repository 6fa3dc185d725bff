# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Classes of your own, without sky, from a folder of frames to a student file that explains itself."""
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from small_street import HEIGHT, WIDTH
from training_runs import SELF, SOURCE, arguments, fit

from famda_ros.student.label_space import LABEL_SPACES
from famda_train.commands.cli import main
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.label_store.label_store import LabelStore

CLASSES = ('floor', 'rack', 'pallet', 'forklift', 'person')
SPACE = {
    'name': 'warehouse5',
    'classes': {
        name: {'color': [40 * i, 255 - 40 * i, 99], 'thing': i > 1, 'ground': i == 0} for i, name in enumerate(CLASSES)
    },
    'projections': {'flat7': {'floor': 'flat', 'rack': 'construction', 'forklift': 'vehicle', 'person': 'human'}},
}
KIND_OF = {'traversable': ['floor'], 'danger': ['rack', 'pallet', 'forklift', 'person']}
"""What Nav2 makes of them; none is sky."""
EXPORT_SCORE_AND_NAVIGATE = """
import sys
from famda_train.commands.cli import main
checkpoint, student, frames, scores, costmap = sys.argv[1:]
code = main(['export', checkpoint, frames, '--out', student])
code = code or main(['evaluate', student, frames, '--json', scores])
sys.exit(code or main(['nav2', student, '--camera', '/', '--out', costmap]))
"""


def write_hall(path, count, labelled, space):
    rng = np.random.default_rng(0)
    with FrameFolderWriter(path, name='hall', label_space=space) as writer:
        for index in range(count):
            labels = np.full((HEIGHT, WIDTH), index % len(CLASSES), np.uint8)
            labels[HEIGHT // 2 :] = 0
            image = (labels[..., None] * 50 + rng.integers(0, 20, (HEIGHT, WIDTH, 3))).astype(np.uint8)
            depth = np.full((HEIGHT, WIDTH), 4.0 + index, np.float32)
            truth = {'labels': labels, 'depth': depth} if labelled else {}
            writer.add(f'{index:06d}', image, focal=0.7 * WIDTH, **truth)


@pytest.fixture(scope='module')
def hall(tmp_path_factory):
    """A folder with frames, a student file that was made of them (label, fit, export), its scores, and a costmap."""
    folder = tmp_path_factory.mktemp('hall')
    file = folder / 'warehouse.yaml'
    file.write_text(yaml.safe_dump(SPACE, sort_keys=False))
    try:
        write_hall(folder / 'source', 6, True, str(file))
        write_hall(folder / 'hall', 4, False, None)
        file.unlink()  # the folder explains itself
        range_m = '--model.depth.range_m=[0.3, 20]'
        fit(arguments(SOURCE, folder, 'source.ckpt', range_m, steps=4))
        assert main(['label', str(folder / 'hall'), '--masks', 'felzenszwalb', '--depth', 'null']) == 0
        start = f'--model.init_from={folder / "source.ckpt"}'
        own = ['--data.depth=null', f'--data.target={folder / "hall"}', start, range_m]
        fit([a for a in arguments(SELF, folder, 'hall.ckpt', *own, steps=4) if 'model.network' not in a])
    finally:
        LABEL_SPACES.pop('warehouse5', None)
    # Another process has never heard of these classes.
    files = ('hall.ckpt', 'hall.onnx', 'source', 'scores.json', 'costmap.yaml')
    words = [sys.executable, '-c', EXPORT_SCORE_AND_NAVIGATE, *(str(folder / name) for name in files)]
    result = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_from_frames_to_a_student_file_that_knows_its_classes(hall):
    assert yaml.safe_load((hall / 'source' / 'dataset.yaml').read_text())['label_space'] == SPACE | {
        'classes': {n: {k: v for k, v in row.items() if v is not False} for n, row in SPACE['classes'].items()}
    }
    store = LabelStore.open(hall / 'hall', 'masks', 'felzenszwalb')
    assert all(frame.stem in store for frame in FrameFolder(hall / 'hall').frames)
    found = json.loads((hall / 'scores.json').read_text())
    assert tuple(found['iou']) == CLASSES and found['label_space'] == 'warehouse5'
    assert found['projections']['flat7']['not_scored'] == ['pallet']


def test_a_node_and_nav2_take_the_classes_from_the_student(hall, tmp_path, monkeypatch):
    """Names and colours of RViz's topics, and the layers that famda nav2 wrote, over real DDS."""
    pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')
    from perception_client import PerceptionClient, camera_info, stamp_of
    from sensor_msgs.msg import CameraInfo, Image

    from famda_ros.messages.image_messages import image_to_array
    from famda_ros.messages.point_cloud import POINT
    from famda_ros.nodes.label_publisher import fill_label_info
    from famda_ros.resources import resource

    costmap = yaml.safe_load((hall / 'costmap.yaml').read_text())['local_costmap']['local_costmap']['ros__parameters']
    layer = costmap['semantic_layer']['camera']
    mask, points, color, labels = (
        layer['segmentation_topic'], layer['pointcloud_topic'], '/segmentation/color', '/segmentation/labels',
    )  # fmt: skip
    outputs = mask, layer['confidence_topic'], points, color
    given = yaml.safe_load(resource('config/nav2/perception.yaml').read_text())['/**']['ros__parameters']
    given |= {f'points.{name}': value for name, value in given.pop('points').items()} | {'max_rate_hz': 0.0}
    image = FrameFolder(hall / 'hall').image(1)
    with PerceptionClient(tmp_path, 18, monkeypatch, model=str(hall / 'hall.onnx'), threads=1, **given) as client:
        info = client.publisher(CameraInfo, 'camera_info')
        client.publisher(Image, 'image')
        client.listen(*outputs, labels)
        client.wait_for(lambda: client.subscribers() and client.subscribers('camera_info'), 20, 'the node to listen')
        client.wait_for(lambda: all(client.node.count_publishers(topic) for topic in outputs), 20, 'outputs')
        info.publish(camera_info(1, WIDTH, HEIGHT, 0.7 * WIDTH))
        client.send(image, 1)
        client.wait_for(lambda: all(client.answers[topic] for topic in (*outputs, labels)), 20, 'answers')
        answers = {topic: client.answers[topic][0] for topic in (*outputs, labels)}
        if importlib.util.find_spec('vision_msgs'):  # not among the wheels
            assert client.node.count_publishers(layer['labels_topic'])
    known = json.loads(answers[labels].data)
    assert (known['label_space'], known['ignore']) == ('warehouse5', 255)
    assert [(row['id'], row['name'], row['color']) for row in known['classes']] == [
        (i, name, SPACE['classes'][name]['color']) for i, name in enumerate(CLASSES)
    ]
    named = fill_label_info(SimpleNamespace(), SimpleNamespace, [row['name'] for row in known['classes']], 0.0)
    assert {c.class_name for c in named.class_map} == {name for names in KIND_OF.values() for name in names}
    assert {kind: layer[kind]['classes'] for kind in layer['class_types']} == KIND_OF
    assert {stamp_of(answers[topic]) for topic in outputs} == {1}
    seen = image_to_array(answers[mask])
    assert seen.shape == (HEIGHT // 2, WIDTH // 2) and seen.max() < len(CLASSES)
    palette = np.array([SPACE['classes'][name]['color'] for name in CLASSES], np.uint8)
    np.testing.assert_array_equal(image_to_array(answers[color]), palette[seen])
    cloud = np.frombuffer(answers[points].data, POINT).reshape(seen.shape)
    np.testing.assert_array_equal(cloud['label'], seen)
