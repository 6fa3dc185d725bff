# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the student on frames, one after the other, of whichever camera's turn it is; without ROS.

An image travels as a :class:`Frame` from the camera to the scheduler, as a :class:`PendingFrame` with its prediction
from the inference thread to the publishing thread, and as :class:`famda_ros.pipeline.outputs.FrameOutputs` back to
the camera.  Two threads: one runs the student; the other composes messages and publishes them while the student sees
the next frame.  That other one keeps Python to itself for milliseconds, so it begins when the network does, which
needs no Python.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from famda_ros.messages.image_messages import MalformedImage, compressed_to_rgb, faint_fault, image_to_rgb
from famda_ros.pipeline.camera_statistics import CameraStatistics
from famda_ros.pipeline.exposure import brightness
from famda_ros.pipeline.outputs import FrameOutputs, InferenceSettings, OutputStyle, compose, infer
from famda_ros.pipeline.scheduler import FrameScheduler
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.model_card import ModelCard
from famda_ros.student.runtime import Prediction

MEASURE_PERIOD_S = 0.5
"""Time between two measurements of brightness and confidence of a camera."""


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

    def focal_of_frame(self, frame: Frame, width: int, height: int, card: ModelCard) -> tuple[float, float] | None:
        """Return (fx, fy) in pixels of the image; None = not calibrated."""

    def age_ms(self, frame: Frame) -> float | None:
        """Return the age of the frame's stamp; None = unknown."""

    def malformed(self, sentence: str) -> None:
        """Count a frame that cannot be read."""

    def publish(self, frame: Frame, wanted: frozenset[str], outputs: FrameOutputs) -> None:
        """Publish the outputs of a frame."""

    def look_at_road(self, frame: Frame, prediction: Prediction, space: LabelSpace) -> None:
        """Measure how high the camera is above the road, in a frame that is measured."""


@dataclass(frozen=True)
class PendingFrame:
    """A frame that the student has seen, and whose outputs wait to be composed and published.

    Attributes:
        camera, frame: whose, and which.
        image: uint8 [H, W, 3] RGB.
        prediction: of the student, at the image's size.
        wanted: topics with subscribers.
        style: how outputs are made of the prediction.
        card: of the student.
        age_ms: age of the frame when work on it began; None = unknown.
        prepare_ms: time before the student ran, milliseconds.
        begun: when work on it began, seconds of the performance counter.
        brightness: mean luma of the camera, 0..255; None = not measured yet.
        measure: whether brightness and confidence of this frame are reported.
    """

    camera: Camera
    frame: Frame
    image: np.ndarray
    prediction: Prediction
    wanted: frozenset[str]
    style: OutputStyle
    card: ModelCard
    age_ms: float | None
    prepare_ms: float
    begun: float
    brightness: float | None
    measure: bool


