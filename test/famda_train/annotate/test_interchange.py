# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import FrameRecord
from famda_ros.student.label_space import FLAT7, IGNORE
from famda_train.annotate.interchange import read_labels, write_labels

WIDTH, HEIGHT = 9, 6
FRAME = FrameRecord('a', 'images/a.png', WIDTH, HEIGHT)
LABELS = arrays(np.uint8, (HEIGHT, WIDTH), elements=st.sampled_from([*range(len(FLAT7)), IGNORE, IGNORE]))


@pytest.mark.parametrize('suffix', ['json', 'xml'])
@given(labels=LABELS)
@settings(max_examples=40)
def test_labels_come_back_as_they_were(tmp_path_factory, suffix, labels):
    path = tmp_path_factory.getbasetemp() / f'all.{suffix}'
    write_labels(path, [(FRAME, labels)], FLAT7)
    found, strangers = read_labels(path, [FRAME], FLAT7)
    assert not strangers
    assert np.array_equal(found.get('a', np.full_like(labels, IGNORE)), labels)


def test_coco_of_other_tools(tmp_path):
    """Polygons, counts that are not compressed, names without folders; small shapes lie over large ones."""
    small = {'size': [HEIGHT, WIDTH], 'counts': [0, 2, HEIGHT * WIDTH - 2]}  # two pixels of the first column
    shapes = [(small, 9), ([[0, 0, 6, 0, 6, 4, 0, 4]], 4)]
    values = {
        'images': [{'id': 8, 'file_name': 'a.jpg', 'width': WIDTH, 'height': HEIGHT},
                   {'id': 9, 'file_name': 'b.jpg', 'width': 3, 'height': 3}],
        'categories': [{'id': 4, 'name': 'sky'}, {'id': 9, 'name': 'flat'}],
        'annotations': [{'image_id': 8, 'category_id': c, 'segmentation': s} for s, c in shapes],
    }  # fmt: skip
    (tmp_path / 'all.json').write_text(json.dumps(values))
    found, strangers = read_labels(tmp_path / 'all.json', [FRAME], FLAT7)
    wanted = np.full((HEIGHT, WIDTH), IGNORE)
    wanted[:4, :6] = FLAT7.classes.index('sky')
    wanted[:2, 0] = FLAT7.classes.index('flat')
    assert np.array_equal(found['a'], wanted) and strangers == ['b.jpg']


def test_two_frames_of_one_name_are_told_apart_by_their_folders(tmp_path):
    frames = [FrameRecord(f'{folder}_a', f'images/{folder}/a.png', WIDTH, HEIGHT) for folder in '12']
    labels = np.full((HEIGHT, WIDTH), 2, np.uint8)
    write_labels(tmp_path / 'all.xml', [(frames[0], labels)], FLAT7)
    assert list(read_labels(tmp_path / 'all.xml', frames, FLAT7)[0]) == ['1_a']
    write_labels(tmp_path / 'all.xml', [(FRAME, labels)], FLAT7)
    assert read_labels(tmp_path / 'all.xml', frames, FLAT7) == ({}, ['images/a.png'])


def test_cvat_of_other_tools(tmp_path):
    (tmp_path / 'all.xml').write_text(f"""<?xml version="1.0"?><annotations><version>1.1</version>
        <image id="0" name="a.png" width="{WIDTH}" height="{HEIGHT}">
        <mask label="sky" rle="1, 3" left="2" top="1" width="2" height="2" z_order="1"/>
        <polygon label="flat" points="0.0,0.0;8.0,0.0;8.0,3.0;0.0,3.0" z_order="0"><attribute name="x"/></polygon>
        </image></annotations>""")
    wanted = np.full((HEIGHT, WIDTH), IGNORE)
    wanted[:4] = FLAT7.classes.index('flat')
    wanted[1, 3], wanted[2, 2:4] = [FLAT7.classes.index('sky')] * 2
    assert np.array_equal(read_labels(tmp_path / 'all.xml', [FRAME], FLAT7)[0]['a'], wanted)


@pytest.mark.parametrize(('name', 'content', 'reason'), [
    ('a.json', '{', 'is damaged'),
    ('a.json', '{"images": [], "annotations": []}', 'is damaged'),
    ('a.xml', '<annotations>', 'is damaged'),
    ('a.xml', '<a><image name="a.png" width="3" height="3"/></a>', 'is 3x3 there, and 9x6'),
    ('a.xml', '<a><image name="a.png" width="9" height="6"><mask label="cat" rle="0, 1" left="0" top="0" width="1" '
              'height="1"/></image></a>', "has the class 'cat'"),
    ('a.xml', '<a><image name="a.png" width="9" height="6"><mask label="sky" rle="0, 99" left="0" top="0" width="9" '
              'height="11"/></image></a>', 'outside its image'),
    ('a.txt', '', 'must end in .json'),
])  # fmt: skip
def test_what_cannot_be_read_is_refused(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(FamdaError, match=reason):
        read_labels(tmp_path / name, [FRAME], FLAT7)
    with pytest.raises(FamdaError):
        read_labels(tmp_path / f'missing_{name}', [FRAME], FLAT7)
