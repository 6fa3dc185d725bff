# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a place looks like is taken from all of its recordings, evenly, and not from the frames that were chosen."""
import numpy as np
import pytest
from adaptation_runs import run, write_parts
from small_street import HEIGHT, WIDTH

from famda_ros.messages.bag_writer import BagWriter
from famda_ros.student.model_card import read_card
from famda_train.adapt.extract import ExtractSettings, extract
from famda_train.adapt.home_frames import write_home_frames
from famda_train.world import render


def write_bag(path, values, first=0):
    with BagWriter(path) as bag:
        for number, value in enumerate(values):
            stamp = (first + number + 1) * 10**8
            image = np.random.default_rng(value).integers(0, 256, (24, 32, 3), np.uint8)
            image[0, 0] = value
            bag.write_image('/cam/image', stamp, 'cam', image)
            bag.write_camera_info('/cam/camera_info', stamp, 'cam', 32, 24, 20.0)
    return path


def seen(folder):
    return [int(folder.image(index)[0, 0, 0]) for index in range(len(folder))]


def test_pictures_are_spread_over_all_recordings_and_standing_ones_stay(tmp_path):
    bags = [write_bag(tmp_path / 'a', [7] * 20), write_bag(tmp_path / 'b', range(100, 140))]
    assert extract(bags[:1], tmp_path / 'chosen')['frames'] == 1
    told = []
    folder = write_home_frames(bags, tmp_path / 'home', ExtractSettings(), 15, 'hall', lambda *at: told.append(at))
    values = seen(folder)
    assert values[:5] == [7] * 5 and values[5:] == list(range(103, 140, 4))
    assert folder.frames[0].focal == 20.0 and folder.info['name'] == 'hall'
    assert told[-1] == (60, 60)


def test_only_the_part_that_is_wanted_and_no_more_than_there_is(tmp_path):
    bag = write_bag(tmp_path / 'a', range(50))
    settings = ExtractSettings(start_s=1.0, stop_s=1.9)
    assert seen(write_home_frames([bag], tmp_path / 'home', settings, 300, 'x')) == list(range(10, 20))
    missing = [tmp_path / 'nothing', bag]  # as extraction does, beside others that can be read
    assert len(write_home_frames(missing, tmp_path / 'all', ExtractSettings(), 300, 'x')) == 50


@pytest.mark.slow
def test_an_adapted_student_knows_its_recording_and_how_sure_it_may_be(tmp_path):
    parts, rng, said = write_parts(tmp_path), np.random.default_rng(0), []
    streets = [render(300 + number, 'day', WIDTH, HEIGHT).image for number in range(6)]
    with BagWriter(tmp_path / 'hall.bag') as bag:
        for number in range(110):
            image = np.clip(streets[number * 6 // 110] + rng.normal(0, 2, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
            bag.write_image('/cam/image', (number + 1) * 10**8, 'cam', image)
            bag.write_camera_info('/cam/camera_info', (number + 1) * 10**8, 'cam', WIDTH, HEIGHT, 0.7 * WIDTH)
    result = run(parts, tmp_path / 'run', said.append, [tmp_path / 'hall.bag'], count=6)
    assert result['frames'] <= 6 and not (tmp_path / 'run' / '.home').exists()
    card = read_card(result['model'])
    assert (card.reference.frames, card.reference.data) == (110, 'hall')
    assert card.ece['data'] == {'home': 'street-world day val', 'shifted': []} and card.temperature != 1
    assert not any('no reference' in sentence.replace('\n', ' ') for sentence in said)
