# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle, services, idling and ending of the perception node, over real DDS."""

from __future__ import annotations

import signal
import time

import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny, tiny_card, work_that_takes

pytest.importorskip('rclpy', reason='no ROS 2: neither a distribution nor the wheels are installed')

from lifecycle_msgs.srv import ChangeState
from perception_client import LONG, PATIENCE_S, PerceptionClient, Repeatedly, camera_info, constant, promised
from rcl_interfaces.msg import ParameterType, ParameterValue
from sensor_msgs.msg import CameraInfo, Image

MASK = 'segmentation/mask'


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / 'tiny.onnx')


@pytest.fixture
def slow_model(tmp_path):
    """Some tenths of a second per frame, on one thread."""
    card = tiny_card(network_width=1024, network_height=768)
    return save_tiny(tmp_path / 'slow.onnx', card=card, work=work_that_takes(300, card))


class Camera(Repeatedly):
    """Publishes the same image again and again."""

    def __init__(self, client, rate_hz=20.0, width=WIDTH, height=HEIGHT):
        image, info = constant(width, height, 200, 128, 40), client.publisher(CameraInfo, 'camera_info')
        client.publisher(Image, 'image')

        def publish():
            stamp = time.time_ns()
            info.publish(camera_info(stamp, width, height, 100.0))
            client.send(image, stamp)

        super().__init__(publish, rate_hz)


def test_transitions(tmp_path, monkeypatch, model):
    """Each state does what it promises; a configuration that fails says why and can be tried again."""
    with PerceptionClient(
        tmp_path, 20, monkeypatch, wait=False, model=model, autostart=False
    ) as client, Camera(client):  # fmt: skip
        assert client.state()[0] == 'unconfigured'
        assert "waiting for 'configure'" in client.process.output()
        assert client.change_state('configure')[0] and client.state()[0] == 'inactive'
        client.listen(MASK, 'segmentation/labels')
        time.sleep(0.7)
        assert not client.answers[MASK] and client.subscribers() == 0
        assert client.change_state('activate')[0] and client.state()[0] == 'active'
        client.wait_for(lambda: len(client.answers[MASK]) > 3, 10, 'answers')
        assert client.answers['segmentation/labels']
        assert client.change_state('deactivate')[0] and client.state()[0] == 'inactive'
        client.wait_for(lambda: client.subscribers() == 0, 5, 'the node to leave the camera')
        time.sleep(0.3)
        answered = len(client.answers[MASK])
        time.sleep(0.5)
        assert len(client.answers[MASK]) == answered
        assert client.change_state('activate')[0]
        client.wait_for(lambda: len(client.answers[MASK]) > answered, 10, 'answers again')
        assert client.change_state('deactivate')[0] and client.change_state('cleanup')[0]
        assert client.state()[0] == 'unconfigured'
        client.wait_for(lambda: client.node.count_publishers(MASK) == 0, 5, 'the outputs to go')
        # The file is gone: configuring fails with a reason, and works when it is there again.
        file = tmp_path / 'tiny.onnx'
        file.rename(tmp_path / 'away.onnx')
        assert not client.change_state('configure')[0] and client.state()[0] == 'unconfigured'
        assert 'No such file' in client.process.output()
        (tmp_path / 'away.onnx').rename(file)
        assert client.change_state('configure')[0] and client.change_state('activate')[0]
        client.wait_for(lambda: client.subscribers() == 1, 5, 'the node to listen')
        assert client.change_state('deactivate')[0] and client.change_state('cleanup')[0]
        assert client.change_state('shutdown')[0]
        assert client.process.wait(PATIENCE_S) == 0


def test_services_answer_while_it_infers(tmp_path, monkeypatch, slow_model):
    with PerceptionClient(tmp_path, 21, monkeypatch, model=slow_model, threads=1) as client, Camera(client):
        client.listen(MASK)
        client.wait_for(lambda: client.answers[MASK], 20, 'an answer')
        client.fresh_report()
        assert float(client.values()['inference_time_ms']) > 50, 'the model is too quick for this test'
        client.state(), client.get_parameter('max_age_ms')  # finds the services
        seconds = []
        for _ in range(10):
            seconds += [client.state()[1], client.get_parameter('model')[1]]
        print(f'services while inferring: {1e3 * max(seconds):.0f} ms at most')
        assert max(seconds) < promised(0.5)
        refused = client.set_parameter('model', ParameterValue(type=ParameterType.PARAMETER_STRING, string_value='x'))
        assert not refused.successful
        refused = client.set_parameter('profile', ParameterValue(type=ParameterType.PARAMETER_STRING, string_value='x'))
        assert not refused.successful and '~/set_profile' in refused.reason
        age = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=1e-3)
        assert client.set_parameter('max_age_ms', age).successful
        client.wait_for(lambda: client.counts()['stale'] > 0, 5, 'the new limit to work')


