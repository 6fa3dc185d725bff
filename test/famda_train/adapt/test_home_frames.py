# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a place looks like is taken from all of its recordings, evenly, and not from the frames that were chosen."""
import numpy as np

from famda_ros.messages.bag_writer import BagWriter
from famda_train.adapt.extract import ExtractSettings, extract
from famda_train.adapt.home_frames import write_home_frames


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