class InferenceWorker:
    """Takes frames from a scheduler and publishes outputs in its own threads, until it is stopped.

    Outputs are published in the order of the frames; at most one waits while another is being published.
    """

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        scheduler: FrameScheduler[Frame],
        settings: Callable[[], InferenceSettings],
        on_measured: Callable[[str, float, float, Any], None],
        on_crash: Callable[[Exception], None],
        on_published: Callable[[PendingFrame], None] = lambda frame: None,
    ):
        """Start the threads.

        Args:
            cameras: by name.
            scheduler: gives the frames; closed by :meth:`stop`.
            settings: returns the settings for the next frame.
            on_measured: called with (camera, brightness 0..255, confidence 0..1, image) twice a second; NaN = the
                student gives no confidence.
            on_crash: called, in one of the threads, with the reason why they ended.
            on_published: called with every frame, in the publishing thread, when its outputs are published.
        """
        self._cameras = cameras
        self._scheduler = scheduler
        self._settings = settings
        self._on_measured = on_measured
        self._on_crash = on_crash
        self._on_published = on_published
        self._stopping = False
        self._newest: PendingFrame | None = None
        self._measured: dict[str, float] = {}
        # What OpenCV does here takes a millisecond; to wake helpers for it takes as long, and inference has the cores.
        cv2.setNumThreads(1)
        self._pending: queue.Queue[PendingFrame | None] = queue.Queue(maxsize=1)
        # Daemons: one inference that takes for ever does not keep the process from ending.
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._infer_all, 'inference'), (self._publish_all, 'publishing'))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Whether a thread has not ended yet."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self, timeout: float) -> None:
        """Publish nothing any more, and wait up to ``timeout`` seconds for the end of the threads."""
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

    def _infer_all(self) -> None:
        try:
            while not self._stopping:
                taken = self._scheduler.take(timeout=0)
                if taken is None:
                    self._hand_over()
                    taken = self._scheduler.take()
                if taken is not None:
                    pending = self._infer(self._cameras[taken[0]], taken[1])
                    self._hand_over()  # of the frame before, if no network ran
                    self._newest = pending
        except Exception as error:
            self._crash(error)
        finally:
            self._pending.put(None)

    def _hand_over(self) -> None:
        """Let the newest frame be published."""
        newest, self._newest = self._newest, None
        if newest is not None:
            self._pending.put(newest)

    def _publish_all(self) -> None:
        while (pending := self._pending.get()) is not None:
            if not self._stopping:  # else the frames are only taken, so that nobody waits with the next
                try:
                    self._publish(pending)
                except Exception as error:
                    self._crash(error)

    def _infer(self, camera: Camera, frame: Frame) -> PendingFrame | None:
        """Run the student on a frame; None where nothing is to be published about it."""
        wanted = camera.wanted()
        if not wanted:
            camera.statistics.idle()
            return None
        settings = self._settings()  # once: the whole frame is treated by this
        age = camera.age_ms(frame)
        if settings.max_age_ms > 0 and age is not None and age > settings.max_age_ms:
            camera.statistics.stale()
            return None
        start = time.perf_counter()
        try:
            image = (compressed_to_rgb if camera.compressed else image_to_rgb)(frame.message)
            measure = self._is_due(camera.name)  # not of an image that cannot be read
            if measure:
                camera.brightness = brightness(image)
                camera.statistics.faint(faint_fault(frame.message, image))
            focal = camera.focal_of_frame(frame, image.shape[1], image.shape[0], settings.student.card)
            prepared = time.perf_counter()
            prediction = infer(settings, image, focal, wanted, measure, self._hand_over)
        except MalformedImage as error:
            camera.malformed(str(error))
            return None
        return PendingFrame(
            camera, frame, image, prediction, wanted, OutputStyle.of(settings), settings.student.card,
            age, 1e3 * (prepared - start), start, camera.brightness, measure,
        )  # fmt: skip

    def _publish(self, pending: PendingFrame) -> None:
        camera, frame = pending.camera, pending.frame
        outputs = compose(pending.prediction, pending.image, pending.wanted, pending.style)
        if outputs.confidence is not None:
            camera.confidence = outputs.confidence
        light, confidence = pending.brightness, camera.confidence
        camera.publish(frame, pending.wanted, outputs)
        if pending.measure:
            camera.look_at_road(frame, pending.prediction, pending.style.label_space)
        times = dict(outputs.times_ms)
        times['preprocess'] += pending.prepare_ms
        # Whatever it waited for is counted, too.
        total = 1e3 * (time.perf_counter() - pending.begun)
        times['postprocess'] = total - times['preprocess'] - times['inference']
        camera.statistics.answered(time.monotonic(), times, pending.age_ms, camera.age_ms(frame), light, confidence)
        if pending.measure and light is not None:
            self._on_measured(camera.name, light, math.nan if confidence is None else confidence, pending.image)
        self._on_published(pending)

    def _is_due(self, camera: str) -> bool:
        now = time.monotonic()
        if now < self._measured.get(camera, 0.0) + MEASURE_PERIOD_S:
            return False
        self._measured[camera] = now
        return True
