# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.annotate import history
from famda_train.annotate.history import History
from famda_train.annotate.painting import Painted
from famda_train.datasets.frame_folder import read_png, write_png

SHAPE = 8, 16


def painted(label):
    labels = np.full(SHAPE, IGNORE, np.uint8)
    labels[2:5] = label
    return Painted(labels, (labels != IGNORE).astype(np.uint8))


def shown(folder, stem='a'):
    return History(folder).current(stem, *SHAPE).labels[3, 3]


def test_every_step_is_on_disk(tmp_path):
    steps = History(tmp_path)
    for label in (1, 2, 3):
        steps.add('a', 'click', painted(label))
        assert read_png(tmp_path / 'labels/a.png')[3, 3] == label
        again = History(tmp_path).current('a', *SHAPE)
        assert np.array_equal(again.labels, painted(label).labels)
        assert np.array_equal(again.clicks, painted(label).clicks)


def test_undo_and_redo_after_a_new_start(tmp_path):
    for label in (1, 2):
        History(tmp_path).add('a', 'click', painted(label))
    assert History(tmp_path).move('a', -1) and shown(tmp_path) == 1
    assert History(tmp_path).move('a', 1) and shown(tmp_path) == 2
    assert not History(tmp_path).move('a', 1)
    assert History(tmp_path).move('a', -1) and History(tmp_path).move('a', -1)
    assert not (tmp_path / 'labels/a.png').exists()  # an unlabelled frame has no labels
    assert not History(tmp_path).move('a', -1)
    History(tmp_path).add('a', 'click', painted(4))
    assert not History(tmp_path).can_move('a', 1)


def test_labels_of_somebody_else_come_back_with_undo(tmp_path):
    (tmp_path / 'labels').mkdir()
    write_png(tmp_path / 'labels/a.png', painted(6).labels)
    assert shown(tmp_path) == 6
    History(tmp_path).add('a', 'click', painted(1))
    assert History(tmp_path).move('a', -1) and shown(tmp_path) == 6
    write_png(tmp_path / 'labels/a.png', painted(5).labels)  # changed again, in another program
    assert shown(tmp_path) == 5
    assert History(tmp_path).move('a', -1) and shown(tmp_path) == 6


def test_a_kill_between_two_writes_loses_nothing(tmp_path):
    History(tmp_path).add('a', 'click', painted(1))
    before = (tmp_path / 'labels/a.png').read_bytes()
    History(tmp_path).add('a', 'click', painted(2))
    (tmp_path / 'labels/a.png').write_bytes(before)  # killed before labels/ followed
    assert shown(tmp_path) == 2 and read_png(tmp_path / 'labels/a.png')[3, 3] == 2
    with open(tmp_path / 'annotations/index.jsonl', 'a') as index:
        index.write('{"stem": "a", "act')  # killed in the middle of a line
    assert shown(tmp_path) == 2
    with History(tmp_path).locked():
        pass
    History(tmp_path).add('a', 'click', painted(3))
    assert shown(tmp_path) == 3


def test_old_steps_are_let_go_but_not_the_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(history, 'KEPT_STEPS', 3)
    steps = History(tmp_path)
    for label in range(8):
        steps.add('a', 'click', painted(label))
    names = sorted(path.stem for path in (tmp_path / 'annotations/steps/a').glob('*.png'))
    assert names == ['000000', '000005', '000006', '000007', '000008']


def test_one_works_on_a_folder_at_a_time(tmp_path):
    with (
        History(tmp_path).locked(),
        pytest.raises(FamdaError, match='another famda annotate'),
        History(tmp_path).locked(),
    ):
        pass


def test_a_damaged_line_is_named(tmp_path):
    History(tmp_path).add('a', 'click', painted(1))
    path = tmp_path / 'annotations/index.jsonl'
    path.write_text(path.read_text() + '{"stem": 3}\n')
    with pytest.raises(FamdaError, match='line 3 is damaged'):
        History(tmp_path)


def test_labels_of_another_size_are_refused(tmp_path):
    (tmp_path / 'labels').mkdir()
    write_png(tmp_path / 'labels/a.png', np.zeros((4, 4), np.uint8))
    with pytest.raises(FamdaError, match='4x4'):
        History(tmp_path).current('a', *SHAPE)
