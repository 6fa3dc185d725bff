# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder over DDS: every frame around a trigger is in its bag, whatever comes between."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from perception_client import LATCHED, Repeatedly, camera_info, header
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from famda_ros.harness.play_bag import Process, parameters
from famda_ros.messages.bag_reader import custom_data, iter_frames, read_messages, topics_of
from famda_ros.messages.bag_types import stamp_ns_of
from famda_ros.messages.image_messages import encode_image, fill_image
from famda_ros.nodes.dds import environment
from famda_ros.nodes.recorder_node import PARAMETERS

pytestmark = pytest.mark.timeout(900)
FRONT, REAR, INFO, LABELS = '/front/image/compressed', '/rear/image', '/front/camera_info', '/segmentation/labels'
SECONDS = float(os.environ.get('FAMDA_RECORDER_SECONDS', '8'))
WIDTH, HEIGHT = (1280, 720) if SECONDS > 60 else (320, 180)
RATE_HZ = 30.0


class Recorder:
    """A recorder in a process of its own, and a robot that publishes numbered frames to it."""

    def __init__(self, folder: Path, domain_id: int, monkeypatch, **values):
        env = environment(domain_id)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        self.folder = folder / 'bags'
        values = {'folder': str(self.folder), 'pre_s': 1.0, 'post_s': 1.0, 'file_s': 0.5, 'free_mb': 1, **values}
        self.process = Process('nodes.recorder_node', parameters(**values), env, folder)
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = rclpy.create_node('robot', context=self._context)
        self._front = self.node.create_publisher(CompressedImage, FRONT, 100)
        self._rear = self.node.create_publisher(Image, REAR, 100)
        self._info = self.node.create_publisher(CameraInfo, INFO, 100)
        self.domain = self.node.create_publisher(String, '/perception/domain', LATCHED)
        self.node.create_publisher(String, LABELS, LATCHED).publish(String(data='{"classes": []}'))
        self.reports: list[tuple[int, str, dict[str, str]]] = []
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._save = self.node.create_client(Trigger, '/recorder/save')
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        threading.Thread(target=self._executor.spin, daemon=True).start()
        scene = cv2.resize(np.random.default_rng(0).integers(0, 256, (36, 64, 3), np.uint8), (WIDTH, HEIGHT))
        self._image, self._jpeg = scene, encode_image(scene)
        self.sent: list[int] = []

    def __enter__(self) -> Recorder:
        self.wait_for(lambda: all(map(self.node.count_subscribers, (FRONT, REAR, INFO, LABELS))), 'subscriptions')
        time.sleep(0.5)  # until both sides know
        return self

    def __exit__(self, *_) -> None:
        self.process.end()
        self._executor.shutdown(timeout_sec=2)
        self._context.try_shutdown()

    def _on_diagnostics(self, message) -> None:
        self.reports += [(s.level[0], s.message, {v.key: v.value for v in s.values}) for s in message.status]

    def wait_for(self, condition, what, seconds=60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.exit_code is None, self.process.output()
            assert time.monotonic() < end, f'{what}\n{self.process.output()}'
            time.sleep(0.02)

    def send(self) -> None:
        """Publish one frame of each camera; its number is the nanoseconds of its stamp."""
        stamp = time.time_ns()
        self.sent.append(stamp)
        self._front.publish(CompressedImage(header=header(stamp), format='jpeg', data=self._jpeg))
        self._rear.publish(fill_image(Image(), self._image, 'rgb8', header(stamp)))
        self._info.publish(camera_info(stamp, WIDTH, HEIGHT, 200.0))

    def save(self) -> str:
        assert self._save.wait_for_service(60)
        future = self._save.call_async(Trigger.Request())
        self.wait_for(future.done, 'the service')
        assert future.result().success
        return future.result().message

    def finished(self, count: int) -> list[Path]:
        self.wait_for(lambda: self.process.output().count("recorded '") >= count, f'{count} bags')
        return sorted(self.folder.glob('2*'))


def stamps(bag, topic):
    return [stamp_ns_of(message.header) for name, _, _, message in read_messages(bag) if name == topic]


def check_window(recorder, bag, begin, end):
    """No frame between two times is missing, of none of the topics."""
    want = [stamp for stamp in recorder.sent if begin <= stamp <= end]
    for topic in (FRONT, f'{REAR}/compressed', INFO):
        found = stamps(bag, topic)
        assert set(want) <= set(found), f'{topic}: {len(set(want) - set(found))} of {len(want)} lost'
        # Nothing within is missing either, nor twice.
        assert found == [stamp for stamp in recorder.sent if found[0] <= stamp <= found[-1]]
    return len(want)


def test_no_frame_around_a_trigger_is_lost(tmp_path, monkeypatch):
    rng = random.Random(int(os.environ.get('FAMDA_TEST_SEED', '1')))
    with Recorder(tmp_path, 92, monkeypatch, tags=['place=yard']) as recorder:
        windows: dict[str, list[int]] = {}
        with Repeatedly(recorder.send, RATE_HZ):
            time.sleep(1.5)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                asked = time.time_ns()
                windows.setdefault(recorder.save(), []).append(asked)
                time.sleep(rng.uniform(0.2, 4.0))
            recorder.wait_for(lambda: recorder.process.output().count("recorded '") >= len(windows), 'the bags')
        checked = 0
        for bag, asked in windows.items():
            # A frame has arrived after its stamp; on a busy machine up to half a second.
            begin = int(custom_data(bag)['trigger_time_ns']) - 1_000_000_000
            checked += check_window(recorder, Path(bag), begin, asked[-1] + 500_000_000)
            assert custom_data(bag)['place'] == 'yard' and custom_data(bag)['trigger'] == 'service'
            assert topics_of(bag)[LABELS][1] == 1
        assert recorder.finished(len(windows)) == sorted(map(Path, windows)) and checked > RATE_HZ * 2
        seen = len(recorder.reports)
        recorder.wait_for(lambda: len(recorder.reports) > seen + 1, 'a report')
        level, message, values = recorder.reports[-1]
        assert message == 'waiting for a trigger'
        assert level == 0 and values['messages_lost'] == values['images_malformed'] == '0'
        assert FRONT in values['topics'] and REAR in values['topics']
        frames = list(iter_frames(recorder.finished(1)[0], FRONT))
        assert frames[0].image.shape == (HEIGHT, WIDTH, 3) and frames[0].focal == pytest.approx(200.0)
    print(f'{checked} frames of {len(recorder.sent)} in {len(windows)} bags, none lost')


def test_another_domain_is_recorded_once_with_its_reason(tmp_path, monkeypatch):
    def say(state):
        cameras = {'front': {'state': state, 'reason': 'brightness of sky 67', 'since': 1, 'score': 3.0}}
        recorder.domain.publish(String(data=json.dumps({'state': state, 'cameras': cameras})))

    with Recorder(tmp_path, 93, monkeypatch) as recorder, Repeatedly(recorder.send, RATE_HZ):
        recorder.domain.publish(String(data='no JSON'))
        recorder.wait_for(lambda: 'no JSON of a drift monitor' in recorder.process.output(), 'a warning')
        time.sleep(1.2)
        for state in ('home', 'unlike', 'unlike', 'home'):
            say(state)
            time.sleep(0.2)  # only the newest is latched
        (bag,) = recorder.finished(1)
        tags = custom_data(bag)
        assert (tags['trigger'], tags['trigger_reason']) == ('drift', 'brightness of sky 67')
        assert bag.name.endswith('_drift')
        at = int(tags['trigger_time_ns'])
        assert check_window(recorder, bag, at - 1_000_000_000, at + 500_000_000) > RATE_HZ


def test_killed_it_leaves_readable_bags_and_a_full_disk_is_an_error(tmp_path, monkeypatch):
    with Recorder(tmp_path, 94, monkeypatch, always=True) as recorder, Repeatedly(recorder.send, RATE_HZ):
        recorder.wait_for(lambda: list(recorder.folder.glob('2*/*_4.mcap')), 'a fifth file')
        os.kill(recorder.process.pid, signal.SIGKILL)
        recorder.process.wait(60)
        (bag,) = recorder.folder.glob('2*')
        found = stamps(bag, FRONT)
        assert len(found) > RATE_HZ / 2 and found == [s for s in recorder.sent if found[0] <= s <= found[-1]]
    free = 10**9  # 1000 TB: more than this disk has
    with Recorder(tmp_path, 94, monkeypatch, free_mb=free) as recorder, Repeatedly(recorder.send, RATE_HZ):
        recorder.save()
        recorder.wait_for(lambda: recorder.reports and recorder.reports[-1][0] == 2, 'an error')
        assert 'are to stay free' in recorder.reports[-1][1]
        assert len(list(recorder.folder.glob('2*'))) == 1, 'nothing was written, nothing was removed'
        assert recorder.save()


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        ({'topics': '('}, "the parameter 'topics' is no regular expression"),
        ({'tags': ['place']}, "the tag 'place' must be key=value"),
        ({'domain_topic': 'a topic'}, "Invalid topic name: topic name must not contain characters"),
        ({'raw_format': 'gif'}, "raw_format 'gif' is unknown; choose one of jpeg, png"),
        ({'folder': '/proc/nowhere'}, "cannot write to the folder '/proc/nowhere'"),
    ],
)
def test_what_makes_no_sense_ends_it_in_one_sentence(tmp_path, values, sentence):
    arguments = parameters(**{'folder': str(tmp_path / 'x'), **values})
    process = Process('nodes.recorder_node', arguments, environment(95), tmp_path)
    try:
        assert process.wait(30) == 2 and sentence in process.output(), process.output()
        assert 'Traceback' not in process.output()
    finally:
        process.end()


def test_ctrl_c_writes_what_is_left(tmp_path, monkeypatch):
    with Recorder(tmp_path, 96, monkeypatch, always=True, file_s=60.0) as recorder:
        with Repeatedly(recorder.send, RATE_HZ):
            time.sleep(2.0)
        time.sleep(0.5)
        assert not list(recorder.folder.glob('2*/*_1.mcap')), 'one file a minute'
        assert recorder.process.interrupt() == 0 and 'Traceback' not in recorder.process.output()
        (bag,) = recorder.folder.glob('2*')
        assert check_window(recorder, bag, recorder.sent[0], recorder.sent[-1]) > RATE_HZ


def test_every_parameter_is_documented():
    page = (Path(__file__).resolve().parents[3] / 'docs' / 'recorder.md').read_text()
    table = page.split('## Parameters')[1].split('\n\n')[1]
    documented = [name for row in table.splitlines()[2:] for name in re.findall(r'`(\w+)`', row.split('|')[1])]
    assert sorted(documented) == sorted(parameter.name for parameter in PARAMETERS)
