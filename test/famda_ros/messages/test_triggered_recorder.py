# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder without ROS: windows, limits, a full disk, and SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.messages import recording_folder
from famda_ros.messages.bag_reader import custom_data, read_messages, topics_of
from famda_ros.messages.bag_types import COMPRESSED_IMAGE, IMAGE, STRING, message_type, typestore
from famda_ros.messages.image_messages import compressed_to_rgb
from famda_ros.messages.recording_folder import RecordingFolder
from famda_ros.messages.ring_buffer import BufferedMessage
from famda_ros.messages.triggered_recorder import RecorderSettings, TriggeredRecorder, compressed

pytestmark = pytest.mark.slow


def text(number, time_ns, topic='/a', latched=False):
    cdr = typestore().serialize_cdr(message_type(STRING)(data=f'{number:>200}'), STRING)
    return BufferedMessage(topic, STRING, bytes(cdr), time_ns, latched)


def folder(path, most_bytes=0, most_age_s=0.0, free_bytes=0):
    return RecordingFolder(path, most_bytes, most_age_s, free_bytes)


def numbers(bag, topic='/a'):
    return [int(message.data) for name, _, _, message in read_messages(bag) if name == topic]


def feed(recorder, seconds, start=0, on_step=lambda number: None):
    """Hand over numbered messages, 100 a second; return {number: time}."""
    sent, number, end = {}, start, time.monotonic() + seconds
    while time.monotonic() < end:
        sent[number] = time.time_ns()
        recorder.put(text(number, sent[number]))
        on_step(number)
        number += 1
        time.sleep(0.01)
    return sent


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_comes_together_with_the_trigger_and_is_older_is_left_out(tmp_path):
    now = [0]
    recorder = TriggeredRecorder(folder(tmp_path), RecorderSettings(0.5, 1.0, 10.0), lambda: now[0])
    for number in range(300):  # 30 s of a drive, much faster than the recorder's thread looks
        now[0] = 10**18 + number * 10**8
        recorder.put(text(number, now[0]))
        if number == 200:
            bag = recorder.trigger('drift')
    recorder.close()
    assert numbers(bag) == list(range(195, 211))


def test_a_trigger_has_everything_around_it(tmp_path):
    ended, marks = [], {}
    recorder = TriggeredRecorder(
        folder(tmp_path), RecorderSettings(0.3, 0.4, 0.1, tags={'domain': 'night'}), time.time_ns, ended.append
    )
    recorder.put(text(7, time.time_ns(), '/tf_static', latched=True))

    def on_step(number):
        if number in (60, 80):  # the second prolongs the first
            marks[number] = (time.time_ns(), recorder.trigger('service', 'a reason'))

    sent = feed(recorder, 1.8, on_step=on_step)
    wait_for(lambda: ended)
    recorder.close()
    (bag,) = set(ended)
    assert marks[60][1] == marks[80][1] == bag and recorder.lost == 0 and recorder.recordings == 1
    tags = custom_data(bag)
    first, last = int(tags['trigger_time_ns']) - 300_000_000, marks[80][0] + 400_000_000
    want = [number for number, at in sent.items() if first <= at <= last]
    found = numbers(bag)
    assert found == list(range(found[0], found[-1] + 1)) and set(want) <= set(found) and sent[found[0]] >= first
    assert sent[found[-1]] < last + 300_000_000  # the recorder's clock was read a moment later
    assert numbers(bag, '/tf_static') == [7]
    assert tags['trigger'] == 'service' and tags['domain'] == 'night' and tags['trigger_reason'] == 'a reason'
    assert int(tags['trigger_time_ns']) >= marks[60][0]
    assert len(list(bag.glob('*.mcap'))) > 1, 'written a file at a time'
    assert topics_of(bag)['/a'] == (STRING, len(found))


def test_always_goes_on_from_bag_to_bag_without_a_gap(tmp_path):
    ended = []
    settings = RecorderSettings(pre_s=0.2, post_s=0.2, file_s=0.1, bag_s=0.4)
    recorder = TriggeredRecorder(folder(tmp_path), settings, time.time_ns, ended.append)
    recorder.trigger('always')
    sent = feed(recorder, 1.6)
    recorder.close()
    assert len(ended) >= 3 and recorder.lost == 0
    assert [number for bag in ended for number in numbers(bag)] == list(sent)


