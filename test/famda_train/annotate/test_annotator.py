# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import yaml

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.annotate.annotator import Annotator, BadAction, mask_store, open_folder
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.evaluation.evaluate import scored_indices
from famda_train.label_store.label_store import LabelStore
from famda_train.world import render

WIDTH, HEIGHT, FRAMES = 64, 32, 3
SPACE = {'name': 'annotate5', 'classes': {name: {'color': [10 * i, 90, 30]} for i, name in enumerate('abcde')}}


@pytest.fixture
def frames(tmp_path):
    with FrameFolderWriter(tmp_path / 'frames', name='hall') as writer:
        for seed in range(FRAMES):
            writer.add(f'{seed:06d}', render(seed, 'day', WIDTH, HEIGHT).image)
    (tmp_path / 'own.yaml').write_text(yaml.safe_dump(SPACE))
    return tmp_path / 'frames'


def test_a_folder_gets_the_label_space_and_explains_itself(frames, tmp_path):
    annotator = Annotator(open_folder(frames, str(tmp_path / 'own.yaml')))
    annotator.act(1, 'click', {'x': 3, 'y': 3, 'label': 4})
    (tmp_path / 'own.yaml').unlink()
    data = FrameFolder(frames)
    assert data.label_space.classes == tuple('abcde') and data.info['name'] == 'hall'
    assert scored_indices(data, False) == [annotator.frames[1]]
    assert open_folder(frames, None).label_space == data.label_space


def test_what_cannot_be_labelled_is_refused(frames, tmp_path):
    with pytest.raises(FamdaError, match='--space'):
        open_folder(frames, None)
    with pytest.raises(FamdaError, match='no frame folder'):
        open_folder(tmp_path, 'flat7')
    open_folder(frames, 'flat7')
    with pytest.raises(FamdaError, match='is labelled in flat7, not in camvid11'):
        open_folder(frames, 'camvid11')


def test_every_next_frame_is_the_most_unlike_those_before(frames):
    annotator = Annotator(open_folder(frames, 'flat7'))
    assert sorted(annotator.frames) == list(range(FRAMES))
    assert Annotator(open_folder(frames, 'flat7')).frames == annotator.frames


def test_named_frames_alone_in_their_order(frames):
    annotator = Annotator(open_folder(frames, 'flat7'), stems=('000002', '000000', '000002'))
    assert [frame['stem'] for frame in annotator.session()['frames']] == ['000002', '000000']
    with pytest.raises(FamdaError, match="no frame 'x'"):
        Annotator(open_folder(frames, 'flat7'), stems=('x',))


def test_masks_come_from_the_only_store_or_the_named_one(frames):
    data = open_folder(frames, 'flat7')
    assert mask_store(data, None) is None
    segments = np.repeat(np.arange(1, WIDTH + 1, dtype=np.uint16)[None] // 33, HEIGHT, 0)
    for name in ('one', 'two'):
        with LabelStore.create(frames, 'masks', {'name': name, 'kind': 'segments'}).locked() as store:
            store.write_segments('000001', segments)
        if name == 'one':
            assert mask_store(data, None).path.name == 'masks-one'
    with pytest.raises(FamdaError, match='--masks: one, two'):
        mask_store(data, None)
    annotator = Annotator(data, mask_store(data, 'two'), stems=('000001', '000000'))
    state = annotator.act(0, 'click', {'x': WIDTH - 1, 'y': 3, 'label': 2})
    assert np.array_equal(state.labels == 2, segments == 1)
    assert annotator.act(1, 'click', {'x': 3, 'y': 3, 'label': 2}).labelled > 0  # no masks of this one: superpixels


def test_a_refused_action_changes_nothing(frames):
    annotator = Annotator(open_folder(frames, 'flat7'))
    annotator.act(0, 'stroke', {'points': [[1, 1], [9, 9]], 'radius': 2, 'label': 3})
    before = {path: path.read_bytes() for path in frames.rglob('*') if path.is_file()}
    for action, values in [('click', {'x': 1, 'y': 1, 'label': 7}), ('click', {'x': float('nan'), 'y': 1, 'label': 1}),
                           ('stroke', {'points': [[1, float('inf')]], 'radius': 1, 'label': 1}), ('', {})]:  # fmt: skip
        with pytest.raises(BadAction):
            annotator.act(0, action, values)
    assert before == {path: path.read_bytes() for path in frames.rglob('*') if path.is_file()}


def test_clear_is_a_step_like_any_other(frames):
    annotator = Annotator(open_folder(frames, 'flat7'))
    clicked = annotator.act(0, 'click', {'x': 3, 'y': 3, 'label': 1})
    assert (annotator.act(0, 'clear', {}).labels == IGNORE).all()
    assert np.array_equal(annotator.act(0, 'undo', {}).labels, clicked.labels)


@pytest.mark.timeout(60)
def test_a_click_does_not_wait_for_the_pieces_of_another_frame(frames):
    annotator = Annotator(open_folder(frames, 'flat7'))
    annotator.state(0)
    with annotator._cutting:
        assert annotator.act(0, 'click', {'x': 3, 'y': 3, 'label': 1}).labelled > 0
