# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The index of a frame folder and its pictures: what can be is read, what cannot be is one sentence."""
import json
import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import (
    FrameRecord,
    focal_at,
    focal_fault,
    load_json,
    picture_fault,
    read_frame_index,
    read_picture,
    record_fault,
    same_view,
    stem_fault,
    write_frame_index,
)

RECORD = FrameRecord('000000', 'images/000000.png', 64, 32, 45.0, {'stamp_ns': 7})
LINE = {'stem': '000000', 'image': 'images/000000.png', 'width': 64, 'height': 32, 'focal': 45.0, 'extra': {}}


def test_what_is_written_is_read(tmp_path):
    records = [RECORD, FrameRecord('b c-ü', 'b.jpg', 1, 1)]
    write_frame_index(tmp_path, records)
    assert read_frame_index(tmp_path) == records
    write_frame_index(tmp_path, [])
    assert read_frame_index(tmp_path) == []


def test_a_byte_order_mark_is_no_part_of_the_index(tmp_path):
    write_frame_index(tmp_path, [RECORD])
    path = tmp_path / 'frames.jsonl'
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert read_frame_index(tmp_path) == [RECORD]


def test_no_image_is_that_of_two_frames(tmp_path):
    lines = [LINE, {**LINE, 'stem': 'b', 'image': './images//000000.png'}]
    (tmp_path / 'frames.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    with pytest.raises(FamdaError, match=r"line 2 is damaged \(the image '.*' is that of the frame '000000' already"):
        read_frame_index(tmp_path)


def test_a_key_that_stands_twice_is_named():
    assert load_json('{"a": {"b": 1}, "b": 1}') == {'a': {'b': 1}, 'b': 1}
    for text in ('{"a": 1, "a": 2}', '[{"b": {"a": 1, "a": 1}}]'):
        with pytest.raises(ValueError, match="'a' stands twice"):
            load_json(text)


@pytest.mark.parametrize(
    ('key', 'value', 'sentence'),
    [
        ('stem', 3, 'the stem must be a text'), ('stem', [], 'the stem must be a text'),
        ('stem', '', 'the stem must be a text'),
        ('stem', '../up', 'no plain file name'), ('stem', 'a/b', 'no plain file name'),
        ('stem', '.tmp', 'no plain file name'), ('stem', 'a.reliability', 'no plain file name'),
        ('stem', 'x' * 300, 'longer than 200 bytes'), ('stem', '\ud800', 'surrogates not allowed'),
        ('image', '/etc/passwd', 'inside the folder'), ('image', 'a/../../b.png', 'inside the folder'),
        ('image', None, 'must be a path'), ('width', 0, 'width must be a whole number'),
        ('width', 64.5, 'not 64.5'), ('height', True, 'height must be a whole number'),
        ('height', 10**400, 'beyond all bounds'), ('focal', '45', "not '45'"), ('focal', -45.0, 'not -45.0'),
        ('focal', 4.2, r'12.8 to 640 \(0.2 to 10 widths'), ('focal', math.nan, 'NaN is no number'),
        ('focal', 10**400, 'beyond all bounds'), ('extra', [], 'extra must be an object'),
        ('extra', {'stamp_ns': -1}, 'stamp_ns must be'), ('extra', {'stamp_ns': 0.5}, 'stamp_ns must be'),
        ('colour', 1, "unexpected keyword argument 'colour'"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_names_file_and_line(tmp_path, key, value, sentence):
    other = {**LINE, 'stem': 'other'}
    (tmp_path / 'frames.jsonl').write_text(f'{json.dumps(other)}\n{json.dumps({**LINE, key: value})}\n')
    with pytest.raises(FamdaError, match=rf'frames\.jsonl., line 2 is damaged \(.*{sentence}') as error:
        read_frame_index(tmp_path)
    assert '\n' not in str(error.value)


def test_a_stem_that_occurs_twice_is_refused(tmp_path):
    (tmp_path / 'frames.jsonl').write_text(json.dumps(LINE) + '\n' + json.dumps({**LINE, 'image': 'b.png'}) + '\n')
    with pytest.raises(FamdaError, match=r"line 2 is damaged \(the stem '000000' stands for an earlier frame"):
        read_frame_index(tmp_path)


@pytest.mark.parametrize('content', [b'\xff\xfe', b'[' * 100_000, b'{"stem": 1', b'[]', b'3', None])
def test_what_is_no_index_is_one_sentence(tmp_path, content):
    if content is not None:
        (tmp_path / 'frames.jsonl').write_bytes(content)
    with pytest.raises(FamdaError, match=r'frames\.jsonl.* damaged'):
        read_frame_index(tmp_path)


@given(st.text(max_size=250))
def test_a_stem_without_fault_names_a_file_of_its_folder(stem):
    if stem_fault(stem) is None:
        assert stem.strip('.') and '/' not in stem and '\0' not in stem and len(stem.encode()) <= 200


def test_the_focal_belongs_to_the_width_of_its_record():
    assert focal_at(RECORD, 32) == 22.5
    assert focal_at(FrameRecord('a', 'a.png', 64, 32), 32) is None
    assert focal_fault(None, 64) is None and focal_fault(0.2 * 64, 64) is None and focal_fault(640, 64) is None
    assert record_fault(RECORD) is None


@given(st.integers(40, 4000), st.integers(40, 4000), st.integers(2, 8), st.sampled_from([math.floor, round, math.ceil]))
def test_an_image_made_smaller_shows_the_same_view(width, height, factor, rounded):
    small = rounded(width / factor), rounded(height / factor)
    assert same_view(width, height, *small) and same_view(*small, width, height)


@pytest.mark.parametrize('size', [(64, 128), (96, 96), (128, 48), (64, 48), (1280, 720)])
def test_another_shape_is_another_view(size, tmp_path):
    assert not same_view(128, 64, *size)
    fault = picture_fault(FrameRecord('a', 'a.png', 128, 64), tmp_path / 'a.png', *size)
    assert fault and 'another shape' in fault and 'a.png' in fault


def written(path, array):
    assert cv2.imwrite(str(path), array)
    return path


def test_every_picture_is_three_colours_of_eight_bits(tmp_path):
    bgr = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    rgb, grey = bgr[..., ::-1], bgr[..., 0]
    plain = written(tmp_path / 'plain.png', bgr)
    alpha = written(tmp_path / 'alpha.png', np.dstack([bgr, np.zeros((6, 8), np.uint8)]))
    deep = written(tmp_path / 'deep.png', bgr.astype(np.uint16) * 257)
    for path in (plain, alpha, deep):
        np.testing.assert_array_equal(read_picture(path), rgb)
    for path in (written(tmp_path / 'grey.png', grey), written(tmp_path / 'g16.png', grey.astype(np.uint16) * 257)):
        np.testing.assert_array_equal(read_picture(path), np.dstack([grey] * 3))


def test_values_that_are_no_picture_are_refused_by_name(tmp_path):
    twelve = written(tmp_path / 'twelve.png', np.full((4, 4), 4095, np.uint16))
    with pytest.raises(FamdaError, match=r'twelve\.png. has 16-bit values that never exceed 4095'):
        read_picture(twelve)
    floats = written(tmp_path / 'floats.tiff', np.ones((4, 4), np.float32))
    with pytest.raises(FamdaError, match=r'floats\.tiff. is no 8-bit image of three colours but float32'):
        read_picture(floats)
    with pytest.raises(FamdaError, match=r'gone\.png.: missing or damaged'):
        read_picture(tmp_path / 'gone.png')


@pytest.mark.parametrize('text', ['NaN', '[Infinity]', '1e999', r'"\ud800"', '[' * 100_000, '{'])
def test_json_holds_finite_numbers_and_whole_characters(text):
    with pytest.raises(ValueError, match=r'.'):
        load_json(text)
    assert load_json(r'"\ud83d\ude00"') == load_json(rb'"\ud83d\ude00"') == '\U0001f600'
