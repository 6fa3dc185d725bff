# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Labelling in this process and in worker processes: the same bytes, whatever is killed in between."""
from itertools import islice
from multiprocessing import Pipe, active_children

import cv2
import numpy as np
import pytest
from labelling_runs import (
    COUNT,
    STORE,
    BuggyFrames,
    DeadlyFrames,
    SlowFrames,
    files,
    kill_once_it_has_written,
    label_on_a_full_disk,
    label_slowly,
    start,
    wait_until_gone,
)
from rich.progress import Progress
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.engines import open_engine
from famda_train.labelling.labelling import label_frames, label_with_teachers
from famda_train.labelling.local_engine import GROWTH, LocalEngine, Ready, worker_count


def test_interrupted_labelling_goes_on_and_ends_with_the_same_bytes(frames, whole):
    folder = FrameFolder(frames)

    def two_only(outcomes, total):
        assert total == COUNT
        yield from islice(outcomes, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_frames(folder, 'masks', 'felzenszwalb', two_only)
    result = label_frames(folder, 'masks', 'felzenszwalb')
    assert (result['teacher'], result['labelled'], result['kept'], result['failed']) == (
        'felzenszwalb', COUNT - 2, 2, [],
    )  # fmt: skip
    assert files(frames / STORE) == whole
    again = label_frames(folder, 'masks', 'felzenszwalb')
    assert (again['labelled'], again['kept']) == (0, COUNT) and files(frames / STORE) == whole


def test_depth_is_metres_of_the_frames_own_camera(tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 2))
    label_frames(folder, 'depth', 'street-world')
    store = LabelStore.open(folder.path, 'depth', 'street-world')
    depth, ground_truth = store.read_depth('000000'), folder.depth(0)
    near = np.isfinite(ground_truth) & (ground_truth < 80)
    error = np.abs(depth[near] - ground_truth[near]) / ground_truth[near]
    assert store.kind == 'depth' and error.mean() < 0.35


def test_reliability_goes_where_the_teacher_is_asked_for_it(tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 1))
    label_frames(folder, 'depth', 'street-world', settings={'reliability': 'mirror', 'name': 'sure'})
    reliability = LabelStore.open(folder.path, 'depth', 'sure').read_reliability('000000')
    assert reliability.shape == folder.image(0).shape[:2] and 0 < reliability.mean() < 1


@pytest.mark.parametrize('role', ['masks', 'depth'])
@pytest.mark.parametrize('workers', [0, 1])
def test_unknown_teacher(frames, role, workers):
    with open_engine('local', workers) as engine, pytest.raises(FamdaError, match=r"teacher 'sam9'; choose one of"):
        label_frames(FrameFolder(frames), role, 'sam9', engine=engine)
    assert not active_children()


@pytest.mark.parametrize('workers', [1, 2])
def test_workers_give_the_same_bytes(frames, whole, workers):
    result = label_frames(FrameFolder(frames), 'masks', 'felzenszwalb', engine=LocalEngine(workers))
    assert result['labelled'] == COUNT and files(frames / STORE) == whole
    assert not active_children()


def test_networks_in_workers_give_the_same_bytes(tmp_path):
    stores = []
    for name, workers in (('here', 0), ('there', 1)):
        folder = FrameFolder(write_street(tmp_path / name, 'night', 2))
        with open_engine('local', workers) as engine:
            label_frames(folder, 'depth', 'street-world', engine=engine)
        stores.append(files(folder.path / 'teachers/depth-street-world'))
    assert stores[0] == stores[1]


def test_a_killed_worker_costs_nothing(frames, whole):
    killed = []

    def kill_one(outcomes, total):
        for number, outcome in enumerate(outcomes):
            if number == 3:
                killed.append(active_children()[0])
                killed[0].kill()
            yield outcome

    result = label_frames(SlowFrames(frames), 'masks', 'felzenszwalb', kill_one, engine=LocalEngine(2))
    assert killed and result['labelled'] == COUNT and not result['failed']
    assert files(frames / STORE) == whole


def test_a_frame_that_kills_its_workers_is_named_and_left_out(frames, whole):
    result = label_frames(DeadlyFrames(frames), 'masks', 'felzenszwalb', engine=LocalEngine(2))
    (failed,) = result['failed']
    assert failed['stem'] == '000002' and 'killed 3 times' in failed['reason']
    assert result['labelled'] == COUNT - 1
    label_frames(FrameFolder(frames), 'masks', 'felzenszwalb')
    assert files(frames / STORE) == whole


