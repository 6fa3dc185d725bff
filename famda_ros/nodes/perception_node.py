# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""ROS node: camera images in; mask, confidence, pictures, metric depth and points out.

A lifecycle node: configure loads the model, activate listens.  The executor's one thread
only hands messages over; inference and the loading of other models have threads of their
own, so that parameters and lifecycle services are answered meanwhile.  All models are
loaded in one thread: memory that one has used is free for the next.

Subscriptions, below each camera's name: ``image`` (sensor_msgs/Image) or ``image/compressed`` (CompressedImage),
``camera_info`` (CameraInfo); only while somebody listens to an output.

Publishers, below each camera's name: the image topics of :data:`famda_ros.topics.IMAGE_TOPICS`, ``depth/points``
(PointCloud2), ``segmentation/camera_info`` and ``depth/camera_info`` (CameraInfo), latched ``segmentation/labels``
(std_msgs/String, JSON) and, where vision_msgs is installed, ``segmentation/label_info``; those only that the student
can fill: without depth there is no ``depth/...``; ``/diagnostics``;
``~/domain`` (String, JSON, latched): whether the cameras see what the student was adapted to.

Services: those of a lifecycle node; ``~/set_profile`` (rcl_interfaces/SetParametersAtomically with the parameter
``profile``, and ``force`` to take a student that is less sure); ``~/rollback`` (std_srvs/Trigger).

Parameters: :data:`famda_ros.profiles.parameters.PARAMETERS`, with types, units and defaults.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rclpy.timer import Timer

from famda_ros.errors import FamdaError
from famda_ros.nodes.camera_stream import CameraStream
from famda_ros.nodes.dds import send_in_background
from famda_ros.nodes.declare_parameters import declare_parameters
from famda_ros.nodes.diagnostics import PerceptionDiagnostics
from famda_ros.nodes.domain_publisher import DomainPublisher
from famda_ros.nodes.managed_node import ManagedNode
from famda_ros.nodes.profile_service import ProfileService
from famda_ros.nodes.run_node import run_node
from famda_ros.pipeline.camera_report import DiagnosticLimits
from famda_ros.pipeline.outputs import missing_topics, topics_of
from famda_ros.pipeline.scheduler import FrameScheduler
from famda_ros.pipeline.worker import Frame, InferenceWorker
from famda_ros.profiles.loading_thread import LoadingThread
from famda_ros.profiles.parameters import PARAMETERS, camera_weights, check_choices, group
from famda_ros.profiles.profile_control import ProfileControl
from famda_ros.profiles.student_switch import Attempt

LISTENER_PERIOD_S, REPORT_PERIOD_S = 0.2, 1.0
STOP_TIMEOUT_S = 1.0
"""So long a deactivation waits for the frame in hand; its outputs are not published."""


