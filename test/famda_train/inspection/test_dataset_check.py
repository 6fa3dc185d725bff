# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The check of data trees: silent about good ones, clear about damaged ones."""
import json
import re
import shutil

import cv2
import numpy as np
import pytest
from miniature_trees import WRITERS, put, write_camvid, write_cityscapes, write_synthia, write_vkitti2
from PIL import Image
from small_street import write_street

from famda_train.datasets.frame_folder import FrameFolder
from famda_train.inspection.dataset_check import check_data
from famda_train.labelling.labelling import label_frames


@pytest.mark.parametrize('kind', WRITERS)
def test_nothing_is_wrong_with_a_good_tree(tmp_path, kind):
    written = WRITERS[kind](tmp_path)
    result = check_data(tmp_path)
    assert (result['kind'], result['problems']) == (kind, [])
    assert sum(part['frames'] for part in result['splits'].values()) == len(written)
    json.dumps(result, allow_nan=False)


def test_statistics_are_those_of_the_arrays(tmp_path):
    folder = FrameFolder(write_street(tmp_path, 'night', 3))
    part = check_data(tmp_path, frames=0)['splits']['all']
    labels = np.stack([folder.labels(i) for i in range(3)])
    depth = np.stack([folder.depth(i) for i in range(3)])
    known = depth[np.isfinite(depth)]
    shares = 100 * np.bincount(labels.ravel(), minlength=7) / labels.size
    np.testing.assert_allclose(list(part['labels']['percent'].values()), shares, atol=1e-3)
    assert part['depth']['min'] == pytest.approx(known.min()) and part['depth']['max'] == pytest.approx(known.max())
    assert part['depth']['median'] == pytest.approx(np.median(known), rel=1e-5)
    assert part['depth']['beyond_range'] == pytest.approx(100 * np.isposinf(depth).mean(), abs=1e-3)
    assert (part['sizes'], part['frames'], part['checked']) == (['64x32'], 3, 3)
    assert part['focal'] == [folder.frames[0].focal] * 2


def find(root, pattern):
    return next(iter(sorted(root.rglob(pattern))))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def recode_as_eight_bits(path):
    put(path, (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) >> 8).astype(np.uint8))


def shrink(path):
    put(path, cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[::2, ::2])


def as_colours(path):
    Image.open(path).convert('RGB').save(path)


def set_pixel(path, value):
    array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    array[5, 5] = value
    put(path, array)


DAMAGES = {
    'no labels': (write_cityscapes, lambda r: find(r / 'gtFine', 'ulm*.png').unlink(), '1 of 4 images have no labels'),
    'depth missing': (write_synthia, lambda r: find(r / 'Depth', '*.png').unlink(), '1 of 3 images have no depth'),
    'no folder': (write_cityscapes, lambda r: shutil.rmtree(r / 'disparity' / 'val'), 'val: no depth, the folder of'),
    'image cut off': (write_synthia, lambda r: cut(find(r / 'RGB', '*.png')), 'damaged'),
    'JPEG cut off': (write_camvid, lambda r: cut(find(r, '*.jpg')), 'cut off or damaged'),
    'depth cut off': (write_vkitti2, lambda r: cut(find(r, 'depth_*.png')), 'damaged'),
    '8-bit labels': (write_synthia, lambda r: recode_as_eight_bits(find(r / 'GT', '*.png')), 'red channel of 16 bits'),
    '8-bit depth': (write_vkitti2, lambda r: recode_as_eight_bits(find(r, 'depth_*.png')), 'depth needs 16 bits'),
    'colours': (write_cityscapes, lambda r: as_colours(find(r / 'gtFine' / 'val', '*.png')), 'colours instead of'),
    'unknown id': (write_cityscapes, lambda r: set_pixel(find(r / 'gtFine' / 'val', '*.png'), 77), 'hold ids 77 that'),
    'other shape': (write_synthia, lambda r: turn(find(r / 'Depth', '*.png')), 'are 32x64 pixels but the image'),
    'camera': (write_cityscapes, lambda r: find(r / 'camera' / 'val', '*.json').write_text('{'), 'camera_trainvaltest'),
    'nothing measured': (write_synthia, lambda r: set_all(r.glob('Depth/*/*.png'), 0), 'no pixel .* of known depth'),
    'nothing labelled': (write_camvid, lambda r: set_all(r.glob('day_val/labels/*'), 11), r'all are 255 \(ignore\)'),
}


def set_all(paths, value):
    for path in paths:
        put(path, np.full_like(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), value))


def turn(path):
    put(path, np.rot90(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))


@pytest.mark.parametrize('damage', DAMAGES)
def test_damage_is_one_sentence_that_says_what_to_do(tmp_path, damage):
    write, break_it, sentence = DAMAGES[damage]
    write(tmp_path)
    break_it(tmp_path)
    problems = check_data(tmp_path)['problems']
    assert len(problems) == 1, problems
    (problem,) = problems
    assert re.search(sentence, problem), problem
    assert '\n' not in problem and ';' in problem


