# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles are switched while images flow, over real DDS."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from tiny_student import HEIGHT, TINY_SPACE, WIDTH, save_tiny, tiny_card

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from perception_client import LONG, PerceptionClient, Repeatedly, constant, promised, stamp_of
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from famda_ros.harness.play_bag import Process, parameters
from famda_ros.messages.image_messages import image_to_array
from famda_ros.nodes.dds import environment

MASK, COLOR, DEPTH = 'segmentation/mask', 'segmentation/color', 'depth/image'
TOPICS = (MASK, COLOR, DEPTH)
# What the two models say about (200, 128, 100): label and metres.
DAY, NIGHT = (1, 50.0), (0, 25.0)


class Camera(Repeatedly):
    """Publishes images of one colour."""

    def __init__(self, client, rate_hz=30.0):
        self.color = (200, 128, 100)
        client.publisher(Image, 'image')
        super().__init__(lambda: client.send(constant(4 * WIDTH, 4 * HEIGHT, *self.color), time.time_ns()), rate_hz)


@pytest.fixture
def profiles(tmp_path):
    """Two profiles whose models, of 3 MB each, are told apart by every one of their answers."""
    save_tiny(tmp_path / 'day.onnx', card=tiny_card(name='day model'), channels=300)
    save_tiny(
        tmp_path / 'night.onnx',
        card=tiny_card(name='night model', network_width=2 * WIDTH, network_height=2 * HEIGHT),
        depth_scale=0.25,
        swap_labels=True,
        channels=300,
    )
    return {name: write_profile(tmp_path, name, f'{name}.onnx') for name in ('day', 'night')}


def write_profile(folder, name, model, further=''):
    file = folder / f'{name}.yaml'
    file.write_text(f'model: {model}\n{further}')
    return str(file)


def double(value):
    return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)


def verdicts(client):
    """Return {stamp: (label, metres)} of the frames that were answered on every topic; none may be mixed."""
    by_topic = {topic: {stamp_of(m): m for m in list(client.answers[topic])} for topic in TOPICS}
    result = {}
    for stamp in sorted(set.intersection(*map(set, by_topic.values()))):
        mask, color, depth = (image_to_array(by_topic[topic][stamp]) for topic in TOPICS)
        label, metres = int(mask.flat[0]), float(depth.flat[0])
        assert (mask == label).all() and (depth == metres).all()
        np.testing.assert_array_equal(color, np.broadcast_to(TINY_SPACE.palette()[label], color.shape))
        assert (label, metres) in (DAY, NIGHT), 'labels of one model, depth of another'
        result[stamp] = (label, metres)
    return result