@pytest.mark.parametrize('way', ['SIGINT', 'SIGTERM', 'deactivate'])
def test_it_ends_within_two_seconds_while_it_infers(tmp_path, monkeypatch, slow_model, way):
    with PerceptionClient(tmp_path, 22, monkeypatch, model=slow_model, threads=1) as client, Camera(client):
        client.listen(MASK)
        client.wait_for(lambda: len(client.answers[MASK]) > 1, 20, 'answers')
        if way == 'deactivate':
            client.state()
            done, seconds = client.change_state('deactivate')
            assert done
        else:
            start = time.monotonic()
            client.process.signal(getattr(signal, way))
            assert client.process.wait(PATIENCE_S) == 0, client.process.output()
            seconds = time.monotonic() - start
        print(f'{way} during inference: {seconds:.2f} s')
        assert seconds < promised(2)
        assert 'Traceback' not in client.process.output()


LOADED = 'waiting for images'
"""What the log of a node says that has loaded its model."""


@pytest.mark.parametrize('autostart', [True, False])
@pytest.mark.parametrize('way', ['SIGINT', 'SIGTERM'])
def test_it_ends_at_once_while_it_loads_the_model(tmp_path, monkeypatch, way, autostart):
    """Also where a service has told it to configure; without a word."""
    model = save_tiny(tmp_path / 'heavy.onnx', load_work=5000)
    for attempt in range(6):  # a busy machine notices the node so late that it has loaded
        monkeypatch.setenv('FAMDA_CACHE', str(tmp_path / f'cache{attempt}'))  # nothing is prepared yet
        if ended_while_it_loads(tmp_path, monkeypatch, model, way, autostart):
            return
    pytest.fail('the model was always loaded before the signal')


def ended_while_it_loads(tmp_path, monkeypatch, model, way, autostart):
    """Signal a node that loads, and check how it ends; return False where it had loaded before."""
    with PerceptionClient(
        tmp_path, 29, monkeypatch, wait=False, model=model, threads=1, autostart=autostart
    ) as client:  # fmt: skip
        if autostart:
            client.wait_for(lambda: client.node.count_publishers('/perception/transition_event'), 60, 'the node')
        else:
            client.state()
            request = ChangeState.Request()
            request.transition.label = 'configure'
            client.node.create_client(ChangeState, 'perception/change_state').call_async(request)
        time.sleep(0.1 if autostart else 0.5)  # to discover an autostarted one took a part of its loading
        before = client.process.output()
        start = time.monotonic()
        client.process.signal(getattr(signal, way))
        assert client.process.wait(PATIENCE_S) == 0, client.process.output()
        seconds, after = time.monotonic() - start, client.process.output()
    if LOADED in after:
        return False
    print(f'{way} while loading: {seconds:.2f} s')
    assert after == before
    assert seconds < promised(1)
    return True


def test_idle_costs_nothing_and_the_first_listener_is_answered(tmp_path, monkeypatch, model):
    with PerceptionClient(tmp_path, 23, monkeypatch, model=model) as client, Camera(client, 30.0, 1280, 720):
        time.sleep(1)
        seconds, before = (20.0 if LONG else 3.0), client.cpu_seconds()
        time.sleep(seconds)
        share = (client.cpu_seconds() - before) / seconds
        print(f'idle: {100 * share:.2f} % of a core')
        assert share < 0.03
        assert client.subscribers() == client.subscribers('camera_info') == 0
        assert client.tcp_sockets() == 0  # DDS over shared memory and UDP is all
        for topic in (MASK, 'depth/camera_info'):
            start = time.monotonic()
            client.listen(topic)
            client.wait_for(lambda topic=topic: client.answers[topic], 5, 'the first answer')
            print(f'first listener of {topic}: {client.times[topic][0] - start:.2f} s')
            assert client.times[topic][0] - start < promised(1)
            client.leave(topic)
            client.wait_for(lambda: client.subscribers() == 0, 5, 'the node to leave the camera')


def test_an_inference_that_takes_for_ever_holds_up_nothing(tmp_path, monkeypatch):
    """It is not answered, not run beside another, and the process ends under it."""
    card = tiny_card(network_width=1024, network_height=768)
    model = save_tiny(tmp_path / 'endless.onnx', card=card, work=work_that_takes(6000, card))
    with PerceptionClient(tmp_path, 28, monkeypatch, model=model, threads=1) as client:
        client.state()
        client.publisher(Image, 'image')
        client.listen(MASK, 'depth/image')
        client.wait_for(client.subscribers, 10, 'the node to listen')
        idle = client.cpu_seconds()
        client.wait_for(lambda: infers_for(client, idle, 0.5), PATIENCE_S, 'the inference to run')
        done, seconds = client.change_state('deactivate')
        assert done and seconds < promised(2)
        assert not client.change_state('activate')[0] and client.state()[0] == 'inactive'
        assert 'still runs' in client.process.output()
        start = time.monotonic()
        client.process.signal(signal.SIGTERM)
        assert client.process.wait(PATIENCE_S) == 0, client.process.output()
        print(f'deactivated after {seconds:.2f} s, ended after {time.monotonic() - start:.2f} s')
        assert time.monotonic() - start < promised(2) and not client.answers[MASK]


def infers_for(client, idle, seconds):
    """Send an image, for best effort may lose one, and tell whether the node has computed for so long since."""
    client.send(constant(WIDTH, HEIGHT, 200, 128, 40), time.time_ns())
    time.sleep(0.1)
    return client.cpu_seconds() - idle > seconds
