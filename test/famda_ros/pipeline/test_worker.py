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

from famda_ros.pipeline.camera_statistics import CameraStatistics
from famda_ros.pipeline.outputs import InferenceSettings
from famda_ros.pipeline.scheduler import FrameScheduler
from famda_ros.pipeline.worker import Frame, InferenceWorker
from famda_ros.student.runtime import Student

MASK = frozenset(['segmentation/mask'])


PATIENCE_S = 30.0
"""What should happen at once may take so long on a busy machine."""


class GatedStudent:
    """A student that says when it begins, and goes on when it may."""

    def __init__(self, student, gate=None):
        self.card, self._student, self._gate = student.card, student, gate
        self.begun = threading.Semaphore(0)

    def predict(self, image, focal, outputs, on_prepared, fy, scale):
        on_prepared()
        self.begun.release()
        assert self._gate is None or self._gate.wait(PATIENCE_S)
        return self._student.predict(image, focal, outputs)


class GatedCamera:
    """Publishes into a list, when it may."""

    name, compressed, brightness, confidence = '', False, None, None

    def __init__(self, gate=None, fault=None, while_publishing=lambda number: None):
        self.statistics, self.published, self.begun = CameraStatistics(), [], threading.Event()
        self._gate, self._fault, self._while_publishing = gate, fault, while_publishing

    def wanted(self):
        return MASK

    def focal_of_frame(self, frame, width, height, card):
        return None

    def age_ms(self, frame):
        return None

    def look_at_road(self, frame, prediction, space):
        pass

    def publish(self, frame, wanted, outputs):
        self.begun.set()
        self._while_publishing(frame.camera_info)
        assert self._gate is None or self._gate.wait(PATIENCE_S)
        if self._fault:
            raise self._fault
        self.published.append((frame.camera_info, outputs.images['segmentation/mask'].max()))


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

    def start(camera, seen_by=None):
        scheduler, crashes = FrameScheduler({'': 1.0}), []
        settings = InferenceSettings(seen_by or GatedStudent(student))
        worker = InferenceWorker({'': camera}, scheduler, lambda: settings, lambda *_: None, crashes.append)
        workers.append(worker)
        return worker, scheduler, crashes

    yield start
    for worker in workers:
        worker.stop(PATIENCE_S)
        assert not worker.running


@pytest.fixture
def publishing(work):
    """Return (gate, camera, worker, scheduler): the camera publishes its first frame, and waits for the gate."""
    gate = threading.Event()
    camera = GatedCamera(gate)
    worker, scheduler, _ = work(camera)
    scheduler.put('', frame(0))
    assert camera.begun.wait(PATIENCE_S)
    return gate, camera, worker, scheduler


def wait_for(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_next_frame_is_inferred_while_one_is_published(work, student):
    """Each publishing ends only when the student has begun the next frame: one after the other would wait for ever."""
    seen_by, count, overlapped = GatedStudent(student), 8, []

    def next_frame(number):
        if number + 1 < count:
            scheduler.put('', frame(number + 1, 255 * ((number + 1) % 2)))
            overlapped.append(seen_by.begun.acquire(timeout=PATIENCE_S))

    camera = GatedCamera(while_publishing=next_frame)
    _, scheduler, crashes = work(camera, seen_by)
    scheduler.put('', frame(0))
    assert seen_by.begun.acquire(timeout=PATIENCE_S)
    wait_for(lambda: len(camera.published) == count)
    assert overlapped == [True] * (count - 1) and not crashes
    assert camera.published == [(number, number % 2) for number in range(count)]  # in order, each with its own labels
    assert int(camera.statistics.report(time.monotonic(), 0, None).values['frames_answered']) == count


def test_a_slow_listener_holds_back_few_frames(publishing):
    gate, camera, _, scheduler = publishing
    for number in range(1, 50):
        scheduler.put('', frame(number))
    gate.set()
    wait_for(lambda: camera.published and camera.published[-1][0] == 49)
    # One is being published, at most two wait, one is with the student: all others give way to newer ones.
    numbers = [number for number, _ in camera.published]
    assert numbers == sorted(numbers) and numbers[0] == 0 and len(numbers) <= 5
    assert scheduler.dropped('') == 50 - len(numbers)


def test_a_fault_while_publishing_ends_it_with_one_call(work):
    fault = ValueError('no more topics')
    worker, scheduler, crashes = work(GatedCamera(fault=fault))
    for number in range(20):
        scheduler.put('', frame(number))
    wait_for(lambda: not worker.running)
    assert crashes == [fault]


def test_nothing_is_published_after_the_end(work, student):
    gate, camera = threading.Event(), GatedCamera()
    seen_by = GatedStudent(student, gate)
    worker, scheduler, crashes = work(camera, seen_by)
    scheduler.put('', frame(0))
    assert seen_by.begun.acquire(timeout=PATIENCE_S)
    worker.stop(0.05)
    assert worker.running  # it does not wait longer for the student than it was told to
    gate.set()
    wait_for(lambda: not worker.running)
    assert not camera.published and not crashes


def test_the_end_waits_for_what_is_being_published(publishing):
    gate, camera, worker, _ = publishing
    threading.Timer(0.1, gate.set).start()
    worker.stop(PATIENCE_S)
    assert not worker.running and len(camera.published) == 1
