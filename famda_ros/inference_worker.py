# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that answers frames, one after the other, of whichever camera's turn it is; without ROS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from famda_ros.convert import MalformedImage, compressed_to_rgb, image_to_rgb
from famda_ros.exposure import brightness
from famda_ros.frame_answer import AnswerSettings, FrameAnswer, answer_image
from famda_ros.frame_scheduler import FrameScheduler
from famda_ros.frame_statistics import CameraStatistics

MEASURE_PERIOD_S = 0.5
"""So often brightness and confidence of a camera are measured."""


@dataclass(frozen=True)
class Frame:
    """An image message as it came, and the newest calibration at that time (None = none yet)."""

    message: Any
    camera_info: Any


class Camera(Protocol):
    """What the worker needs of a camera; see :class:`famda_ros.camera_stream_node.CameraStream`."""

    name: str
    compressed: bool
    statistics: CameraStatistics
    brightness: float | None
    confidence: float | None

    def wanted(self) -> frozenset[str]:
        """Return the output topics with subscribers."""

    def focal_of_frame(self, frame: Frame, width: int) -> float | None:
        """Return fx in pixels at the image's width; None = not calibrated."""

    def age_ms(self, frame: Frame) -> float | None:
        """Return the age of the frame's stamp; None = of another clock."""

    def malformed(self, sentence: str) -> None:
        """Count a frame that cannot be read."""

    def publish(self, frame: Frame, wanted: frozenset[str], answer: FrameAnswer) -> None:
        """Publish what is said about a frame."""


class InferenceWorker:
    """Takes frames from a scheduler and answers them in a thread of its own, until it is stopped."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        scheduler: FrameScheduler[Frame],
        settings: Callable[[], AnswerSettings],
        on_measured: Callable[[str, float, float, Any], None],
        on_crash: Callable[[Exception], None],
    ):
        """Start the thread.

        Args:
            cameras: by name.
            scheduler: gives the frames; closed by :meth:`stop`.
            settings: gives what answers the next frame.
            on_measured: told (camera, brightness 0..255, confidence 0..1, image) twice a second.
            on_crash: told, in this thread, why it ended by itself.
        """
        self._cameras = cameras
        self._scheduler = scheduler
        self._settings = settings
        self._on_measured = on_measured
        self._on_crash = on_crash
        self._stopping = False
        self._measured: dict[str, float] = {}
        # A daemon: one inference that takes for ever does not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name='inference', daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the thread has not ended yet."""
        return self._thread.is_alive()

    def stop(self, timeout: float) -> None:
        """Answer no frame any more, and wait up to ``timeout`` seconds for the end of the thread."""
        self._stopping = True
        self._scheduler.close()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._stopping:
                taken = self._scheduler.take()
                if taken is not None:
                    self._answer(self._cameras[taken[0]], taken[1])
        except Exception as error:
            if not self._stopping:
                self._on_crash(error)

    def _answer(self, camera: Camera, frame: Frame) -> None:
        wanted = camera.wanted()
        if not wanted:
            camera.statistics.idle()
            return
        settings = self._settings()  # once: the whole frame is answered by this
        self._scheduler.max_rate_hz = settings.max_rate_hz
        age = camera.age_ms(frame)
        if settings.max_age_ms > 0 and age is not None and age > settings.max_age_ms:
            camera.statistics.stale()
            return
        start = time.perf_counter()
        try:
            image = (compressed_to_rgb if camera.compressed else image_to_rgb)(frame.message)
        except MalformedImage as error:
            camera.malformed(str(error))
            return
        measure = self._is_due(camera.name)
        if measure:
            camera.brightness = brightness(image)
        focal = camera.focal_of_frame(frame, image.shape[1])
        prepared = time.perf_counter()
        answer = answer_image(settings, image, focal, wanted, measure)
        answered = time.perf_counter()
        if self._stopping:
            return
        camera.publish(frame, wanted, answer)
        times = dict(answer.times_ms)
        times['preprocess'] += 1e3 * (prepared - start)
        times['postprocess'] += 1e3 * (time.perf_counter() - answered)
        if answer.confidence is not None:
            camera.confidence = answer.confidence
        camera.statistics.answered(
            time.monotonic(), times, age, camera.age_ms(frame), camera.brightness, camera.confidence
        )
        if measure and camera.brightness is not None and camera.confidence is not None:
            self._on_measured(camera.name, camera.brightness, camera.confidence, image)

    def _is_due(self, camera: str) -> bool:
        now = time.monotonic()
        if now < self._measured.get(camera, 0.0) + MEASURE_PERIOD_S:
            return False
        self._measured[camera] = now
        return True