def test_raw_images_are_compressed_and_broken_ones_are_counted(tmp_path):
    rng = np.random.default_rng(0)
    rgb = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (64, 48))

    def raw(step):
        header = message_type('std_msgs/msg/Header')(message_type('builtin_interfaces/msg/Time')(5, 6), 'cam')
        message = message_type(IMAGE)(header, 48, 64, 'rgb8', 0, step, rgb.reshape(-1))
        return BufferedMessage('/cam/image', IMAGE, bytes(typestore().serialize_cdr(message, IMAGE)), time.time_ns())

    for image_format, error in (('png', 0), ('jpeg', 6)):
        small = compressed(raw(192), image_format, 95)
        message = typestore().deserialize_cdr(small.cdr, COMPRESSED_IMAGE)
        assert (small.topic, small.msgtype, message.format) == ('/cam/image/compressed', COMPRESSED_IMAGE, image_format)
        assert (message.header.stamp.sec, message.header.frame_id) == (5, 'cam')
        assert np.abs(compressed_to_rgb(message).astype(int) - rgb).mean() <= error
    recorder = TriggeredRecorder(folder(tmp_path), RecorderSettings(), time.time_ns)
    recorder.trigger('service')
    for step in (192, 3, 192):
        recorder.put(raw(step))
    wait_for(lambda: recorder.malformed == 1)
    recorder.close()
    (bag,) = folder(tmp_path).bags()
    assert topics_of(bag) == {'/cam/image/compressed': (COMPRESSED_IMAGE, 2)}


def test_limits_remove_the_oldest_bags_and_nothing_else(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'metadata.yaml').touch()
    place, bags = folder(tmp_path, most_bytes=60_000), []
    recorder = TriggeredRecorder(place, RecorderSettings(0.0, 1.0, 0.1), time.time_ns, bags.append)
    for number in range(4):
        recorder.trigger('service')
        for index in range(100):
            recorder.put(text(100 * number + index, time.time_ns()))
        wait_for(lambda number=number: len(bags) == number + 1)
    assert place.removed >= 2 and not bags[0].exists() and bags[-1].exists() and (tmp_path / 'mine').exists()
    assert place.total_bytes() <= 60_000 and len(numbers(bags[-1])) == 100
    recorder.close()
    place = folder(tmp_path, most_age_s=3600.0)
    place.make_room(1, None)
    assert bags[-1].exists()
    place.close()
    place = folder(tmp_path, most_age_s=1e-6)
    place.make_room(1, bags[-1])
    assert bags[-1].exists(), 'the bag that is being written stays'
    place.make_room(1, None)
    assert not place.bags() and (tmp_path / 'mine').exists()
    place.close()


def test_a_full_disk_is_said_and_recording_goes_on_when_there_is_room(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    free = [10**6]
    monkeypatch.setattr(recording_folder.shutil, 'disk_usage', lambda _: usage(10**12, 0, free[0]))
    settings = RecorderSettings(pre_s=5.0, post_s=20.0, file_s=0.1)
    recorder = TriggeredRecorder(folder(tmp_path, free_bytes=10**9), settings, time.time_ns)
    recorder.trigger('service')
    sent = feed(recorder, 0.3)
    wait_for(lambda: recorder.fault)
    assert '1 MB free, and 1000 MB are to stay free' in recorder.fault and not list(tmp_path.glob('2*'))
    free[0] = 10**11
    sent |= feed(recorder, 0.2, start=len(sent))
    wait_for(lambda: not recorder.fault)
    recorder.close()
    (bag,) = tmp_path.glob('2*')
    assert numbers(bag) == list(sent) and recorder.lost == 0


def test_memory_is_bounded_and_what_does_not_fit_is_counted(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(recording_folder.shutil, 'disk_usage', lambda _: usage(10**12, 0, 0))
    settings = RecorderSettings(pre_s=100.0, post_s=100.0, file_s=0.1, buffer_bytes=50_000)
    recorder = TriggeredRecorder(folder(tmp_path, free_bytes=10**9), settings, time.time_ns)
    recorder.trigger('service')
    sent = feed(recorder, 4.0)
    wait_for(lambda: recorder.buffered[1] <= 50_000)
    assert 0 < recorder.lost < len(sent) and recorder.fault
    recorder.close()


def test_two_recorders_in_one_folder_are_refused(tmp_path):
    first = folder(tmp_path)
    with pytest.raises(FamdaError, match='another recorder'):
        folder(tmp_path)
    first.close()
    folder(tmp_path).close()


KILLED = """
import sys, time
from test_triggered_recorder import folder, text
from famda_ros.messages.triggered_recorder import RecorderSettings, TriggeredRecorder
recorder = TriggeredRecorder(folder(sys.argv[1]), RecorderSettings(0.2, 0.2, 0.1, 1.0), time.time_ns)
recorder.trigger('always')
number = 0
while True:
    recorder.put(text(number, time.time_ns()))
    number += 1
    print(number, flush=True)
    time.sleep(0.002)
"""


@pytest.mark.parametrize('after', [30, 171, 402, 733])
def test_a_killed_process_leaves_readable_bags(tmp_path, after):
    child = subprocess.Popen(
        [sys.executable, '-c', KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).parent)},
    )  # fmt: skip
    assert child.stdout is not None
    sent = 0
    while sent < after or not list(tmp_path.glob('2*/metadata.yaml')):
        sent = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    sent = max([sent, *(int(line) for line in child.stdout.read().split())])
    place = folder(tmp_path)  # what was unfinished goes
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(('.2', '..2'))]
    found = [number for bag in place.bags() for number in numbers(bag)]
    assert found == list(range(len(found))) and len(found) > 0
    print(f'{sent - len(found)} of {sent} messages lost')
    place.close()
