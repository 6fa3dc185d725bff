# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The swap on the demo's robot: a real node takes the next student while frames flow, and its masks are judged."""
import numpy as np
import pytest
from tiny_student import FOCAL, HEIGHT, WIDTH, save_tiny

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.profiles.deployed_models import active, deploy
from famda_train.demo.robot import PROFILE, SETTLED, drive_and_swap, judge_swap

FRAMES, PERIOD_NS, START_NS = 250, 100_000_000, 1_700_000_000_000_000_000


@pytest.fixture(scope='module')
def students(tmp_path_factory):
    """Return a student that takes each class for the other, and one that is right."""
    folder = tmp_path_factory.mktemp('students')
    return save_tiny(folder / 'day.onnx', swap_labels=True), save_tiny(folder / 'night.onnx')


def pictures(count):
    return np.random.default_rng(0).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)


def truth(images):
    return (images[..., 0] > 127).astype(np.uint8)


def write_drive(path, images):
    with BagWriter(path) as bag:
        for index, image in enumerate(images):
            stamp = START_NS + index * PERIOD_NS
            bag.write_image('/camera/image_raw', stamp, 'cam', image)
            bag.write_camera_info('/camera/camera_info', stamp, 'cam', WIDTH, HEIGHT, FOCAL)
    return path


def write_answers(path, masks):
    """Write masks as the probe records them; None = a frame without an answer."""
    with BagWriter(path) as bag:
        for index, mask in enumerate(masks):
            if mask is not None:
                bag.write_mono8('/segmentation/mask', START_NS + index * PERIOD_NS, 'cam', mask)
    return path


def test_a_running_node_takes_the_next_student_between_two_frames(students, tmp_path):
    pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')
    day, night = students
    images = pictures(FRAMES)
    drive, answers, robot = write_drive(tmp_path / 'drive', images), tmp_path / 'answers', tmp_path / 'robot'
    deploy(day, robot, PROFILE)
    outcome, asked, refused = drive_and_swap(robot, drive, answers, night, after=5)
    assert refused == '' and asked >= 5 and outcome['every_frame_accounted']
    assert active(robot, PROFILE).startswith('models/street-')
    swap = judge_swap(drive, answers, truth(images), day, night, asked)
    assert swap.frames_before + swap.frames_after == outcome['frames_answered'] and swap.frames_before >= 5
    assert swap.frames_after > 0 and (swap.miou_before, swap.miou_after, swap.miou_day_after) == (0.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ('missing', 'without_drop'), [(None, True), (3, True), (9, False), (12 + SETTLED - 1, False), (12 + SETTLED, True)]
)
def test_a_frame_without_an_answer_counts_around_the_swap(missing, without_drop, students, tmp_path):
    images = pictures(40)
    right = truth(images)
    masks = [1 - mask if index < 12 else mask for index, mask in enumerate(right)]
    if missing is not None:
        masks[missing] = None
    drive, answers = write_drive(tmp_path / 'drive', images), write_answers(tmp_path / 'answers', masks)
    swap = judge_swap(drive, answers, right, *students, swapped_after=8)
    assert swap.without_drop is without_drop and swap.frames_before + swap.frames_after == 40 - (missing is not None)


def test_a_swap_that_came_too_late_is_none(students, tmp_path):
    images = pictures(4)
    drive, answers = write_drive(tmp_path / 'drive', images), write_answers(tmp_path / 'answers', 1 - truth(images))
    swap = judge_swap(drive, answers, truth(images), *students, swapped_after=2)
    assert not swap.without_drop and swap.frames_after == 0 and swap.miou_after is None


def test_masks_that_come_in_turns_are_refused(students, tmp_path):
    images = pictures(4)
    right = truth(images)
    drive = write_drive(tmp_path / 'drive', images)
    answers = write_answers(tmp_path / 'answers', [right[0], 1 - right[1], right[2], right[3]])
    with pytest.raises(FamdaError, match='after masks of the next'):
        judge_swap(drive, answers, right, *students, swapped_after=1)
