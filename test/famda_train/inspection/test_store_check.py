# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Verifying a label store: silent about a good one, and about a damaged one it names what is damaged."""
import json
import re

import cv2
import numpy as np
import pytest
from small_street import HEIGHT, WIDTH, write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.inspection.store_check import check_store
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.labelling import label_frames

MASKS, DEPTH = {'name': 'toy', 'kind': 'segments'}, {'name': 'toy', 'kind': 'depth'}
STEM = '000001'


def untracked(items, total):
    return items


@pytest.fixture
def folder(tmp_path):
    """Three frames with masks, and depth of known reliability."""
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 3))
    masks, depth = (LabelStore.create(folder.path, role, card) for role, card in (('masks', MASKS), ('depth', DEPTH)))
    values = np.random.default_rng(0).uniform(1, 50, (HEIGHT, WIDTH)).astype(np.float32)
    for frame in folder.frames:
        masks.write_segments(frame.stem, np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH))
        depth.write_depth(frame.stem, values, values / 50)
    return folder


def check(folder, role):
    return check_store(folder, role, 'toy', untracked)


@pytest.mark.parametrize('role', ['masks', 'depth'])
def test_a_good_store_is_left_alone(folder, role):
    path = folder.path / f'teachers/{role}-toy'
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    report = check(folder, role)
    assert (report['entries'], report['broken'], report['missing'], report['orphans']) == (3, [], 0, [])
    pictures = sum(len(content) for name, content in before.items() if name.endswith('.png'))
    assert report['mb_per_1000_frames'] == pytest.approx(pictures / 3 / 1000)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def write(path, array):
    path.write_bytes(cv2.imencode('.png', array)[1].tobytes())


def change_line(path, **values):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [{**line, **values} if line['stem'] == STEM else line for line in lines]
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines))


SMALL, ZEROS = np.zeros((4, 5), np.uint16), np.zeros((HEIGHT, WIDTH), np.uint16)
PICTURE, SURE, INDEX = f'{STEM}.png', f'{STEM}.reliability.png', 'index.jsonl'
DAMAGE = {
    'cut off': ('masks', PICTURE, cut, 'damaged'),
    'one bit': ('masks', PICTURE, flip_a_bit, 'damaged'),
    'empty': ('masks', PICTURE, lambda path: path.write_bytes(b''), 'damaged'),
    'gone': ('masks', PICTURE, lambda path: path.unlink(), 'gone'),
    'of another size': ('masks', PICTURE, lambda path: write(path, SMALL), f'5x4 pixels, its image {WIDTH}x{HEIGHT}'),
    'of 8 bits': ('masks', PICTURE, lambda path: write(path, ZEROS.astype(np.uint8)), 'no uint16 picture'),
    'in colour': ('masks', PICTURE, lambda path: write(path, np.dstack([ZEROS] * 3)), 'no uint16 picture'),
    'of another frame': ('masks', PICTURE, lambda path: write(path, ZEROS), 'masks, the picture has 0'),
    'depth without scale': ('depth', INDEX, lambda path: change_line(path, scale=None), 'scale None'),
    'depth of no scale': ('depth', INDEX, lambda path: change_line(path, scale=0.0), 'scale 0.0'),
    'depth of NaN': ('depth', INDEX, lambda path: change_line(path, offset=1e40), r'offset 1e\+40'),
    'reliability gone': ('depth', SURE, lambda path: path.unlink(), 'reliability.png.* is gone'),
    'reliability cut': ('depth', SURE, cut, 'reliability.png.* is damaged'),
    'reliability of 16 bits': ('depth', SURE, lambda path: write(path, ZEROS), 'no uint8 picture'),
}


@pytest.mark.parametrize('what', DAMAGE)
def test_damage_is_named_and_its_entry_dropped(folder, what):
    role, file, damage, reason = DAMAGE[what]
    damage(folder.path / f'teachers/{role}-toy' / file)
    report = check(folder, role)
    (broken,) = report['broken']
    assert broken['stem'] == STEM
    assert re.search(reason, broken['reason'])
    assert (report['entries'], report['missing']) == (2, 1)
    assert STEM not in LabelStore.open(folder.path, role, 'toy')
    assert check(folder, role)['broken'] == []


def test_a_damaged_line_is_refused_until_it_was_dropped(folder):
    index = folder.path / 'teachers/masks-toy/index.jsonl'
    lines = index.read_text().splitlines()
    index.write_text('\n'.join([lines[0], lines[1].replace('"stem"', '"sterm"'), '\0\0', lines[2], '']))
    with pytest.raises(FamdaError, match=r'index\.jsonl.*line 2 is damaged.*--verify'):
        LabelStore.create(folder.path, 'masks', MASKS)
    report = check(folder, 'masks')
    assert [broken['reason'] for broken in report['broken']] == [
        'line 2 of the index is damaged', 'line 3 of the index is damaged',
    ]  # fmt: skip
    assert (report['entries'], report['missing'], report['orphans']) == (2, 1, [])
    assert len(LabelStore.create(folder.path, 'masks', MASKS).entries) == 2


def test_missing_frames_and_files_of_nobody_are_told(folder):
    store = LabelStore.open(folder.path, 'masks', 'toy')
    store.drop([STEM])
    (store.path / 'notes.txt').write_text('')
    (store.path / 'of_no_frame.png').write_text('')
    report = check(folder, 'masks')  # the picture of the frame that is missing will be written again
    assert (report['broken'], report['missing'], report['orphans']) == ([], 1, ['notes.txt', 'of_no_frame.png'])


@pytest.mark.parametrize('picture', ['{}.png', '{}.reliability.png'])
def test_swapped_pictures_of_depth_are_told_from_each_other(folder, picture):
    store = LabelStore.open(folder.path, 'depth', 'toy')
    other = np.random.default_rng(1).uniform(1, 50, (HEIGHT, WIDTH))
    store.write_depth('000002', other, other / 50)
    one, two = (store.path / picture.format(stem) for stem in ('000001', '000002'))
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    broken = check(folder, 'depth')['broken']
    assert [entry['stem'] for entry in broken] == ['000001', '000002']
    assert all('not the picture that was written' in entry['reason'] for entry in broken)


def test_entries_of_other_programs_may_lack_the_checksum(folder):
    change_line(folder.path / 'teachers/depth-toy/index.jsonl', crc32=None)
    index = folder.path / 'teachers/depth-toy/index.jsonl'
    index.write_text(index.read_text().replace(', "crc32": null', ''))
    assert 'crc32' not in LabelStore.open(folder.path, 'depth', 'toy').entries[STEM]
    assert check(folder, 'depth')['broken'] == []


def test_an_entry_of_another_image_is_dropped(folder):
    assert label_frames(folder, 'masks', 'felzenszwalb')['labelled'] == 3
    (folder.path / 'images' / f'{STEM}.png').write_bytes((folder.path / 'images' / '000000.png').read_bytes())
    report = check_store(folder, 'masks', 'felzenszwalb', untracked)
    assert report['broken'] == [{'stem': STEM, 'reason': 'its image is not the one that was labelled'}]
    assert label_frames(folder, 'masks', 'felzenszwalb')['labelled'] == 1
    assert check_store(folder, 'masks', 'felzenszwalb', untracked)['broken'] == []
