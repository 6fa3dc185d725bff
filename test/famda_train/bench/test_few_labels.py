# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A few labels of a target: whole frames, or clicks that take masks, and the rows that learn them."""
import json
from dataclasses import replace

import numpy as np
import pytest
from miniature_trees import write_camvid
from small_street import HEIGHT, WIDTH, write_labelled_street

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.bench.few_labels import clicked, write_few_labels
from famda_train.bench.real_plan import RealPlan, RealSize
from famda_train.bench.rows import FEW_LABELS, ROWS, TRAININGS
from famda_train.bench.world import BenchSize, Plan, run_world
from famda_train.commands.progress import progress_bar
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.label_store.label_store import LabelStore

TINY = BenchSize(source=3, target=6, test=2, width=WIDTH, height=HEIGHT, base_steps=2, steps=2)


def halves():
    """Return image, masks and truth of a frame of four masks; the class of the third is not known everywhere."""
    segments = np.repeat(np.array([1, 2, 3, 4], np.uint16), [30, 20, 12, 8])[None].repeat(16, 0)
    truth = np.repeat(np.array([0, 0, 2, 5], np.uint8), [30, 20, 12, 8])[None].repeat(16, 0).copy()
    truth[:5, 55:] = IGNORE
    truth[:3, :30] = 5  # a small part of the first mask
    return np.zeros((16, 70, 3), np.uint8), segments, truth


def test_a_click_gives_a_whole_mask_the_class_of_most_of_it():
    image, segments, truth = halves()
    labels = clicked(image, segments, truth, 1)
    assert (labels[:, :30] == 0).all() and (labels[:, 30:] == IGNORE).all()  # also where the truth differs


def test_every_class_gets_a_click_before_one_gets_a_second():
    image, segments, truth = halves()
    three, all_of_it = (clicked(image, segments, truth, clicks) for clicks in (3, 99))
    assert set(np.unique(three)) == {0, 2, 5, IGNORE} and (three[:, 30:50] == IGNORE).all()
    assert (all_of_it[:, 30:50] == 0).all() and (all_of_it[:, 50:62] == 2).all()


def test_nothing_is_clicked_where_nothing_is_known():
    image, segments, truth = halves()
    truth[:, 30:50] = IGNORE
    assert (clicked(image, segments, truth, 99)[:, 30:50] == IGNORE).all()


@pytest.mark.parametrize(('clicks', 'count'), [(None, 3), (2, 3), (None, 99)])
def test_frames_are_spread_and_have_labels_alone(tmp_path, clicks, count):
    frames = FrameFolder(write_labelled_street(tmp_path / 'street', 'night', 5))
    training = replace(TRAININGS['labels_5'], labels=count, clicks=clicks)
    masks = LabelStore.open(frames.store, 'masks', 'felzenszwalb').read_segments
    write_few_labels(frames, training, masks, tmp_path / 'few')
    few = FrameFolder(tmp_path / 'few')
    indices = [0, 2, 4] if count == 3 else range(5)
    assert [frame.stem for frame in few.frames] == [frames.frames[index].stem for index in indices]
    assert not few.has('depth') and few.frames[0].focal == frames.frames[0].focal
    for place, index in enumerate(indices):
        assert np.array_equal(few.image(place), frames.image(index))
        same = few.labels(place) == frames.labels(index)
        assert same.all() == (clicks is None)
        if clicks:
            assert 0.1 < (few.labels(place) != IGNORE).mean() < 1 and same.mean() > 0.1


def test_rows_of_the_street_world_learn_them(tmp_path, one_process):
    def run():
        with progress_bar() as bar:
            plan = Plan(('full', 'labels_5', 'clicks_20'), ('night',), (0,), size=TINY)
            return run_world(tmp_path / 'run', plan, 1, bar)

    result = run()
    assert [row['name'] for row in result['rows']] == ['full', 'labels_5', 'clicks_20']
    assert len({json.dumps(row['iou']) + str(row['abs_rel']) for row in result['rows']}) == 3  # different students
    scenes = tmp_path / 'run' / 'scenes' / 'seed0'
    assert len(FrameFolder(scenes / 'night_labels_5')) == 5 and len(FrameFolder(scenes / 'night_clicks_20')) == 6
    assert not (scenes / 'night' / 'labels').exists()
    assert run()['rows'] == result['rows']


def test_photographs_need_labels_of_the_target(tmp_path):
    write_camvid(tmp_path / 'camvid')
    size = RealSize(source=2, width=64, height=48, crop=(64, 48), base_steps=2, steps=2)

    def plan(*targets):
        return RealPlan(tmp_path / 'camvid', (*FEW_LABELS, 'oracle'), targets, (0,), size)

    assert [name for name, _, _ in plan('day').wanted()] == [*FEW_LABELS, 'oracle']
    with pytest.raises(FamdaError, match=r"labels of the target would lie in '.*dusk_adapt/labels'"):
        plan('day', 'dusk').check()
    labels = tmp_path / 'camvid' / 'day_train' / 'labels'
    labels.rename(tmp_path / 'camvid' / 'dusk_adapt' / 'labels')
    assert [name for name, _, _ in plan('dusk').wanted()] == [*FEW_LABELS, 'oracle']


def test_texts_say_what_was_labelled():
    for name in FEW_LABELS:
        training = TRAININGS[ROWS[name].training]
        assert str(training.labels) in ROWS[name].text
        assert (training.clicks is None) == ('clicks' not in ROWS[name].text)