def test_a_killed_driver_takes_its_workers_along_and_the_next_run_goes_on(frames, whole):
    driver = start(label_slowly, str(frames), 'local', 2)
    workers = kill_once_it_has_written(driver, frames / STORE, entries=3)
    assert len(workers) >= 2
    wait_until_gone(workers)
    result = label_frames(FrameFolder(frames), 'masks', 'felzenszwalb', engine=LocalEngine(2))
    assert result['kept'] >= 3 and result['labelled'] > 0
    assert files(frames / STORE) == whole


def test_bugs_in_workers_keep_their_traceback(frames):
    with pytest.raises(RuntimeError, match='ZeroDivisionError: an unforeseen fault'):
        label_frames(BuggyFrames(frames), 'masks', 'felzenszwalb', engine=LocalEngine(1))
    assert not active_children()


def test_images_that_cannot_be_read_are_named_and_the_others_labelled(frames, whole):
    folder = FrameFolder(frames)
    paths = [frames / record.image for record in folder.frames]
    content = {number: paths[number].read_bytes() for number in range(4)}
    paths[0].unlink()
    paths[1].write_bytes(content[1][: len(content[1]) // 2])
    paths[2].write_bytes(b'')
    cv2.imwrite(str(paths[3]), np.zeros((32, 64), np.uint8))  # grey
    result = label_frames(folder, 'masks', 'felzenszwalb')
    assert [failed['stem'] for failed in result['failed']] == ['000000', '000001', '000002']
    assert all(str(path) in failed['reason'] for path, failed in zip(paths, result['failed'], strict=False))
    assert result['labelled'] == COUNT - 3
    for number, image in content.items():
        paths[number].write_bytes(image)
    assert label_frames(folder, 'masks', 'felzenszwalb')['labelled'] == 4  # the grey one is another image now
    assert files(frames / STORE) == whole


def test_half_of_a_jpeg_is_no_image(tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 2))
    _, jpeg = cv2.imencode('.jpg', np.random.default_rng(0).integers(0, 255, (32, 64, 3), np.uint8))
    (folder.path / 'images/cut.jpg').write_bytes(jpeg.tobytes()[: len(jpeg) // 2])
    object.__setattr__(folder.frames[1], 'image', 'images/cut.jpg')
    assert 'cut off' in label_frames(folder, 'masks', 'felzenszwalb')['failed'][0]['reason']


def test_where_no_frame_can_be_read_there_is_one_sentence(tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 2))
    for image in (folder.path / 'images').iterdir():
        image.unlink()
    with pytest.raises(FamdaError, match=r'no frame could be labelled; the first one: .*000000\.png'):
        label_frames(folder, 'masks', 'felzenszwalb')


@pytest.mark.parametrize('workers', [0, 1])
def test_a_full_disk_gets_one_sentence_and_leaves_the_store_whole(frames, whole, workers):
    here, there = Pipe()
    process = start(label_on_a_full_disk, str(frames), workers, there)
    assert 'make room and run famda label again' in here.recv()
    process.join()
    store = LabelStore.open(frames, 'masks', 'felzenszwalb')
    assert 0 < len(store.entries) < COUNT
    for stem in store.entries:
        assert store.read_segments(stem).shape == (32, 64)
    label_frames(FrameFolder(frames), 'masks', 'felzenszwalb')
    assert files(frames / STORE) == whole


def test_a_finished_store_needs_no_bar_and_notices_come_before_the_work(frames):
    folder, told = FrameFolder(frames), []
    teachers = {'masks': 'felzenszwalb', 'depth': 'street-world'}
    for bars in (2, 0):
        told.clear()
        progress = Progress(disable=True)
        label_with_teachers(
            folder, teachers, progress, on_identity=lambda identity: told.append(identity['name']),
            on_result=lambda role, result: told.append(role),
        )  # fmt: skip
        assert told == ['felzenszwalb', 'street-world', 'masks', 'depth']
        assert len(progress.tasks) == bars


def test_workers_fit_the_machine_and_the_teacher():
    small, gpu = Ready({}, gpus=0, memory=1 << 20), Ready({}, gpus=4, memory=1 << 30)
    large = Ready({}, gpus=0, memory=(1 << 60) // GROWTH)
    assert worker_count(small, 1, None, True) == 1  # no more than frames
    assert worker_count(large, 100, None, True) == 1  # no more than memory
    assert worker_count(large, 100, 3, True) == 3  # unless it is asked for
    assert worker_count(gpu, 100, None, True) == 4
    assert worker_count(gpu, 100, None, False) == 1  # its settings name the GPU


@pytest.mark.parametrize(
    'options, message',
    [
        (('snail',), "unknown engine 'snail'"),
        (('local', -1), 'workers'),
        (('ray', 0), 'workers'),
        (('local', 1, 'host:6379'), '--engine ray'),
    ],
)
def test_engines_that_are_none(options, message):
    with pytest.raises(FamdaError, match=message), open_engine(*options):
        pass
