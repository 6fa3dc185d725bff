# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json
import os
import tempfile
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.errors import FamdaError
from famda_train.label_store.label_picture import dequantise, quantise
from famda_train.label_store.label_store import LabelStore

MASKS = {'name': 'felzenszwalb', 'kind': 'segments', 'settings': {'scale': 60}}
DEPTH = {'name': 'toy', 'kind': 'depth'}


@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(-100, 1000, width=32) | st.just(np.nan) | st.just(np.inf)))
def test_quantisation_error_is_half_a_level(values):
    raw, scale, offset = quantise(values)
    back, finite = dequantise(raw, scale, offset), np.isfinite(values)
    assert np.isnan(back[~finite]).all()
    if finite.any():
        spread = float(values[finite].max()) - float(values[finite].min())
        # Half a level, and what float32 itself rounds off at this magnitude.
        allowed = max(spread / 131068, 0.5e-9) + 1e-6 * np.abs(values[finite]).max()
        assert np.abs(back[finite] - values[finite]).max() <= allowed * 1.01


def test_segments_come_back_exactly(tmp_path):
    segments = np.random.default_rng(0).integers(0, 65536, (6, 7))
    LabelStore.create(tmp_path, 'masks', MASKS).write_segments('a', segments)
    store = LabelStore.open(tmp_path, 'masks', 'felzenszwalb')
    assert 'a' in store and 'b' not in store
    np.testing.assert_array_equal(store.read_segments('a'), segments)


def test_too_many_masks_are_refused(tmp_path):
    with pytest.raises(ValueError, match='16 bits'):
        LabelStore.create(tmp_path, 'masks', MASKS).write_segments('a', np.full((2, 2), 70000))


def test_another_teacher_is_never_mixed_in(tmp_path):
    LabelStore.create(tmp_path, 'masks', MASKS)
    path = tmp_path / 'teachers' / 'masks-felzenszwalb'
    before = (path / 'teacher.json').read_bytes()
    with pytest.raises(FamdaError, match=r'settings \(settings\.scale is 60 there, 80 here\).*masks-options\.name'):
        LabelStore.create(tmp_path, 'masks', {**MASKS, 'settings': {'scale': 80}})
    with pytest.raises(FamdaError, match=r'only here, weights_sha256 is "ab"'):
        LabelStore.create(tmp_path, 'masks', {**MASKS, 'weights_sha256': 'ab'})
    with pytest.raises(FamdaError, match=r'only there, settings is'):
        LabelStore.create(tmp_path, 'masks', {'name': 'felzenszwalb', 'kind': 'segments'})
    assert (path / 'teacher.json').read_bytes() == before


def test_a_store_that_lost_its_card_is_refused(tmp_path):
    store = LabelStore.create(tmp_path, 'masks', MASKS)
    store.write_segments('a', np.ones((2, 2), int))
    (store.path / 'teacher.json').unlink()
    for rest in ('index.jsonl', 'a.png'):  # with index and picture, then with the picture alone
        with pytest.raises(FamdaError, match=r'its teacher\.json is gone'):
            LabelStore.create(tmp_path, 'masks', {**MASKS, 'settings': {'scale': 80}})
        with pytest.raises(FamdaError, match=r'its teacher\.json is gone'):
            LabelStore.open(tmp_path, 'masks', 'felzenszwalb')
        assert LabelStore.names(tmp_path) == [('masks', 'felzenszwalb')] and not (store.path / 'teacher.json').exists()
        (store.path / rest).unlink()
    assert LabelStore.names(tmp_path) == []
    assert len(LabelStore.create(tmp_path, 'masks', MASKS).entries) == 0  # what a run leaves that was killed at once


@pytest.mark.parametrize('content', ['[]', '{}', '{"kind": 3}', 'no JSON'])
def test_a_damaged_card_is_named(tmp_path, content):
    (LabelStore.create(tmp_path, 'masks', MASKS).path / 'teacher.json').write_text(content)
    with pytest.raises(FamdaError, match=r'teacher\.json. is damaged'):
        LabelStore.open(tmp_path, 'masks', 'felzenszwalb')
    with pytest.raises(FamdaError, match=r'teacher\.json. is damaged'):
        LabelStore.create(tmp_path, 'masks', MASKS)


@pytest.mark.skipif(not os.path.isdir('/sys/kernel'), reason='there is no /sys, in which nobody may make folders')
def test_where_nothing_may_be_written_no_room_is_asked_for():
    with pytest.raises(FamdaError, match=r"cannot write to '/sys/.*get the right") as error:
        LabelStore.create('/sys/kernel', 'masks', MASKS)
    assert 'make room' not in str(error.value)