def test_switches_while_images_flow(tmp_path, monkeypatch, profiles):
    """No frame is answered by half of each, the reply comes when the new one answers, memory does not grow."""
    switches = 200 if LONG else 60
    with PerceptionClient(
        tmp_path, 30, monkeypatch, profile=profiles['day'], threads=1
    ) as client, Camera(client):  # fmt: skip
        client.listen(*TOPICS)
        client.wait_for(lambda: len(client.answers[DEPTH]) > 5, 15, 'answers')
        seconds, memory, checked, seen = [], [], 0, set()
        for index in range(switches):
            name = ('night', 'day')[index % 2]
            start = time.monotonic()
            result = client.set_profile(profiles[name])
            seconds.append(time.monotonic() - start)
            assert result.successful, result.reason
            swapped = time.time_ns()
            want = {'day': DAY, 'night': NIGHT}[name]
            client.wait_for(
                lambda swapped=swapped: client.answers[DEPTH] and stamp_of(client.answers[DEPTH][-1]) > swapped,
                10,
                'an answer after the switch',
            )
            found = verdicts(client)
            # Frames taken in after the reply are the new model's.
            assert all(verdict == want for stamp, verdict in found.items() if stamp > swapped)
            checked, seen = checked + len(found), seen | set(found.values())
            for topic in TOPICS:
                client.answers[topic][:-3] = []
            memory.append(client.memory_mb())
        assert client.get_parameter('profile')[0].string_value == profiles['day']
        client.fresh_report()
        values = client.values('model')
        assert values['profile'] == 'day' and values['model'] == 'day model'
        assert values['profile_switches'] == str(switches)
    settled = memory[max(6, len(memory) // 10) :]
    third = len(settled) // 3
    early, late = np.median(settled[:third]), np.median(settled[-third:])
    print(
        f'{switches} switches, {1e3 * np.median(seconds):.0f} ms each (most {1e3 * max(seconds):.0f}), '
        f'{checked} frames checked; memory {early:.1f} -> {late:.1f} MB'
    )
    assert seen == {DAY, NIGHT}
    # One step of the allocator is no leak; models of 3 MB that were kept would bring more than 100 MB.
    assert late - early < 20


def test_what_cannot_answer_is_refused(tmp_path, monkeypatch, profiles):
    """Every refusal has its reason in the reply; the old model goes on and a good one is still taken."""
    broken = (tmp_path / 'night.onnx').read_bytes()
    (tmp_path / 'truncated.onnx').write_bytes(broken[: len(broken) // 2])
    space = replace(TINY_SPACE, name='other2', classes=('bright', 'blue'))
    save_tiny(tmp_path / 'space.onnx', card=tiny_card(label_space=space))
    save_tiny(tmp_path / 'nan.onnx', depth_scale=float('nan'))
    refused = {
        write_profile(tmp_path, 'truncated', 'truncated.onnx'): 'truncated.onnx',
        write_profile(tmp_path, 'missing', 'nowhere.onnx'): 'does not exist',
        write_profile(tmp_path, 'space', 'space.onnx'): "label space 'other2'",
        write_profile(tmp_path, 'nan', 'nan.onnx'): 'NaN',
    }
    mistyped = {
        'nosuch': 'unknown profile',
        '/nowhere/x.yaml': 'does not exist',
        '': 'no model given',
    }
    with PerceptionClient(
        tmp_path, 31, monkeypatch, profile=profiles['day'], model='', threads=1
    ) as client, Camera(client):  # fmt: skip
        client.listen(*TOPICS)
        client.wait_for(lambda: len(client.answers[DEPTH]) > 5, 15, 'answers')
        for profile, reason in mistyped.items():
            result = client.set_profile(profile)
            assert not result.successful and reason in result.reason, (profile, result.reason)
        client.fresh_report()
        assert client.reports[-1]['perception: model'][0] == 0, 'what names no profile is the business of who asked'
        for profile, reason in refused.items():
            result = client.set_profile(profile)
            assert not result.successful and reason in result.reason, (profile, result.reason)
        client.fresh_report()
        level, message, values = client.reports[-1]['perception: model']
        assert level == 1 and 'NaN' in message and values['profile'] == 'day'
        assert client.get_parameter('profile')[0].string_value == profiles['day']
        assert set(verdicts(client).values()) == {DAY}
        assert client.set_profile(profiles['night']).successful
        client.fresh_report()
        assert client.reports[-1]['perception: model'][0] == 0
        found = verdicts(client)
        assert found[max(found)] == NIGHT
        wrong = SetParametersAtomically.Request(parameters=[ParameterMessage(name='model')])
        assert 'exactly one' in client.call(SetParametersAtomically, 'set_profile', wrong)[0].result.reason


def test_services_answer_while_a_profile_is_loaded(tmp_path, monkeypatch, profiles):
    """Nor do frames wait; a second request is told to wait."""
    save_tiny(tmp_path / 'heavy.onnx', load_work=2500)
    heavy = write_profile(tmp_path, 'heavy', 'heavy.onnx')
    with PerceptionClient(tmp_path, 32, monkeypatch, profile=profiles['day'], threads=1) as client, Camera(client):
        client.listen(*TOPICS)
        client.wait_for(lambda: len(client.answers[DEPTH]) > 5, 15, 'answers')
        client.state(), client.get_parameter('model'), client.set_profile(profiles['day'])
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=heavy)
        request = SetParametersAtomically.Request(parameters=[ParameterMessage(name='profile', value=value)])
        loading = threading.Thread(
            target=client.call, args=(SetParametersAtomically, 'set_profile', request, 60), daemon=True
        )
        start, answered = time.monotonic(), len(client.answers[DEPTH])
        loading.start()
        time.sleep(0.05)
        second = client.set_profile(profiles['night'])
        seconds = []
        while loading.is_alive():
            seconds += [client.state()[1], client.get_parameter('model')[1]]
        took = time.monotonic() - start
        frames = len(client.answers[DEPTH]) - answered
    print(f'{took:.1f} s of loading: services {1e3 * max(seconds):.0f} ms at most, {frames} frames answered')
    assert not second.successful and 'under way' in second.reason
    assert len(seconds) > 4 and max(seconds) < promised(0.5)
    assert frames > 3


def test_auto_follows_the_light(tmp_path, monkeypatch, profiles):
    """Dark for some time is night; a night profile that cannot be loaded is reported once, and day goes on."""
    with PerceptionClient(
        tmp_path, 33, monkeypatch, profile='auto', threads=1,
        **{'auto.day': profiles['day'], 'auto.night': profiles['night'], 'auto.dwell_s': 0.5},
    ) as client, Camera(client, 20.0) as camera:  # fmt: skip
        def profile():
            return client.values('model').get('profile')

        client.listen(*TOPICS)
        client.wait_for(lambda: profile() == 'day', 10, 'day')
        camera.color = (20, 20, 20)
        seconds = client.wait_for(lambda: profile() == 'night', 10, 'night')
        assert 'brightness' in client.values('model')['profile_reason']
        assert client.values('model')['profile_requested'] == 'auto'
        print(f'night {seconds:.1f} s after the light went out: {client.values("model")["profile_reason"]}')
        camera.color = (220, 220, 220)
        client.wait_for(lambda: profile() == 'day', 10, 'day again')
        (tmp_path / 'night.onnx').write_bytes(b'broken')
        camera.color = (20, 20, 20)
        client.wait_for(lambda: client.values('model').get('profile_fault') != 'none', 10, 'a fault')
        time.sleep(1.5)
        assert client.process.output().count('was refused') == 1
        assert profile() == 'day' and 'refused' in client.values('model')['profile_reason']
        assert client.reports[-1]['perception: model'][0] == 1


def test_a_rate_takes_effect_at_once(tmp_path, monkeypatch, profiles):
    """Raised by parameter or by profile; what a profile sets is not to be set beside it."""
    slow = write_profile(tmp_path, 'slow', 'day.onnx', 'max_rate_hz: 0.1\n')
    with PerceptionClient(
        tmp_path, 38, monkeypatch, profile=profiles['day'], threads=1, max_rate_hz=0.1
    ) as client, Camera(client):  # fmt: skip
        def flow(change):
            """Return the seconds from a change to the first answers, after a pause without any."""
            time.sleep(0.5)
            before = len(client.answers[DEPTH])
            time.sleep(0.5)
            assert len(client.answers[DEPTH]) == before
            start = time.monotonic()
            result = change()
            assert result.successful, result.reason
            client.wait_for(lambda: len(client.answers[DEPTH]) > before + 2, 5, 'answers')
            return time.monotonic() - start

        client.listen(DEPTH)
        client.wait_for(lambda: client.answers[DEPTH], 15, 'an answer')
        client.state()
        by_parameter = flow(lambda: client.set_parameter('max_rate_hz', double(0.0)))
        assert client.set_profile(slow).successful
        refused = client.set_parameter('max_rate_hz', double(5.0))
        assert refused.reason == "the profile 'slow' sets max_rate_hz; change it there or set another profile"
        assert not refused.successful and client.get_parameter('max_rate_hz')[0].double_value == 0.0
        assert client.set_parameter('min_confidence', double(0.1)).successful
        by_profile = flow(lambda: client.set_profile(profiles['day']))
        assert client.set_parameter('max_rate_hz', double(5.0)).successful
    print(f'answers {by_parameter:.2f} s after the parameter and {by_profile:.2f} s after the profile was set')
    assert by_parameter < promised(1) and by_profile < promised(1)


def test_limits_of_auto_are_checked_at_start(tmp_path, profiles):
    process = Process(
        'nodes.perception_node',
        parameters(profile=profiles['day'], **{'auto.dark_below': 80.0}),
        environment(39),
        tmp_path,
    )
    try:
        assert process.wait(30) == 2 and 'auto.dark_below must be below' in process.output()
    finally:
        process.end()


def test_a_load_that_goes_on_holds_up_no_other(tmp_path, monkeypatch, profiles):
    """Cleaned up while it loads a profile, the node can be configured and activated at once."""
    save_tiny(tmp_path / 'heavy.onnx', load_work=4000)
    heavy = write_profile(tmp_path, 'heavy', 'heavy.onnx')
    with PerceptionClient(tmp_path, 40, monkeypatch, profile=profiles['day'], threads=1) as client, Camera(client):
        client.listen(DEPTH)
        client.state()
        results = []
        loading = threading.Thread(target=lambda: results.append(client.set_profile(heavy, 60)), daemon=True)
        loading.start()
        time.sleep(0.2)
        for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
            assert client.change_state(transition)[0], client.process.output()
        assert loading.is_alive(), 'the model is loaded too quickly for this test'
        before = len(client.answers[DEPTH])
        client.wait_for(lambda: len(client.answers[DEPTH]) > before + 3, 15, 'answers')
        loading.join(60)
        assert not results[0].successful and 'cleaned up' in results[0].reason
        client.fresh_report()
        assert client.values('model')['profile'] == 'day'


def test_a_student_that_is_less_sure_is_refused_and_rollback_goes_back(tmp_path, monkeypatch, profiles):
    """Over DDS: the reason is in the reply, force takes it even so, ~/rollback takes it back while frames flow."""
    doubting = write_profile(tmp_path, 'doubting', 'night.onnx', 'exposure: {target_brightness: 60.0}\n')
    with PerceptionClient(tmp_path, 29, monkeypatch, profile=profiles['day'], threads=1) as client, Camera(client):
        client.listen(*TOPICS)
        assert client.call(Trigger, 'rollback', Trigger.Request())[0].message.startswith('there is no earlier profile')
        client.wait_for(lambda: client.values().get('mean_confidence', 'n/a') != 'n/a', 15, 'a measurement')
        result = client.set_profile(doubting)
        assert not result.successful and 'would fall from 0.50 to' in result.reason, result.reason
        result = client.set_profile(doubting, force=True)
        assert result.successful, result.reason
        client.wait_for(lambda: not image_to_array(client.answers[MASK][-1]).any(), 15, 'the other student')
        answer = client.call(Trigger, 'rollback', Trigger.Request())[0]
        assert answer.success and profiles['day'] in answer.message
        assert client.get_parameter('profile')[0].string_value == profiles['day']
        swapped = time.time_ns()
        client.wait_for(lambda: stamp_of(client.answers[DEPTH][-1]) > swapped, 15, 'an answer')
        after = [message for message in client.answers[MASK] if stamp_of(message) > swapped]
        assert all((image_to_array(message) == DAY[0]).all() for message in after)
        answer = client.call(Trigger, 'rollback', Trigger.Request())[0]
        assert not answer.success and 'no earlier profile' in answer.message