class PerceptionNode(ManagedNode):
    """Infers the newest images; those that come faster than the model can run are dropped."""

    def __init__(self):
        """Declare parameters; with ``autostart`` the node configures and activates itself once it is spun."""
        super().__init__('perception')
        self._profiles: ProfileControl | None = None
        self._diagnostics: PerceptionDiagnostics | None = None
        self._domain: DomainPublisher | None = None
        self._weights: dict[str, float] = {}
        self._cameras: dict[str, CameraStream] = {}
        self._scheduler: FrameScheduler[Frame] | None = None
        self._worker: InferenceWorker | None = None
        self._loader = LoadingThread()
        self._inferences: list[Callable[[], bool]] = []
        self._report_timer: Timer | None = None
        self._listener_timer: Timer | None = None
        self._values = declare_parameters(self, PARAMETERS, writable=['profile'])
        self.add_on_set_parameters_callback(self._on_parameters)
        self._profile_service = ProfileService(self, self._switch, self._roll_back)
        self.begin(autostart=self._values['autostart'])

    def _configure(self) -> None:
        values = self._values = {parameter.name: self.get_parameter(parameter.name).value for parameter in PARAMETERS}
        check_choices(values)
        self._weights = camera_weights(values['cameras'], values['camera_weights'])
        self._profiles = self._loader.run(
            lambda: ProfileControl(values, self._loader, self._on_switch, self._log), self.context.ok
        )
        card = self._profiles.student.card
        if missing := missing_topics(card):
            self._log(missing)
        how = values['image_transport'] == 'compressed', topics_of(card)
        points = values['points.stride'], values['points.edge_filter']
        self._cameras = {name: CameraStream(self, name, *how, *points) for name in self._weights}
        self._diagnostics, self._domain = PerceptionDiagnostics(self), DomainPublisher(self)
        self._set_limits()
        self._report_timer = self._steady_timer(REPORT_PERIOD_S, self._report)

    def _activate(self) -> None:
        assert self._profiles is not None and self._domain is not None
        self._inferences = [is_running for is_running in self._inferences if is_running()]
        if self._inferences:  # a student infers in one thread at a time
            raise FamdaError('an inference from before still runs; activate again when it has ended')
        profiles, card = self._profiles, self._profiles.student.card
        scheduler = self._scheduler = FrameScheduler(self._weights, profiles.settings.max_rate_hz)
        self._worker = InferenceWorker(
            self._cameras, scheduler, lambda: profiles.settings, profiles.measured, self._on_crash, self._domain.watch
        )
        self._domain.start(self._cameras, card)
        self._publish_labels()
        for camera in self._cameras.values():
            camera.start(scheduler.put)
        self._listener_timer = self._steady_timer(LISTENER_PERIOD_S, self._update_cameras)
        self.get_logger().info(
            f"model '{card.name}' on {profiles.student.provider}, {card.network_width}x{card.network_height}, "
            f"profile '{profiles.settings.profile or 'none'}'; waiting for images"
        )

    def _deactivate(self) -> None:
        if self._listener_timer is not None:
            self.destroy_timer(self._listener_timer)
            self._listener_timer = None
        for camera in self._cameras.values():
            camera.stop()
        worker, self._worker, self._scheduler = self._worker, None, None
        if worker is not None:
            worker.stop(STOP_TIMEOUT_S)
            self._inferences.append(lambda: worker.running)
            if worker.running and self.context.ok():
                self.get_logger().warning(f'an inference took more than {STOP_TIMEOUT_S} s; its outputs are discarded')

    @property
    def stuck(self) -> bool:
        """Whether an inference, or the loading of a model, runs that should have ended."""
        return self._loader.busy or any(is_running() for is_running in self._inferences)

    def _release(self) -> None:
        self._deactivate()
        if self._report_timer is not None:
            self.destroy_timer(self._report_timer)
            self._report_timer = None
        for entity in (*self._cameras.values(), self._diagnostics, self._domain, self._profiles):
            if entity is not None:
                entity.close()
        self._loader.abandon()
        self._cameras, self._diagnostics, self._domain, self._profiles = {}, None, None, None

    def _update_cameras(self) -> None:
        for camera in self._cameras.values():
            camera.update()

    def _report(self) -> None:
        if self._diagnostics is not None and self._profiles is not None:
            self._diagnostics.publish(self._profiles, self._cameras.values(), self._scheduler)

    def _on_crash(self, error: Exception) -> None:
        if self.context.ok():  # else the publishers are gone, because the node is being ended
            self.get_logger().fatal(f'inference stopped by {type(error).__name__}: {error}')
            self.finished.set_result(1)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changed = {p.name: p.value for p in parameters if p.name in self._values}
        values = {**self._values, **changed}
        profiles = self._profiles
        if profiles is not None and (reason := profiles.why_fixed(changed) or profiles.why_unfit(values)):
            return SetParametersResult(successful=False, reason=reason)
        self._values = values
        if self._profiles is not None:
            self._profiles.set_values(self._values)
        self._set_limits()
        self._set_rate()
        if 'min_confidence' in changed:
            self._publish_labels()
        return SetParametersResult(successful=True)

    def _log(self, sentence: str) -> None:
        self.get_logger().info(sentence)

    def _publish_labels(self) -> None:
        if self._profiles is None or self._scheduler is None:
            return
        settings = self._profiles.settings
        for camera in self._cameras.values():
            camera.outputs.publish_labels(settings.student.card, settings.min_confidence)

    def _set_limits(self) -> None:
        for camera in self._cameras.values():
            camera.statistics.limits = DiagnosticLimits(**group(self._values, 'diagnostics'))

    def _set_rate(self) -> None:
        profiles, scheduler = self._profiles, self._scheduler
        if profiles is not None and scheduler is not None:
            scheduler.max_rate_hz = profiles.settings.max_rate_hz

    def _switch(self, profile: str, force: bool) -> Attempt:
        return self._configured().begin(profile, force)

    def _roll_back(self) -> Attempt:
        return self._configured().begin_rollback()

    def _configured(self) -> ProfileControl:
        if self._profiles is None:
            raise FamdaError('the node is not configured; configure it first')
        return self._profiles

    def _on_switch(self, attempt: Attempt) -> None:
        """Tell about a switch that has ended; runs in the loader's thread."""
        profiles = self._profiles
        if profiles is None or not self.context.ok():
            return
        name = attempt.profile or 'none'
        if attempt.fault:
            named = f"'{name}'" in attempt.fault
            self.get_logger().error(attempt.fault if named else f"the profile '{name}' was refused: {attempt.fault}")
            return
        self._set_rate()
        self.get_logger().info(f"profile '{name}' with model '{profiles.student.card.name}'")
        self._publish_labels()

    def destroy_node(self) -> None:
        """End the inference thread, then the node."""
        self._release()
        self._loader.close()
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit code."""
    send_in_background()
    return run_node('perception_node', PerceptionNode, args, PARAMETERS)


if __name__ == '__main__':
    sys.exit(main())
