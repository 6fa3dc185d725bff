# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The tables against a second copy of the published mappings, typed by class names instead of rows."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import BUILT_IN, CITYSCAPES19, IGNORE, get_label_space
from famda_train.datasets import label_maps
from famda_train.datasets.label_maps import projection, vkitti2_ids

PAIRS = [(name, other) for name in BUILT_IN for other in get_label_space(name).projections]

# cityscapesScripts: ids of the 19 evaluated classes in the order of their train ids.
IDS_OF_19 = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
CTRL = {
    'flat': ['road', 'sidewalk'],
    'construction': ['building', 'wall', 'fence'],
    'object': ['pole', 'traffic light', 'traffic sign'],
    'nature': ['vegetation', 'terrain'],
    'sky': ['sky'],
    'human': ['person', 'rider'],
    'vehicle': ['car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle'],
}
DENSEMTL_LEAVES_OUT = {'wall', 'terrain', 'rider', 'truck', 'bus', 'train', 'motorcycle'}
VKITTI8 = {
    'road': ['road'], 'building': ['building'], 'pole': ['pole'], 'traffic light': ['traffic light'],
    'traffic sign': ['traffic sign'], 'vegetation': ['vegetation'], 'sky': ['sky'], 'vehicle': ['car', 'bus'],
}  # fmt: skip
SYNTHIA = {
    'sky': 1, 'building': 2, 'road': 3, 'sidewalk': 4, 'fence': 5, 'vegetation': 6, 'pole': 7, 'car': 8,
    'traffic sign': 9, 'person': 10, 'bicycle': 11, 'motorcycle': 12, 'traffic light': 15, 'terrain': 16, 'rider': 17,
    'truck': 18, 'bus': 19, 'train': 20, 'wall': 21,
}  # fmt: skip
COLORS_OF_VKITTI2 = {
    (100, 60, 100): 'road', (140, 140, 140): 'building', (255, 130, 0): 'pole', (200, 200, 0): 'traffic light',
    (255, 255, 0): 'traffic sign', (0, 199, 0): 'vegetation', (90, 240, 0): 'vegetation', (90, 200, 255): 'sky',
    (160, 60, 60): 'vehicle', (255, 127, 80): 'vehicle', (0, 139, 139): 'vehicle',
    (210, 0, 200): None, (250, 100, 255): None, (80, 80, 80): None, (0, 0, 0): None,
}  # fmt: skip


def group_of(groups, name):
    """Return the index of the group that a class belongs to, 255 for none."""
    return next((i for i, members in enumerate(groups.values()) if name in members), IGNORE)


def expected_projection(target):
    """Return the train id in ``target`` of every Cityscapes class."""
    if target == 'flat7':
        return [group_of(CTRL, c) for c in CITYSCAPES19.classes]
    if target == 'densemtl7':
        return [IGNORE if c in DENSEMTL_LEAVES_OUT else group_of(CTRL, c) for c in CITYSCAPES19.classes]
    if target == 'vkitti8':
        return [group_of(VKITTI8, c) for c in CITYSCAPES19.classes]
    classes = get_label_space(target).classes
    return [classes.index(c) if c in classes else IGNORE for c in CITYSCAPES19.classes]


TARGETS = ['synthia16', 'synthia13', 'flat7', 'densemtl7', 'vkitti8']


@pytest.mark.parametrize('target', TARGETS)
def test_projections_of_cityscapes(target):
    assert projection('cityscapes19', target)[:19].tolist() == expected_projection(target)


@pytest.mark.parametrize('target', ['cityscapes19', *TARGETS])
def test_cityscapes_ids(target):
    expected = np.full(256, IGNORE)
    expected[IDS_OF_19] = range(19) if target == 'cityscapes19' else expected_projection(target)
    if target == 'flat7':
        expected[[29, 30]] = 6  # caravan and trailer are vehicles for CTRL
    for table in (label_maps.CITYSCAPES_LABEL_IDS, label_maps.GTA5_IDS):
        np.testing.assert_array_equal(table.table(target), expected)


