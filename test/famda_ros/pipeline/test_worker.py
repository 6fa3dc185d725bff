# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The two threads that answer frames: their order, that they overlap, and how they end."""
from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_student import HEIGHT, WIDTH, save_tiny

from famda_ros.pipeline.outputs import InferenceSettings
from famda_ros.pipeline.scheduler import FrameScheduler
from famda_ros.pipeline.statistics import CameraStatistics
from famda_ros.pipeline.worker import Frame, InferenceWorker
from famda_ros.student.runtime import Student

MASK = frozenset(['segmentation/mask'])


class SlowStudent:
    """A student that takes some time more, and counts who is being answered."""

    def __init__(self, student, seconds):
        self.card, self._student, self._seconds = student.card, student, seconds

    def predict(self, image, focal, outputs, on_prepared, fy):
        on_prepared()
        time.sleep(self._seconds)
        return self._student.predict(image, focal, outputs)


class SlowCamera:
    """Publishes into a list, in its own time."""

    name, compressed, brightness, confidence = '', False, None, None

    def __init__(self, seconds=0.0, fault=None):
        self.statistics, self.published, self.begun = CameraStatistics(), [], threading.Event()
        self._seconds, self._fault = seconds, fault

    def wanted(self):
        return MASK

    def focal_of_frame(self, frame, width, height, card):
        return None

    def age_ms(self, frame):
        return None

    def publish(self, frame, wanted, outputs):
        self.begun.set()
        time.sleep(self._seconds)
        if self._fault:
            raise self._fault
        self.published.append((frame.camera_info, outputs.images['segmentation/mask'].max(), time.monotonic()))


def frame(number, red=0):
    data = np.full((HEIGHT, WIDTH, 3), red, np.uint8).tobytes()
    message = SimpleNamespace(
        encoding='rgb8', height=HEIGHT, width=WIDTH, step=3 * WIDTH, is_bigendian=0, data=data, header=None
    )
    return Frame(message, number)


@pytest.fixture(scope='module')
def student(tmp_path_factory):
    return Student(save_tiny(tmp_path_factory.mktemp('model') / 'tiny.onnx'), threads=1)


@pytest.fixture
def work(student):
    """Return a function that starts a worker; it is ended at the end."""
    workers = []

    def start(camera, seconds=0.0):
        scheduler, crashes = FrameScheduler({'': 1.0}), []
        settings = InferenceSettings(SlowStudent(student, seconds))
        worker = InferenceWorker({'': camera}, scheduler, lambda: settings, lambda *_: None, crashes.append)
        workers.append(worker)
        return worker, scheduler, crashes

    yield start
    for worker in workers:
        worker.stop(5.0)
        assert not worker.running


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_next_frame_is_inferred_while_one_is_published(work):
    camera = SlowCamera(0.1)
    _, scheduler, crashes = work(camera, 0.1)
    count = 8
    for number in range(count):
        scheduler.put('', frame(number, 255 * (number % 2)))
        wait_for(lambda: not scheduler.waiting)
    wait_for(lambda: len(camera.published) == count)
    # In order, and each with its own answer.
    assert [(number, label) for number, label, _ in camera.published] == [(i, i % 2) for i in range(count)]
    times = [moment for *_, moment in camera.published]
    period = (times[-1] - times[0]) / (count - 1)
    assert period < 0.17, 'one after the other they take 0.2 s'
    assert int(camera.statistics.report(time.monotonic(), 0, None).values['frames_answered']) == count and not crashes


def test_a_slow_listener_holds_back_few_answers(work):
    camera = SlowCamera(0.5)
    _, scheduler, _ = work(camera)
    scheduler.put('', frame(0))
    camera.begun.wait(5)
    for number in range(1, 50):
        scheduler.put('', frame(number))
        time.sleep(0.004)
    # One is being published, two wait, one is answered: all others are dropped in favour of newer ones.
    assert scheduler.dropped('') >= 45
    wait_for(lambda: camera.published and camera.published[-1][0] == 49)
    numbers = [number for number, *_ in camera.published]
    assert numbers == sorted(numbers) and numbers[:3] == [0, 1, 2] and len(numbers) <= 5


@pytest.mark.parametrize('seconds', [0.0, 0.05])
def test_a_fault_while_publishing_ends_it_with_one_call(work, seconds):
    fault = ValueError('no more topics')
    worker, scheduler, crashes = work(SlowCamera(seconds, fault))
    for number in range(20):
        scheduler.put('', frame(number))
        time.sleep(0.005)
    wait_for(lambda: not worker.running)
    assert crashes == [fault]


def test_nothing_is_published_after_the_end(work):
    camera = SlowCamera()
    worker, scheduler, crashes = work(camera, 0.3)
    scheduler.put('', frame(0))
    wait_for(lambda: not scheduler.waiting)
    start = time.monotonic()
    worker.stop(0.05)
    assert time.monotonic() - start < 0.2 and worker.running
    wait_for(lambda: not worker.running)
    assert not camera.published and not crashes


def test_the_end_waits_for_what_is_being_published(work):
    camera = SlowCamera(0.3)
    worker, scheduler, _ = work(camera)
    scheduler.put('', frame(0))
    camera.begun.wait(5)
    worker.stop(2.0)
    assert not worker.running and len(camera.published) == 1
