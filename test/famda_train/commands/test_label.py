# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda label`` as it is typed."""
import json

import pytest
import torch
from miniature_trees import write_cityscapes
from small_sam import small_sam
from small_street import write_street

from famda_train.commands import cli
from famda_train.commands.label import EXIT_INCOMPLETE
from famda_train.label_store.label_store import LabelStore
from famda_train.training.data_module import DataSource
from famda_train.training.samples import Samples

NO_DEPTH = ('--depth', 'null', '--workers', '0')


@pytest.fixture
def frames(tmp_path):
    """Four unlabelled frames."""
    return write_street(tmp_path / 'night', 'night', 4)


def label(frames, *words):
    return cli.main(['label', str(frames), *words])


def test_a_store_elsewhere_is_filled_and_read(tmp_path):
    """A read-only data set: what labelling wrote elsewhere, a configuration finds again."""
    root, store = tmp_path / 'city', tmp_path / 'store'
    write_cityscapes(root, 1)
    before = sorted(root.rglob('*'))
    words = ['label', str(root), '--split', 'val', '--depth', 'null', '--options.store', str(store)]
    assert cli.main(words) == cli.EXIT_OK
    assert sorted(root.rglob('*')) == before and (store / 'teachers').is_dir()
    dataset = DataSource(str(root), split='val', options={'store': str(store)}).open()
    sample = Samples(dataset, masks='felzenszwalb')[0]
    assert sample['segments'].shape == sample['image'].shape[:2] and sample['segments'].max() > 0


def test_several_stores_of_one_teacher(frames, tmp_path, capsys):
    file = tmp_path / 'result.json'
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    fine = ('--masks-options.scale', '5', '--masks-options.name', 'fine')
    assert label(frames, *NO_DEPTH, *fine, '--json', str(file)) == cli.EXIT_OK
    assert LabelStore.names(frames) == [('masks', 'felzenszwalb'), ('masks', 'fine')]
    coarse, fine = (LabelStore.open(frames, 'masks', name) for name in ('felzenszwalb', 'fine'))
    assert (coarse.identity['settings']['scale'], fine.identity['settings']['scale']) == (30, 5)
    assert fine.read_segments('000000').max() > coarse.read_segments('000000').max()
    result = json.loads(file.read_text())['masks']
    assert (result['labelled'], result['kept'], result['failed']) == (4, 0, [])
    size = sum(path.stat().st_size for path in fine.path.glob('*.png'))
    assert result['mb_per_1000_frames'] == pytest.approx(size / 4 / 1000)
    assert f'{result["mb_per_1000_frames"]:.1f} MB per 1,000 frames' in capsys.readouterr().out


def test_other_settings_are_never_mixed_in(frames, capsys):
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    assert label(frames, *NO_DEPTH, '--masks-options.scale', '5') == cli.EXIT_ERROR
    assert 'settings.scale is 30.0 there, 5.0 here' in capsys.readouterr().err


def test_a_damaged_image_is_named_and_the_exit_code_says_so(frames, capsys):
    image = frames / 'images' / '000002.png'
    content = image.read_bytes()
    image.write_bytes(content[:100])
    assert label(frames, *NO_DEPTH) == EXIT_INCOMPLETE
    told = capsys.readouterr()
    assert '3 labelled' in told.out and '1 left out' in told.out
    assert f"frame 000002: cannot read '{image}'" in told.err
    image.write_bytes(content)
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    assert '1 labelled' in capsys.readouterr().out


def test_what_verify_drops_the_next_run_makes_again(frames, tmp_path, capsys):
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    assert label(frames, '--verify') == cli.EXIT_OK
    picture = frames / 'teachers/masks-felzenszwalb/000001.png'
    content, file = picture.read_bytes(), tmp_path / 'result.json'
    picture.write_bytes(content[:50])
    capsys.readouterr()
    assert label(frames, '--verify', '--json', str(file)) == EXIT_INCOMPLETE
    told = capsys.readouterr()
    assert '3 whole, 1 broken, 1 of the frames missing' in told.out and '000001.png' in told.err
    assert json.loads(file.read_text())['masks-felzenszwalb']['broken'][0]['stem'] == '000001'
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    assert picture.read_bytes() == content
    assert label(frames, '--verify') == cli.EXIT_OK


def test_one_bad_store_keeps_none_of_the_others_from_being_verified_or_shown(frames, tmp_path, capsys):
    both = ('--masks-options.name', 'other')
    assert label(frames, *NO_DEPTH) == label(frames, *NO_DEPTH, *both) == cli.EXIT_OK
    (frames / 'teachers/masks-felzenszwalb/teacher.json').unlink()
    file, sheet = tmp_path / 'result.json', tmp_path / 'sheet.png'
    capsys.readouterr()
    assert label(frames, '--verify', '--json', str(file), '--contact-sheet', str(sheet)) == EXIT_INCOMPLETE
    told = capsys.readouterr()
    assert 'masks-felzenszwalb: cannot be verified' in told.out and 'masks-other: 4 whole' in told.out
    assert told.err.count('its teacher.json is gone') == 2 and sheet.stat().st_size > 0
    result = json.loads(file.read_text())
    assert result['masks-other']['entries'] == 4 and 'teacher.json' in result['masks-felzenszwalb']['error']
    assert label(frames, *NO_DEPTH) == cli.EXIT_ERROR
    assert 'its teacher.json is gone' in capsys.readouterr().err


