# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of every kind become frame folders: pixel-exact, resumed, and of damaged files what can be read."""
from __future__ import annotations

import json
import sqlite3

import cv2
import numpy as np
import onnx
import pytest
from recordings import (
    FOCAL,
    FRAMES,
    HEIGHT,
    KINDS,
    TOPIC,
    WIDTH,
    encoded,
    picture,
    stamp_of,
    write_compressed,
    write_mcap,
    write_ros1_bag,
    write_rosbag2,
    write_video,
)
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from tiny_student import tiny_onnx

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_writer import BagWriter
from famda_train.adapt import extract as extract_module
from famda_train.adapt.extract import CANDIDATES, ExtractSettings, extract
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.inspection.dataset_check import check_data


def numbers(folder):
    """Return which pictures the frames of a folder are; checks that each is one, exactly."""
    found = []
    for index in range(len(folder)):
        image = folder.image(index)
        found.append(next(number for number in range(FRAMES) if np.array_equal(image, picture(number))))
    return found


@pytest.mark.parametrize(('write', 'calibrated'), KINDS.values(), ids=list(KINDS))
def test_every_kind_comes_back_pixel_for_pixel(write, calibrated, tmp_path, request):
    recording = write(tmp_path / request.node.callspec.id)
    result = extract([recording], tmp_path / 'out')
    folder = FrameFolder(tmp_path / 'out')
    assert numbers(folder) == list(range(FRAMES)) and result['losses'] == [] and result['left_out'] == {}
    assert [frame.focal for frame in folder.frames] == [FOCAL if calibrated else None] * FRAMES
    assert result['frames'] == result['images'] == FRAMES and result['focal'] == (FRAMES if calibrated else 0)
    if calibrated:
        assert [frame.extra['stamp_ns'] for frame in folder.frames] == [stamp_of(number) for number in range(FRAMES)]
    assert check_data(tmp_path / 'out')['problems'] == []


def test_jpeg_files_stay_as_they_were_recorded(tmp_path):
    extract([write_compressed(tmp_path / 'bag')], tmp_path / 'out')
    folder = FrameFolder(tmp_path / 'out')
    files = [(tmp_path / 'out' / frame.image).read_bytes() for frame in folder.frames]
    assert files == [encoded(number) for number in range(FRAMES)]
    assert folder.frames[0].image.endswith('.jpg') and folder.frames[0].extra['bag'] == 'bag'


def test_files_with_exchanged_colours_are_converted(tmp_path):
    def swapped(number):
        return cv2.imencode('.png', picture(number))[1].tobytes()

    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(FRAMES):
            name = 'rgb8; png compressed rgb8'
            bag.write_compressed_bytes(f'{TOPIC}/compressed', stamp_of(number), 'cam', swapped(number), name)
    extract([tmp_path / 'bag'], tmp_path / 'out')
    assert numbers(FrameFolder(tmp_path / 'out')) == list(range(FRAMES))


def test_several_recordings_make_one_folder(tmp_path):
    one = write_mcap(tmp_path / 'one', 4)
    two = write_video(tmp_path / 'two.mkv')
    result = extract([one, two], tmp_path / 'out', ExtractSettings(focal=80.0))
    folder = FrameFolder(tmp_path / 'out')
    assert result['left_out'] == {'near-duplicate': 4}  # the first pictures of the video are those of the bag
    assert [frame.extra['bag'] for frame in folder.frames] == ['one'] * 4 + ['two.mkv'] * (FRAMES - 4)
    assert [frame.focal for frame in folder.frames] == [FOCAL] * 4 + [80.0] * (FRAMES - 4)


def test_part_and_rate(tmp_path):
    recording = write_mcap(tmp_path / 'bag')
    extract([recording], tmp_path / 'part', ExtractSettings(start_s=0.4, stop_s=1.0))
    assert numbers(FrameFolder(tmp_path / 'part')) == [2, 3, 4, 5]
    extract([recording], tmp_path / 'rate', ExtractSettings(rate=2.5))
    assert numbers(FrameFolder(tmp_path / 'rate')) == [0, 2, 4, 6]


