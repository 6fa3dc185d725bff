# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Answers frames, one after the other, of whichever camera's turn it is; without ROS.

Two threads: one asks the student; the other makes messages of what the student says, and publishes them, while the
student is asked about the next frame.  That other one keeps Python to itself for milliseconds, so it begins when the
network does, which needs no Python.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import cv2

from famda_ros.messages.image_messages import MalformedImage, compressed_to_rgb, image_to_rgb
from famda_ros.pipeline.exposure import brightness
from famda_ros.pipeline.outputs import AnswerSettings, Asked, FrameAnswer, answer, ask
from famda_ros.pipeline.scheduler import FrameScheduler
from famda_ros.pipeline.statistics import CameraStatistics

MEASURE_PERIOD_S = 0.5
"""So often brightness and confidence of a camera are measured."""


@dataclass(frozen=True)
class Frame:
    """An image message as it came, and the newest calibration at that time (None = none yet)."""

    message: Any
    camera_info: Any


class Camera(Protocol):
    """What the worker needs of a camera; see :class:`famda_ros.nodes.camera_stream.CameraStream`."""

    name: str
    compressed: bool
    statistics: CameraStatistics
    brightness: float | None
    confidence: float | None

    def wanted(self) -> frozenset[str]:
        """Return the output topics with subscribers."""

    def focal_of_frame(self, frame: Frame, width: int, height: int) -> float | None:
        """Return fx in pixels at the image's width; None = not calibrated."""

    def age_ms(self, frame: Frame) -> float | None:
        """Return the age of the frame's stamp; None = it cannot be told."""

    def malformed(self, sentence: str) -> None:
        """Count a frame that cannot be read."""

    def publish(self, frame: Frame, wanted: frozenset[str], answer: FrameAnswer) -> None:
        """Publish what is said about a frame."""


@dataclass(frozen=True)
class _Asked:
    """A frame about which the student was asked, and whose answer waits to be made and published.

    Attributes:
        camera, frame: whose, and which.
        asked: what the student says.
        age_ms: of the frame when work on it began; None = it cannot be told.
        prepare_ms: what it took before the student was asked.
        begun: when work on it began, seconds of the performance counter.
        brightness: of the camera.
        measure: its mean confidence is to be told.
    """

    camera: Camera
    frame: Frame
    asked: Asked
    age_ms: float | None
    prepare_ms: float
    begun: float
    brightness: float | None
    measure: bool


class InferenceWorker:
    """Takes frames from a scheduler and answers them in threads of its own, until it is stopped.

    Answers are published in the order of the frames; at most one waits while another is being published.
    """

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        scheduler: FrameScheduler[Frame],
        settings: Callable[[], AnswerSettings],
        on_measured: Callable[[str, float, float, Any], None],
        on_crash: Callable[[Exception], None],
    ):
        """Start the threads.

        Args:
            cameras: by name.
            scheduler: gives the frames; closed by :meth:`stop`.
            settings: gives what answers the next frame.
            on_measured: told (camera, brightness 0..255, confidence 0..1, image) twice a second.
            on_crash: told, in one of the threads, why they ended by themselves.
        """
        self._cameras = cameras
        self._scheduler = scheduler
        self._settings = settings
        self._on_measured = on_measured
        self._on_crash = on_crash
        self._stopping = False
        self._newest: _Asked | None = None
        self._measured: dict[str, float] = {}
        # What OpenCV does here takes a millisecond; to wake helpers for it takes as long, and inference has the cores.
        cv2.setNumThreads(1)
        self._asked: queue.Queue[_Asked | None] = queue.Queue(maxsize=1)
        # Daemons: one inference that takes for ever does not keep the process from ending.
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._ask_all, 'inference'), (self._publish_all, 'publishing'))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Whether a thread has not ended yet."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self, timeout: float) -> None:
        """Publish no answer any more, and wait up to ``timeout`` seconds for the end of the threads."""
        self._end()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _end(self) -> None:
        self._stopping = True
        self._scheduler.close()

    def _crash(self, error: Exception) -> None:
        if not self._stopping:
            self._end()
            self._on_crash(error)

    def _ask_all(self) -> None:
        try:
            while not self._stopping:
                taken = self._scheduler.take(timeout=0)
                if taken is None:
                    self._hand_over()
                    taken = self._scheduler.take()
                if taken is not None:
                    asked = self._ask(self._cameras[taken[0]], taken[1])
                    self._hand_over()  # of the frame before, if no network ran
                    self._newest = asked
        except Exception as error:
            self._crash(error)
        finally:
            self._asked.put(None)

    def _hand_over(self) -> None:
        """Let the newest frame be answered."""
        newest, self._newest = self._newest, None
        if newest is not None:
            self._asked.put(newest)

    def _publish_all(self) -> None:
        while (asked := self._asked.get()) is not None:
            if not self._stopping:  # else the frames are only taken, so that nobody waits with the next
                try:
                    self._publish(asked)
                except Exception as error:
                    self._crash(error)

    def _ask(self, camera: Camera, frame: Frame) -> _Asked | None:
        """Return what there is to answer; None where the frame gets no answer."""
        wanted = camera.wanted()
        if not wanted:
            camera.statistics.idle()
            return None
        settings = self._settings()  # once: the whole frame is answered by this
        age = camera.age_ms(frame)
        if settings.max_age_ms > 0 and age is not None and age > settings.max_age_ms:
            camera.statistics.stale()
            return None
        start = time.perf_counter()
        try:
            image = (compressed_to_rgb if camera.compressed else image_to_rgb)(frame.message)
        except MalformedImage as error:
            camera.malformed(str(error))
            return None
        measure = self._is_due(camera.name)
        if measure:
            camera.brightness = brightness(image)
        focal = camera.focal_of_frame(frame, image.shape[1], image.shape[0])
        prepared = time.perf_counter()
        asked = ask(settings, image, focal, wanted, measure, self._hand_over)
        return _Asked(camera, frame, asked, age, 1e3 * (prepared - start), start, camera.brightness, measure)

    def _publish(self, waiting: _Asked) -> None:
        camera, frame, asked = waiting.camera, waiting.frame, waiting.asked
        said = answer(asked)
        if said.confidence is not None:
            camera.confidence = said.confidence
        light, certainty = waiting.brightness, camera.confidence
        camera.publish(frame, frozenset(asked.wanted), said)
        times = dict(said.times_ms)
        times['preprocess'] += waiting.prepare_ms
        # Whatever it waited for is counted, too.
        total = 1e3 * (time.perf_counter() - waiting.begun)
        times['postprocess'] = total - times['preprocess'] - times['inference']
        camera.statistics.answered(time.monotonic(), times, waiting.age_ms, camera.age_ms(frame), light, certainty)
        if waiting.measure and light is not None and certainty is not None:
            self._on_measured(camera.name, light, certainty, asked.image)

    def _is_due(self, camera: str) -> bool:
        now = time.monotonic()
        if now < self._measured.get(camera, 0.0) + MEASURE_PERIOD_S:
            return False
        self._measured[camera] = now
        return True