def test_what_a_teacher_tells_beside_its_values_may_change(tmp_path):
    LabelStore.create(tmp_path, 'masks', {**MASKS, 'licence': 'MIT', 'note': 'old'})
    LabelStore.create(tmp_path, 'masks', {**MASKS, 'licence': {'weights': 'MIT', 'non_commercial': False}})


def test_tuples_of_settings_are_lists_in_the_store(tmp_path):
    for _ in range(2):
        LabelStore.create(tmp_path, 'masks', {**MASKS, 'settings': {'sizes': (1, 2)}})


@pytest.mark.parametrize('name', ['', '../up', 'a/b', '.hidden', 'a b'])
def test_names_that_are_no_folders_are_refused(tmp_path, name):
    with pytest.raises(FamdaError, match='name of a folder'):
        LabelStore.create(tmp_path, 'masks', {**MASKS, 'name': name})


@given(hnp.arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32) | st.just(np.nan)))
def test_reliability_comes_back_to_half_a_step(values):
    with tempfile.TemporaryDirectory() as folder:
        store = LabelStore.create(folder, 'depth', DEPTH)
        store.write_depth('a', np.ones((4, 5)), values)
        store.write_depth('b', np.ones((4, 5)))
        back = LabelStore.open(folder, 'depth', 'toy').read_reliability('a')
        assert LabelStore.open(folder, 'depth', 'toy').read_reliability('b') is None
    assert back.dtype == np.float32
    assert np.abs(back - np.nan_to_num(values)).max() <= 0.5 / 255 + 1e-6


def test_the_index_ends_in_the_order_of_stems_whatever_came_first(tmp_path):
    for name, stems in (('one', 'abc'), ('two', 'cab')):
        store = LabelStore.create(tmp_path / name, 'depth', DEPTH)
        for stem in stems:
            store.write_depth(stem, np.full((2, 2), ord(stem), np.float32))
        store.tidy()
    paths = [tmp_path / name / 'teachers' / 'depth-toy' / 'index.jsonl' for name in ('one', 'two')]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_picture_that_is_gone_is_missing(tmp_path):
    store = LabelStore.create(tmp_path, 'masks', MASKS)
    for stem in 'abc':
        store.write_segments(stem, np.ones((2, 2), int))
    store.picture_path('b').unlink()
    assert store.missing('abcd') == [1, 3]


def test_reliability_that_is_gone_is_missing_where_there_was_some(tmp_path):
    store = LabelStore.create(tmp_path, 'depth', DEPTH)
    for stem in 'ab':
        store.write_depth(stem, np.ones((2, 2)), np.ones((2, 2)))
    store.write_depth('c', np.ones((2, 2)))
    store.reliability_path('b').unlink()
    assert store.missing('abc') == [1]


def test_the_index_has_the_checksum_of_the_pictures(tmp_path):
    store = LabelStore.create(tmp_path, 'depth', DEPTH)
    store.write_depth('a', np.eye(3), np.eye(3))
    store.write_depth('b', np.eye(3))
    both = store.picture_path('a').read_bytes() + store.reliability_path('a').read_bytes()
    assert store.entries['a']['crc32'] == f'{zlib.crc32(both):08x}'
    assert store.entries['b']['crc32'] == f'{zlib.crc32(store.picture_path("b").read_bytes()):08x}'


def test_the_size_is_that_of_entries_alone(tmp_path):
    store = LabelStore.create(tmp_path, 'depth', DEPTH)
    store.write_depth('a', np.ones((2, 2)), np.ones((2, 2)))
    size = sum(path.stat().st_size for path in store.path.glob('*.png'))
    (store.path / 'of_nobody.png').write_bytes(b'0' * 1000)
    assert store.mb_per_1000_frames() == pytest.approx(size / 1000)


def test_one_writes_at_a_time_and_what_a_killed_one_left_is_removed(tmp_path):
    store = LabelStore.create(tmp_path, 'masks', MASKS)
    stale = store.path / '.a.png.123.tmp.png'
    stale.touch()
    other = LabelStore.create(tmp_path, 'masks', MASKS)
    with store.locked():
        assert not stale.exists()
        with pytest.raises(FamdaError, match='another famda label'), other.locked():
            pass
    with other.locked():
        pass


def test_a_cut_short_line_costs_one_entry(tmp_path):
    store = LabelStore.create(tmp_path, 'depth', DEPTH)
    for stem in 'abc':
        store.write_depth(stem, np.ones((2, 2), np.float32))
    index = store.path / 'index.jsonl'
    index.write_text(index.read_text()[:-9])  # as a kill in the middle of a write leaves it
    again = LabelStore.create(tmp_path, 'depth', DEPTH)
    assert 'b' in again and 'c' not in again
    with again.locked():
        again.write_depth('c', np.full((2, 2), 5, np.float32))
    reread = LabelStore.open(tmp_path, 'depth', 'toy')
    assert reread.read_depth('c').max() == 5
    assert [json.loads(line)['stem'] for line in index.read_text().splitlines()] == ['a', 'b', 'c']