def test_topic_is_asked_for_where_there_are_two(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(2):
            bag.write_image('/left/image', stamp_of(number), 'cam', picture(number))
            bag.write_image('/right/image', stamp_of(number), 'cam', picture(number + 2))
    with pytest.raises(FamdaError, match='choose one, such as --topic /left/image'):
        extract([tmp_path / 'bag'], tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
    extract([tmp_path / 'bag'], tmp_path / 'out', ExtractSettings(topic='/right/image'))
    assert numbers(FrameFolder(tmp_path / 'out')) == [2, 3]


def test_black_standing_blurred_and_equal_frames_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    views = [picture(0), picture(1), picture(1), picture(2), np.zeros_like(picture(0)), picture(3), picture(0)]
    views += [cv2.blur(picture(4), (21, 21)), picture(5)]

    def noisy(number):
        noise = rng.normal(0, 2, views[number].shape) * (views[number].max() > 0)
        return np.clip(views[number] + noise, 0, 255).astype(np.uint8)

    result = extract([write_mcap(tmp_path / 'bag', len(views), noisy)], tmp_path / 'out')
    assert result['left_out'] == {'standing': 1, 'black': 1, 'near-duplicate': 1, 'blurred': 1}
    stems = [frame.stem for frame in FrameFolder(tmp_path / 'out').frames]
    assert stems == ['000_000000', '000_000001', '000_000003', '000_000005', '000_000008']
    assert sorted(p.stem for p in (tmp_path / 'out' / 'images').iterdir()) == stems


def test_nothing_but_black_is_said_and_leaves_the_folder_free(tmp_path):
    recording = write_mcap(tmp_path / 'bag', 3, lambda number: np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(FamdaError, match=r'no frame is left \(3 black\)'):
        extract([recording], tmp_path / 'out')
    extract([write_mcap(tmp_path / 'good', 3)], tmp_path / 'out')


def test_count_keeps_those_that_cover_the_others(tmp_path):
    def two_places(number):
        place, shade = divmod(number, 4)
        return np.clip(picture(place) / 2 + 30 * shade, 0, 255).astype(np.uint8)

    recording = write_mcap(tmp_path / 'bag', 8, two_places)
    result = extract([recording], tmp_path / 'out', ExtractSettings(count=2, rate=0.0))
    stems = [int(frame.stem[-1]) for frame in FrameFolder(tmp_path / 'out').frames]
    assert len(stems) == 2 and result['left_out'] == {'not chosen': 6}
    assert abs(stems[0] % 4 - stems[1] % 4) >= 1  # not the same light twice


def test_shares_of_a_student_help_to_choose(tmp_path):
    student = tmp_path / 'tiny.onnx'
    onnx.save(tiny_onnx(), student)
    settings = ExtractSettings(count=3, rate=0.0, model=str(student))
    assert extract([write_mcap(tmp_path / 'bag')], tmp_path / 'out', settings)['frames'] == 3


def test_a_run_that_was_killed_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    recordings = [write_mcap(tmp_path / 'one'), write_ros1_bag(tmp_path / 'two.bag')]
    settings = ExtractSettings(count=5, rate=0.0)
    extract(recordings, tmp_path / 'undisturbed', settings)

    measured = 0

    class Killed(BaseException):
        pass

    def measure(image, found=extract_module.measure):
        nonlocal measured
        measured += 1
        if measured in (4, 9, 14):
            raise Killed
        return found(image)

    monkeypatch.setattr(extract_module, 'measure', measure)
    for _ in range(3):
        with pytest.raises(Killed):
            extract(recordings, tmp_path / 'out', settings)
        with (tmp_path / 'out' / CANDIDATES).open('a') as file:
            file.write('{"recording": 0, "num')  # the line in hand
    result = extract(recordings, tmp_path / 'out', settings)
    assert measured == 2 * FRAMES + 3  # nothing is measured twice but what was in hand
    one, other = tmp_path / 'out', tmp_path / 'undisturbed'
    assert sorted(p.relative_to(one) for p in one.rglob('*')) == sorted(p.relative_to(other) for p in other.rglob('*'))
    assert (one / 'frames.jsonl').read_bytes() == (other / 'frames.jsonl').read_bytes()
    assert extract(recordings, tmp_path / 'out', settings) == result and measured == 2 * FRAMES + 3


def test_what_was_lost_before_a_kill_is_told_after_it(tmp_path, monkeypatch):
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(5):
            data = encoded(number) if number != 1 else encoded(number)[:-40]
            bag.write_compressed_bytes(f'{TOPIC}/compressed', stamp_of(number), 'cam', data, 'jpeg')
    undisturbed = extract([tmp_path / 'bag'], tmp_path / 'undisturbed', ExtractSettings(focal=1.0))

    class Killed(BaseException):
        pass

    looked_at = []

    def measure(image, found=extract_module.measure):
        looked_at.append(image)
        if len(looked_at) == 4:
            raise Killed
        return found(image)

    monkeypatch.setattr(extract_module, 'measure', measure)
    with pytest.raises(Killed):
        extract([tmp_path / 'bag'], tmp_path / 'out', ExtractSettings(focal=1.0))
    result = extract([tmp_path / 'bag'], tmp_path / 'out', ExtractSettings(focal=1.0))
    assert 'image 1' in result['losses'][0] and result['calibration']
    assert {**result, 'out': ''} == {**undisturbed, 'out': ''}


def test_settings_are_never_mixed(tmp_path):
    recording = write_mcap(tmp_path / 'bag')
    extract([recording], tmp_path / 'out')
    with pytest.raises(FamdaError, match='other settings; choose another --out'):
        extract([recording], tmp_path / 'out', ExtractSettings(count=3))
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'file').touch()
    with pytest.raises(FamdaError, match='choose another --out'):
        extract([recording], tmp_path / 'other')


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ({'rate': -1.0}, '--rate'),
        ({'rate': float('nan')}, '--rate'),
        ({'count': -1}, '--count'),
        ({'start_s': -1.0}, '--from'),
        ({'start_s': 3.0, 'stop_s': 2.0}, '--to'),
        ({'focal': 0.0}, '--focal'),
    ],
)
def test_settings_that_cannot_be_are_named(settings, said, tmp_path):
    with pytest.raises(FamdaError, match=said):
        extract([tmp_path], tmp_path / 'out', ExtractSettings(**settings))