def test_every_id_of_the_sets_is_known():
    assert label_maps.CITYSCAPES_LABEL_IDS.known == set(range(34))
    assert label_maps.GTA5_IDS.known == set(range(35))
    assert label_maps.SYNTHIA_IDS.known == set(range(23))
    assert label_maps.VKITTI2_IDS.known == set(range(15))
    assert label_maps.CAMVID_IDS.known == set(range(12))
    assert label_maps.CITYSCAPES_TRAIN_IDS.known == {*range(19), 255}


@pytest.mark.parametrize('target', ['cityscapes19', 'synthia16', 'synthia13'])
def test_synthia_ids_by_name(target):
    classes = get_label_space(target).classes
    expected = np.full(256, IGNORE)
    for name, identifier in SYNTHIA.items():
        if name in classes:
            expected[identifier] = classes.index(name)
    np.testing.assert_array_equal(label_maps.SYNTHIA_IDS.table(target), expected)


@pytest.mark.parametrize('target', ['flat7', 'densemtl7'])
def test_seven_classes_of_synthia(target):
    """DADA's table: as DenseMTL's of Cityscapes, and lane markings are flat."""
    expected = np.full(256, IGNORE)
    for name, identifier in SYNTHIA.items():
        expected[identifier] = IGNORE if name in DENSEMTL_LEAVES_OUT else group_of(CTRL, name)
    expected[22] = 0
    np.testing.assert_array_equal(label_maps.SYNTHIA_IDS.table(target), expected)


def test_colours_of_virtual_kitti():
    colors = COLORS_OF_VKITTI2
    ids = vkitti2_ids(np.array([list(colors)], np.uint8))
    classes = get_label_space('vkitti8').classes
    expected = [IGNORE if name is None else classes.index(name) for name in colors.values()]
    assert label_maps.VKITTI2_IDS.table('vkitti8')[ids][0].tolist() == expected
    assert set(ids[0].tolist()) == label_maps.VKITTI2_IDS.known


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_other_colours_are_no_id(color):
    known = {*COLORS_OF_VKITTI2}
    assert (vkitti2_ids(np.array([[color]], np.uint8))[0, 0] == IGNORE) == (color not in known)


@pytest.mark.parametrize('pair', PAIRS, ids='-'.join)
def test_projections_stay_within_their_spaces(pair):
    source, target = map(get_label_space, pair)
    table = projection(*pair)
    assert (table.shape, table.dtype) == ((256,), np.uint8)
    assert (table[len(source) :] == IGNORE).all()
    known = table[table != IGNORE]
    assert known.max() < len(target)
    if pair != ('cityscapes19', 'vkitti8'):
        assert set(known.tolist()) == set(range(len(target)))


@pytest.mark.parametrize('target', ['synthia13', 'flat7', 'densemtl7'])
def test_the_way_through_synthia16_is_the_direct_way_where_both_lead(target):
    direct, step = projection('cityscapes19', target), projection('cityscapes19', 'synthia16')
    roundabout = projection('synthia16', target)[step]
    kept = step != IGNORE
    np.testing.assert_array_equal(roundabout[kept], direct[kept])


def test_camvid_in_seven_classes():
    classes, flat = get_label_space('camvid11').classes, get_label_space('flat7').classes
    named = {name: flat[projection('camvid11', 'flat7')[i]] for i, name in enumerate(classes)}
    assert named == {
        'sky': 'sky', 'building': 'construction', 'fence': 'construction', 'pole': 'object', 'sign-symbol': 'object',
        'road': 'flat', 'pavement': 'flat', 'tree': 'nature', 'car': 'vehicle', 'pedestrian': 'human',
        'bicyclist': 'human',
    }  # fmt: skip


def test_a_space_is_its_own_projection():
    np.testing.assert_array_equal(projection('vkitti8', 'vkitti8'), np.arange(256))


@pytest.mark.parametrize(
    ('pair', 'sentence'),
    [
        (('camvid11', 'synthia16'), 'choose one of camvid11, flat7'),
        (('vkitti8', 'flat7'), 'take vkitti8'),
        (('vkitti8', 'flat8'), "unknown label space 'flat8'"),
    ],
)
def test_where_no_way_leads_is_said(pair, sentence):
    with pytest.raises(FamdaError, match=sentence):
        projection(*pair)