def test_missing_store_and_missing_entry_say_what_to_run(tmp_path):
    with pytest.raises(FamdaError, match=r'make it with famda label and --depth street-world .*, or .* null'):
        LabelStore.open(tmp_path, 'depth', 'street-world')
    with pytest.raises(FamdaError, match=r"no store 'depth-toy' .*stores of depth there: none yet"):
        LabelStore.open(tmp_path, 'depth', 'toy')
    LabelStore.create(tmp_path, 'depth', DEPTH)
    with pytest.raises(FamdaError, match='famda label again'):
        LabelStore.open(tmp_path, 'depth', 'toy').read_depth('a')


def test_opening_only_reads(tmp_path):
    store = LabelStore.create(tmp_path, 'masks', MASKS)
    store.write_segments('a', np.ones((2, 2), int))
    index = store.path / 'index.jsonl'
    index.write_text(index.read_text() + '{"stem": "b", "ma')  # another process is writing this line
    unfinished = index.read_bytes()
    assert list(LabelStore.open(tmp_path, 'masks', 'felzenszwalb').entries) == ['a']
    assert list(LabelStore.create(tmp_path, 'masks', MASKS).entries) == ['a']
    assert index.read_bytes() == unfinished
    with LabelStore.create(tmp_path, 'masks', MASKS).locked():
        assert index.read_bytes() == unfinished[: unfinished.rfind(b'\n') + 1]


@pytest.mark.parametrize('stem', ['../up', 'a/b', '', '.hidden', '/etc/x'])
def test_stems_cannot_leave_the_store(tmp_path, stem):
    store = LabelStore.create(tmp_path / 'frames', 'masks', MASKS)
    with pytest.raises(FamdaError, match='the stem'):
        store.write_segments(stem, np.ones((2, 2), int))
    (store.path / 'index.jsonl').write_text(json.dumps({'stem': stem, 'masks': 1}) + '\n')
    with pytest.raises(FamdaError, match=r'index\.jsonl., line 1 is damaged'):
        LabelStore.open(tmp_path / 'frames', 'masks', 'felzenszwalb')
    assert not list(tmp_path.rglob('*.png'))


@pytest.mark.parametrize('values', [{'scale': 0}, {'scale': '1'}, {'offset': None}, {'scale': -1.0}, {'offset': 1e300}])
def test_values_that_turn_no_picture_into_depth_are_refused(tmp_path, values):
    store = LabelStore.create(tmp_path, 'depth', DEPTH)
    store.write_depth('a', np.ones((2, 2), np.float32))
    index = store.path / 'index.jsonl'
    index.write_text(json.dumps({**json.loads(index.read_text()), **values}) + '\n')
    with pytest.raises(FamdaError, match='line 1 is damaged'):
        LabelStore.open(tmp_path, 'depth', 'toy')


@pytest.mark.parametrize('masks', [None, '3', -1, 65536, True, 1.5])
def test_a_number_of_masks_that_cannot_be_is_refused(tmp_path, masks):
    store = LabelStore.create(tmp_path, 'masks', MASKS)
    (store.path / 'index.jsonl').write_text(json.dumps({'stem': 'a', 'masks': masks}) + '\n')
    with pytest.raises(FamdaError, match='line 1 is damaged'):
        LabelStore.open(tmp_path, 'masks', 'felzenszwalb')


@pytest.mark.parametrize(
    'change', [{'kind': 'depth'}, {'name': 3}, {'name': '../up'}, {'name': 'other'}, {'settings': 3}, {'licence': 3}]
)
def test_a_card_that_describes_no_mask_teacher_is_refused(tmp_path, change):
    card = LabelStore.create(tmp_path, 'masks', MASKS).path / 'teacher.json'
    card.write_text(json.dumps({**MASKS, **change}))
    with pytest.raises(FamdaError, match=r'teacher\.json. is damaged'):
        LabelStore.open(tmp_path, 'masks', 'felzenszwalb')


def test_a_picture_of_another_encoding_is_named(tmp_path):
    store = LabelStore.create(tmp_path, 'masks', MASKS)
    store.write_segments('a', np.ones((2, 2), int))
    cv2.imwrite(str(store.picture_path('a')), np.ones((2, 2, 3), np.uint8))
    with pytest.raises(FamdaError, match=r'a\.png. is uint8 with 3 channels instead of uint16 in one channel'):
        store.read_segments('a')