def test_what_verify_drops_is_not_called_rubbish(frames, capsys):
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    (frames / 'teachers/masks-felzenszwalb/000001.png').write_bytes(b'')
    assert label(frames, '--verify') == EXIT_INCOMPLETE
    told = capsys.readouterr()
    assert 'labels the 1 missing frame\n' in told.out and 'can be deleted' not in told.err


def test_what_was_done_is_told_where_the_second_teacher_gives_up(frames, tmp_path, capsys):
    file, store = tmp_path / 'result.json', frames / 'teachers/depth-street-world'
    assert label(frames, '--masks', 'null', '--workers', '0') == cli.EXIT_OK
    (store / 'index.jsonl').write_text('')
    (store / '000000.png').unlink()
    (store / '000000.png').mkdir()
    capsys.readouterr()
    assert label(frames, '--workers', '0', '--json', str(file)) == cli.EXIT_ERROR
    told = capsys.readouterr()
    assert '4 labelled' in told.out and 'famda label: cannot write to' in told.err
    result = json.loads(file.read_text())
    assert result['masks']['labelled'] == 4 and str(store) in result['error'] and 'depth' not in result


def test_all_teachers_are_looked_at_before_the_first_one_works(frames, capsys):
    other = LabelStore.create(frames, 'depth', {'name': 'street-world', 'kind': 'depth'})
    assert label(frames, '--workers', '0') == cli.EXIT_ERROR
    assert str(other.path) in capsys.readouterr().err
    assert len(LabelStore.open(frames, 'masks', 'felzenszwalb').entries) == 0


def test_masks_that_hold_next_to_nothing_are_pointed_out(frames, tmp_path, capsys):
    torch.save(small_sam().state_dict(), tmp_path / 'small.pth')
    words = ('--masks', 'sam', '--masks-options.checkpoint', str(tmp_path / 'small.pth'))
    words += ('--masks-options.points_per_side', '2', '--masks-options.pred_iou_thresh', '1')
    assert label(frames, *NO_DEPTH, *words) == cli.EXIT_OK
    assert '4 of 4 frames hold no mask at all' in capsys.readouterr().err
    assert label(frames, *NO_DEPTH) == cli.EXIT_OK
    assert 'no mask' not in capsys.readouterr().err


def test_a_contact_sheet_with_and_without_labelling(frames, tmp_path):
    one, other = tmp_path / 'one.png', tmp_path / 'other.png'
    assert label(frames, *NO_DEPTH, '--contact-sheet', str(one), '--frames-shown', '2') == cli.EXIT_OK
    words = ('--masks', 'null', '--depth', 'null', '--contact-sheet', str(other), '--frames-shown', '2')
    assert label(frames, *words) == cli.EXIT_OK
    assert one.read_bytes() == other.read_bytes()


def test_the_relative_teacher_is_shown_too(frames, tmp_path):
    sheet = tmp_path / 'sheet.png'
    words = ('--masks', 'null', '--depth', 'street-world-relative', '--depth-options.reliability', 'mirror')
    assert label(frames, *words, '--workers', '0', '--contact-sheet', str(sheet)) == cli.EXIT_OK
    assert sheet.stat().st_size > 0


@pytest.mark.parametrize(
    'words, message',
    [
        (('--masks', 'null', '--depth', 'null'), 'nothing to do'),
        (('--masks', 'null', '--masks-options.scale', '3'), 'scale: settings of a teacher that is not to be used'),
        ((*NO_DEPTH, '--masks-options.speed', '3'), "has no setting 'speed'"),
        (('--address', 'host:6379'), '--engine ray'),
        (('--workers', '-2'), '--workers must be 0 or more with --engine local, not -2'),
        (('--workers', '0', '--engine', 'ray'), '--workers must be 1 or more with --engine ray, not 0'),
        ((*NO_DEPTH, '--masks-options.sigma', '-1'), 'must be at least 0 and finite, not -1'),
        (('--workers', '0', '--depth-options.weights', '/nowhere.safetensors'), 'weights are missing: /nowhere'),
        ((*NO_DEPTH, '--frames-shown', '3'), '--contact-sheet FILE.png'),
        ((*NO_DEPTH, '--contact-sheet', 'sheet.jpg'), "must end in .png, not 'sheet.jpg'"),
        (('--verify', '--masks', 'sam'), 'leave out --masks'),
        (('--verify', '--depth', 'null'), 'leave out --depth'),
        (('--verify', '--masks-options.scale', '3'), 'leave out --masks-options'),
        (('--verify', '--workers', '3'), 'leave out --workers'),
        ((*NO_DEPTH, '--contact-sheet', '/nowhere/sheet.png'), "cannot write '/nowhere/sheet.png'"),
        (('--verify',), 'no label store to verify'),
    ],
)
def test_mistakes_are_one_sentence(frames, capsys, words, message):
    assert label(frames, *words) == cli.EXIT_ERROR
    told = capsys.readouterr().err
    assert message in told and 'Traceback' not in told
    assert not (frames / 'teachers').exists()


def test_a_folder_that_is_none(tmp_path, capsys):
    assert label(tmp_path / 'nowhere', *NO_DEPTH) == cli.EXIT_ERROR
    assert 'is no folder' in capsys.readouterr().err