# What can be read of 20 damaged files: kind, damage, least and most frames.


def cut(share):
    return lambda data: data[: int(len(data) * share)]


def flip(*places, bits=0x55):
    def damage(data):
        data = bytearray(data)
        for place in places:
            data[int(len(data) * place)] ^= bits
        return bytes(data)

    return damage


def zeros(start, stop):
    return lambda data: data[: int(len(data) * start)] + bytes(int(len(data) * stop) - int(len(data) * start)) + data[
        int(len(data) * stop) :
    ]  # fmt: skip


DAMAGES = {
    'mcap cut': ('foreign.mcap', cut(0.6), 2, 6),
    'mcap cut early': ('foreign.mcap', cut(0.35), 1, 4),
    'mcap chunk flipped': ('foreign.mcap', flip(0.5), 5, 7),
    'mcap chunks flipped': ('foreign.mcap', flip(0.3, 0.7), 3, 7),
    'mcap index flipped': ('foreign.mcap', flip(0.985), 0, 8),
    'mcap hole': ('lz4.mcap', zeros(0.4, 0.5), 2, 7),
    'mcap magic lost': ('foreign.mcap', flip(0.0), 0, 0),
    'ros1 mcap cut': ('ros1.mcap', cut(0.6), 2, 6),
    'ros1 mcap flipped': ('ros1.mcap', flip(0.5), 4, 7),
    'sqlite cut': ('sqlite3.db3', cut(0.6), 3, 6),
    'sqlite cut late': ('sqlite3.db3', cut(0.85), 6, 7),
    'sqlite hole': ('sqlite3.db3', zeros(0.5, 0.6), 4, 8),
    'sqlite head lost': ('sqlite3.db3', zeros(0.0, 0.02), 0, 0),
    'bag cut': ('ros1.bag', cut(0.6), 3, 6),
    'bag cut, bz2': ('bz2.bag', cut(0.6), 0, 6),
    'bag index lost': ('ros1.bag', zeros(0.99, 1.0), 7, 8),
    'bag head flipped': ('ros1.bag', flip(0.0001), 0, 8),
    'zstd cut in its only block': ('file packed', cut(0.6), 0, 0),
    'video cut': ('video.mkv', cut(0.6), 3, 6),
    'no recording at all': ('foreign.mcap', lambda data: b'hello', 0, 0),
}


def file_of(recording):
    """Return the file that holds the messages."""
    if recording.is_file():
        return recording
    return next(p for p in recording.iterdir() if p.name != 'metadata.yaml')


@pytest.mark.parametrize(('kind', 'damage', 'least', 'most'), DAMAGES.values(), ids=list(DAMAGES))
def test_of_a_damaged_file_all_that_can_be_read_is(kind, damage, least, most, tmp_path):
    write, _ = KINDS[kind if kind in KINDS else 'sqlite3']
    recording = write(tmp_path / kind)
    if kind == 'sqlite3.db3':  # beside no metadata, as it is given alone
        recording = file_of(recording).rename(tmp_path / 'alone.db3')
    file = file_of(recording)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    try:
        result = extract([recording], tmp_path / 'out')
    except FamdaError as error:
        assert least == 0 and str(recording) in str(error) and 'Traceback' not in str(error)
        return
    folder = FrameFolder(tmp_path / 'out')
    assert least <= len(folder) <= most
    assert len(folder) == FRAMES or result['losses'], 'frames are missing, and nobody says so'
    assert all(str(recording) in sentence for sentence in result['losses'])
    damaged_pixels = sum(
        not any(np.array_equal(folder.image(index), picture(number)) for number in range(FRAMES))
        for index in range(len(folder))
    )
    assert damaged_pixels <= 1  # raw pixels without a check sum
    assert file.read_bytes() == damage(whole)  # the file is not changed


