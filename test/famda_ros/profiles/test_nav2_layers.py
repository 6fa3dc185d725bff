# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import yaml
from tiny_student import tiny_card, tiny_masks_card

from famda_ros.errors import FamdaError
from famda_ros.profiles.nav2_layers import RECIPE, class_types, local_costmap
from famda_ros.resources import resource
from famda_ros.student.label_space import LABEL_SPACES, LabelSpace
from famda_ros.student.model_card import read_card

COLORS = tuple((40 * i, 90, 30) for i in range(5))
WAREHOUSE = ('floor', 'rack', 'pallet: full', 'Größe "L"', 'person')
INDOORS = LabelSpace('indoors5', WAREHOUSE, COLORS, ground=('floor',))
TOPICS = ('segmentation_topic', 'confidence_topic', 'labels_topic', 'pointcloud_topic')


def layers(text):
    """Return the parameters of the semantic layer's camera, those of the voxel layer's, and all."""
    costmap = yaml.safe_load(text)['local_costmap']['local_costmap']['ros__parameters']
    return costmap['semantic_layer']['camera'], costmap['voxel_layer']['camera'], costmap


def shipped():
    return resource(RECIPE).read_text(encoding='utf-8')


def test_the_file_that_ships_is_that_of_the_student_that_ships():
    filled = local_costmap(read_card(resource('models/street.onnx')))
    assert [line for line in filled.splitlines() if line not in shipped().splitlines()] == [
        '# Classes are those of the label space "flat7".'
    ]
    assert yaml.safe_load(filled) == yaml.safe_load(shipped())


def test_classes_of_your_own_without_sky():
    semantic, voxels, costmap = layers(local_costmap(tiny_card(label_space=INDOORS)))
    assert semantic['class_types'] == ['traversable', 'danger'] and 'nothing' not in semantic
    assert semantic['traversable']['classes'] == ['floor'] and semantic['danger']['classes'] == list(WAREHOUSE[1:])
    was, voxels_before, before = layers(shipped())
    for kind in semantic['class_types']:  # costs and confidence stay
        assert semantic[kind] | {'classes': None} == was[kind] | {'classes': None}
    assert voxels == voxels_before and costmap['inflation_layer'] == before['inflation_layer']
    assert {key: semantic[key] for key in TOPICS} == {key: was[key] for key in TOPICS}
    assert 'ky is beyond range' not in local_costmap(tiny_card(label_space=INDOORS))


@pytest.mark.parametrize('name', sorted(LABEL_SPACES))
def test_every_class_has_one_type(name):
    semantic, _, _ = layers(local_costmap(tiny_card(label_space=LABEL_SPACES[name])))
    named = [one for kind in semantic['class_types'] for one in semantic[kind]['classes']]
    assert sorted(named) == sorted(LABEL_SPACES[name].classes)


def test_without_ground_nothing_is_traversable_and_a_sky_is_no_ground():
    assert class_types(LabelSpace('n', ('a', 'b'), COLORS[:2])) == {'danger': ('a', 'b')}
    both = LabelSpace('s', ('a', 'b'), COLORS[:2], sky='b', ground=('b',))
    assert class_types(both) == {'danger': ('a',), 'nothing': ('b',)}
    semantic, _, _ = layers(local_costmap(tiny_card(label_space=LabelSpace('n', ('a', 'b'), COLORS[:2]))))
    assert semantic['class_types'] == ['danger'] and {'traversable', 'nothing'}.isdisjoint(semantic)


@pytest.mark.parametrize(
    ('camera', 'namespace'), [('/front', '/front'), ('robot/front/', '/robot/front'), ('/', ''), ('', '')]
)
def test_topics_of_a_camera(camera, namespace):
    semantic, voxels, _ = layers(local_costmap(tiny_card(), camera))
    was, voxels_before, _ = layers(shipped())
    assert [semantic[key] for key in TOPICS] == [was[key].replace('/camera', namespace, 1) for key in TOPICS]
    assert voxels['topic'] == voxels_before['topic'].replace('/camera', namespace, 1)


@pytest.mark.parametrize('camera', ['fro nt', '/a"b', '/1st', '/a//b', '/a\nb'])
def test_what_is_no_namespace_is_refused(camera):
    with pytest.raises(FamdaError, match='is no namespace'):
        local_costmap(tiny_card(), camera)


def test_a_student_of_masks_alone_is_refused():
    with pytest.raises(FamdaError, match='gives no confidence, and the semantic layer needs'):
        local_costmap(tiny_masks_card())
    with pytest.raises(FamdaError, match='gives no depth, and both layers need'):
        local_costmap(tiny_masks_card(outputs=('labels', 'confidence')))
