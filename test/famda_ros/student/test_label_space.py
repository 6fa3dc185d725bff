# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Label spaces."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import (
    BUILT_IN,
    CITYSCAPES19,
    IGNORE,
    LABEL_SPACES,
    LabelSpace,
    get_label_space,
    parse_label_space,
    read_label_space,
    reference,
    register,
)

SPACES = [get_label_space(name) for name in BUILT_IN]


@pytest.mark.parametrize('space', SPACES, ids=BUILT_IN)
def test_the_number_in_the_name_is_the_number_of_classes(space):
    assert space.name.endswith(str(len(space)))
    assert get_label_space(space.name) is space
    assert len(space) <= IGNORE


@pytest.mark.parametrize('space', SPACES, ids=BUILT_IN)
def test_the_palette_tells_classes_apart_and_leaves_ignore_black(space):
    palette = space.palette()
    assert (palette.shape, palette.dtype) == ((256, 3), np.uint8)
    assert not palette[len(space) :].any()
    assert len({tuple(color) for color in palette[: len(space)].tolist()}) == len(space)
    assert palette[: len(space)].any(axis=1).all()


@pytest.mark.parametrize('name', ['synthia16', 'synthia13'])
def test_synthia_keeps_the_order_and_colours_of_cityscapes(name):
    space = get_label_space(name)
    positions = [CITYSCAPES19.classes.index(c) for c in space.classes]
    assert positions == sorted(positions)
    assert space.colors == tuple(CITYSCAPES19.colors[i] for i in positions)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(FamdaError, match=r'cityscapes20.*vkitti8'):
        get_label_space('cityscapes20')


@pytest.mark.parametrize(
    'classes, colors', [(('a', 'b'), ((1, 2, 3),)), (('a', 'a'), ((1, 2, 3), (4, 5, 6)))], ids=['short', 'twice']
)
def test_malformed_spaces_are_refused(classes, colors):
    with pytest.raises(ValueError, match='bad'):
        LabelSpace('bad', classes, colors)


HALL = {
    'name': 'hall3',
    'classes': {
        'floor': {'color': [90, 90, 90]},
        'pallet': {'color': [200, 120, 0], 'thing': True, 'thin_in': ['floor']},
        'person': {'color': [220, 20, 60], 'thing': True},
    },
    'projections': {'flat7': {'floor': 'flat', 'person': 'human'}},
}
"""Indoors: without sky."""


NAME = st.text(st.characters(codec='utf-8', exclude_characters='/\x00', exclude_categories=('Cc', 'Cs')), min_size=1)
NAMES = st.lists(NAME.filter(str.strip), min_size=1, max_size=6, unique=True)


@given(st.data())
def test_a_definition_is_read_as_it_was_written(data):
    names = data.draw(NAMES)
    classes = {name: {'color': data.draw(st.lists(st.integers(0, 255), min_size=3, max_size=3))} for name in names}
    for name in names[1:]:
        classes[name]['thing'] = data.draw(st.booleans())
        classes[name]['thin_in'] = data.draw(st.lists(st.sampled_from([n for n in names if n != name]), unique=True))
    if data.draw(st.booleans()):
        classes[names[0]]['sky'] = True
    own = data.draw(st.lists(st.sampled_from(names), unique=True))
    values = {'name': 'x', 'classes': classes, 'projections': {'flat7': dict.fromkeys(own, 'flat')}}
    space = parse_label_space(values, 'it')
    text = yaml.safe_dump(space.to_dict(), sort_keys=False, allow_unicode=True)
    assert parse_label_space(yaml.safe_load(text), 'it') == space
    assert space.classes == tuple(names) and space.sky_id == (0 if 'sky' in classes[names[0]] else -1)


@pytest.mark.usefixtures('own_label_spaces_of_a_test')
def test_a_space_of_your_own_is_read_from_a_file_and_known_by_its_name(tmp_path):
    (tmp_path / 'hall.yaml').write_text(yaml.safe_dump(HALL, sort_keys=False))
    space = get_label_space('hall.yaml', tmp_path)
    assert get_label_space('hall3') is space and get_label_space(space.to_dict()) is space
    assert space.sky_id == -1 and space.things == ('pallet', 'person')
    assert reference(space) == space.to_dict() and reference(CITYSCAPES19) == 'cityscapes19'


GREY = [90, 90, 90]


OTHERS = [{'floor': {'color': GREY}}, {**HALL['classes'], 'floor': {'color': GREY, 'sky': True}}]


@pytest.mark.usefixtures('own_label_spaces_of_a_test')
@pytest.mark.parametrize('changed', OTHERS, ids=['classes', 'sky'])
def test_one_name_means_one_space(changed):
    register(parse_label_space(HALL, 'first'), 'first')
    other = parse_label_space({'name': 'hall3', 'classes': changed}, 'second')
    with pytest.raises(FamdaError, match=r"second has a label space 'hall3' with other .* give one of them another"):
        register(other, 'second')


RED = {'color': [255, 0, 0]}


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        ([], 'no names with values'),
        ({'name': 'x', 'classes': {'a': RED}, 'colour': 1}, "the key 'colour'"),
        ({'name': '', 'classes': {'a': RED}}, "'name' must be a text"),
        ({'name': 'x', 'classes': {}}, '1 to 255 classes'),
        ({'name': 'x', 'classes': {f'c{i}': RED for i in range(256)}}, '1 to 255 classes'),
        ({'name': 'x', 'classes': {False: RED}}, 'the class False must be a text; put it in quotes'),
        ({'name': 'x', 'classes': {'a': {}}}, "needs 'color: "),
        ({'name': 'x', 'classes': {'a': {'color': [0, 0, 256]}}}, "the colour of 'a'"),
        ({'name': 'x', 'classes': {'a': {**RED, 'thin': True}}}, "the unknown key 'thin'"),
        ({'name': 'x', 'classes': {'a': {**RED, 'sky': 'yes'}}}, 'must be true or false'),
        ({'name': 'x', 'classes': {'a': {**RED, 'sky': True}, 'b': {**RED, 'sky': True}}}, 'not a and b'),
        ({'name': 'x', 'classes': {'a': {**RED, 'thin_in': ['b']}}}, "thin in 'b'"),
        ({'name': 'x', 'classes': {'a': RED}, 'projections': {'flat7': {'b': 'flat'}}}, "names 'b'"),
    ],
)
def test_a_definition_that_cannot_be_is_refused_in_one_sentence(values, reason, tmp_path):
    (tmp_path / 'space.yaml').write_text(yaml.safe_dump(values, sort_keys=False))
    with pytest.raises(FamdaError) as error:
        read_label_space(tmp_path / 'space.yaml')
    assert all(part in str(error.value) for part in (reason, 'space.yaml', 'docs/label-spaces.md'))


def test_a_projection_to_a_class_that_a_known_label_space_has_not_is_refused():
    values = {'name': 'typed', 'classes': {'a': RED}, 'projections': {'flat7': {'a': 'flatt'}, 'unread': {'a': 'b'}}}
    with pytest.raises(FamdaError, match="projects to 'flatt' of 'flat7', which has no such class; choose one of flat"):
        get_label_space(values)
    assert 'typed' not in LABEL_SPACES