@pytest.mark.parametrize('plugin', [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_of_a_packed_file_that_is_cut_off_the_beginning_is_read(plugin, tmp_path):
    recording = write_rosbag2(tmp_path / 'bag', plugin, CompressionMode.FILE, frames=80)
    file = file_of(recording)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.7)])
    result = extract([recording], tmp_path / 'out')
    folder = FrameFolder(tmp_path / 'out')
    assert 20 <= len(folder) < 80 and 'lost' in result['losses'][0]
    found = [int(frame.stem[-3:]) for frame in folder.frames]
    assert all(np.array_equal(folder.image(index), picture(number)) for index, number in enumerate(found))


def test_messages_beside_an_sqlite_file_are_brought_in(tmp_path):
    file = file_of(write_rosbag2(tmp_path / 'bag')).rename(tmp_path / 'alone.db3')
    with sqlite3.connect(file) as database:
        database.execute('PRAGMA journal_mode=WAL')
        database.execute('PRAGMA wal_autocheckpoint=0')
        rows = database.execute('SELECT topic_id, timestamp, data FROM messages').fetchall()
        database.execute('DELETE FROM messages WHERE id > 8')
        database.executemany('INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)', rows[8:])
        database.commit()
        killed = tmp_path / 'killed'
        killed.mkdir()
        for name in ('alone.db3', 'alone.db3-wal'):
            (killed / name).write_bytes((tmp_path / name).read_bytes())
    before = (killed / 'alone.db3').read_bytes()
    result = extract([killed / 'alone.db3'], tmp_path / 'out')
    assert numbers(FrameFolder(tmp_path / 'out')) == list(range(FRAMES)) and result['losses']
    assert (killed / 'alone.db3').read_bytes() == before


def test_a_recording_that_cannot_be_read_does_not_stop_the_others(tmp_path):
    (tmp_path / 'bad.mcap').write_text('hello')
    result = extract([tmp_path / 'bad.mcap', write_mcap(tmp_path / 'good')], tmp_path / 'out')
    assert result['frames'] == FRAMES and 'bad.mcap' in result['losses'][0]


def test_a_damaged_image_is_left_out_and_named(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(4):
            data = encoded(number) if number != 2 else encoded(number)[:-40]
            bag.write_compressed_bytes(f'{TOPIC}/compressed', stamp_of(number), 'cam', data, 'jpeg')
    result = extract([tmp_path / 'bag'], tmp_path / 'out')
    assert result['left_out'] == {'malformed': 1} and 'image 2' in result['losses'][0]


def test_a_calibration_of_no_lens_leaves_the_focal_unknown(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(3):
            bag.write_image(TOPIC, stamp_of(number), 'cam', picture(number))
            bag.write_camera_info('/cam/camera_info', stamp_of(number), 'cam', WIDTH, HEIGHT, 20.0 * WIDTH)
    result = extract([tmp_path / 'bag'], tmp_path / 'out')
    assert result['focal'] == 0 and any('focal' in sentence for sentence in result['calibration'])


def test_a_calibration_that_changes_or_is_for_another_shape_is_told(tmp_path):
    swapped, zoom = ('swapped', (HEIGHT, WIDTH), (20.0,) * 3), ('zoom', (WIDTH, HEIGHT), (40.0, 80.0, 80.0))
    for name, (width, height), focals in (swapped, zoom):
        with BagWriter(tmp_path / name) as bag:
            for number, focal in enumerate(focals):
                bag.write_camera_info('/cam/camera_info', stamp_of(number), 'cam', width, height, focal)
                bag.write_image(TOPIC, stamp_of(number), 'cam', picture(number))
    (shape,) = extract([tmp_path / 'swapped'], tmp_path / 'a')['calibration'].items()
    assert 'another shape' in shape[0] and shape[1] == 3
    (change,) = extract([tmp_path / 'zoom'], tmp_path / 'b')['calibration'].items()
    assert 'changes within the recording' in change[0] and change[1] == 1


def test_the_result_is_json_and_says_where_each_frame_is_from(tmp_path):
    result = extract([write_mcap(tmp_path / 'bag')], tmp_path / 'out')
    assert json.loads(json.dumps(result)) == result
    assert result['recordings'] == [{'path': str(tmp_path / 'bag'), 'images': FRAMES, 'frames': FRAMES}]