def test_files_are_missed_even_where_they_are_not_sampled(tmp_path):
    write_synthia(tmp_path, 6)
    (tmp_path / 'GT' / 'LABELS' / '0000003.png').unlink()
    result = check_data(tmp_path, frames=2)
    assert result['splits']['all']['checked'] == 2
    assert ['1 of 6 images have no labels' in problem for problem in result['problems']] == [True]


def test_many_faults_of_one_sort_are_counted(tmp_path):
    write_synthia(tmp_path, 6)
    for path in (tmp_path / 'Depth').rglob('*.png'):
        recode_as_eight_bits(path)
    problems = check_data(tmp_path)['problems']
    assert len(problems) == 4 and '3 more frames' in problems[-1]


def test_a_missing_image_of_a_frame_folder_is_told_once(tmp_path):
    write_street(tmp_path, 'day', 3)
    (tmp_path / 'images' / '000001.png').unlink()
    (problem,) = check_data(tmp_path)['problems']
    assert '1 images are missing' in problem and '000001.png' in problem


@pytest.mark.parametrize(('kind', 'array'), [
    ('depth', np.ones((32, 64), np.uint8)),
    ('labels', np.zeros((32, 64, 3), np.uint8)),
    ('labels', np.full((32, 64), 7, np.uint8)),
])  # fmt: skip
def test_wrong_truth_in_a_frame_folder_is_told(tmp_path, kind, array):
    write_street(tmp_path, 'day', 2)
    put(tmp_path / kind / '000001.png', array)
    (problem,) = check_data(tmp_path)['problems']
    assert kind in problem


def test_an_incomplete_teacher_store_is_told_and_a_complete_one_is_counted(tmp_path):
    folder = FrameFolder(write_street(tmp_path, 'day', 2, truth=False))
    label_frames(folder, 'masks', 'felzenszwalb')
    result = check_data(tmp_path)
    assert (result['splits']['all']['stores'], result['problems']) == ({'masks-felzenszwalb': 2}, [])
    index = tmp_path / 'teachers' / 'masks-felzenszwalb' / 'index.jsonl'
    index.write_text(index.read_text().splitlines()[0] + '\n')
    (problem,) = check_data(tmp_path)['problems']
    assert 'holds 1 of 2 frames' in problem and 'run famda label again' in problem
    (index.parent / 'teacher.json').write_text('{')
    (problem,) = check_data(tmp_path)['problems']
    assert 'is damaged' in problem and 'delete it' in problem


def test_a_missing_camera_is_a_note_and_no_problem(tmp_path):
    write_cityscapes(tmp_path, 1, cameras=False)
    result = check_data(tmp_path)
    assert not result['problems'] and 'usual focal length and baseline' in result['notes'][0]


def test_what_is_no_data_set_is_a_problem(tmp_path):
    result = check_data(tmp_path)
    assert result['kind'] is None and len(result['problems']) == 1


def test_some_frames_without_ground_truth_or_focal_are_notes(tmp_path):
    write_street(tmp_path, 'day', 4)
    (tmp_path / 'labels' / '000000.png').unlink()
    put(tmp_path / 'labels' / '000001.png', np.full((32, 64), 255, np.uint8))
    shrink(tmp_path / 'images' / '000002.png')
    lines = [json.loads(line) for line in (tmp_path / 'frames.jsonl').read_text().splitlines()]
    lines[3]['focal'] = None
    (tmp_path / 'frames.jsonl').write_text('\n'.join(map(json.dumps, lines)))
    result = check_data(tmp_path)
    assert result['problems'] == []  # training resizes the image, and its focal with it
    for sentence in ('3 of 4 frames have labels', 'nothing is labelled in 1 of', '1 of the images .* focal is scaled',
                     '1 of 4 frames have no focal'):  # fmt: skip
        assert [bool(re.search(sentence, note)) for note in result['notes']].count(True) == 1, sentence


def test_images_that_are_stored_turned_are_a_note(tmp_path):
    write_street(tmp_path, 'day', 2)
    assert not any('EXIF' in note for note in check_data(tmp_path)['notes'])
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'images' / '000001.png'
    Image.open(path).save(path, exif=exif)
    result = check_data(tmp_path)
    assert result['problems'] == []
    assert [bool(re.search(r"1 of the images .* by EXIF .*000001\.png", note)) for note in result['notes']] == [True]


def test_stores_that_fit_training_are_no_problem_and_all_others_are(tmp_path):
    folder = FrameFolder(write_street(tmp_path, 'day', 2, truth=False))
    label_frames(folder, 'masks', 'felzenszwalb')
    images = sorted((tmp_path / 'images').iterdir())
    content = images[0].read_bytes()
    images[0].write_bytes(images[1].read_bytes())
    (problem,) = check_data(tmp_path)['problems']
    assert 'made from other images in 1 of 2 frames' in problem and 'famda label again' in problem
    images[0].write_bytes(content)
    assert check_data(tmp_path)['problems'] == []
    (tmp_path / 'teachers' / 'masks-felzenszwalb' / 'index.jsonl').write_text('')
    (problem,) = check_data(tmp_path)['problems']
    assert 'holds 0 of 2 frames' in problem
